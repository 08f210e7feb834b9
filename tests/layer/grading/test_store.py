from typing import Any

import pytest

from benchmarks.meter import metered
from teaching import dynamo
from teaching.errors import SubmissionNotFound, Unavailable
from teaching.grading import rules, store
from teaching.grading.rules import Grade
from tests.support import (
    BY_ADMIN,
    BY_ASESOR,
    BY_OTHER_ASESOR,
    OTHER_ASESOR,
    SUBMISSION,
    new_id,
    participant,
    past_grades,
    race,
    settle,
    stored_submission,
    submission,
    take_in,
    take_in_examples,
)


@pytest.fixture(autouse=True)
def _examples(tables: str) -> None:
    take_in_examples()


def scored(score: int) -> Grade:
    return Grade.model_validate({"score": score})


def history() -> list[int]:
    """The scores that were ever given, the present one last."""
    return [*(grade["score"] for grade in past_grades()), stored_submission()["score"]]


def test_grades_given_at_once_all_count_in_turn() -> None:
    scores = range(1, 5)

    def grade(number: int) -> object:
        caller = BY_ASESOR if number % 2 else BY_ADMIN
        return store.grade(caller, SUBMISSION, scored(scores[number]))["score"]

    assert race(len(scores), grade) == list(scores)
    given = history()
    assert given[0] == 100
    assert sorted(given[1:]) == list(scores)


def test_who_loses_every_race_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamo, "pause", lambda attempt: None)
    read = dynamo.batch_get

    def overtaken(*arguments: Any, **more: Any) -> Any:
        found = read(*arguments, **more)
        dynamo.update("SubmissionsTable", {"id": SUBMISSION}, {}, condition="attribute_exists(id)")
        return found

    monkeypatch.setattr(dynamo, "batch_get", overtaken)
    with pytest.raises(Unavailable):
        store.grade(BY_ASESOR, SUBMISSION, scored(1))
    assert stored_submission()["score"] == 100


def test_the_present_grade_once_more_answers_the_same_and_writes_nothing() -> None:
    first = store.grade(BY_ASESOR, SUBMISSION, scored(90))
    row = stored_submission()
    assert store.grade(BY_ASESOR, SUBMISSION, scored(90)) == first
    assert (stored_submission(), history()) == (row, [100, 90])


def test_a_row_can_be_graded_for_ever() -> None:
    feedback = "\U0001f600" * 10_000
    for score in range(15):
        grade = Grade.model_validate({"score": score, "feedback": feedback})
        assert store.grade(BY_ASESOR, SUBMISSION, grade)["score"] == score
    assert history() == [100, *range(15)]
    assert [grade["version"] for grade in past_grades()] == list(range(1, 16))
    assert stored_submission()["version"] == 16


def test_where_nothing_is_replaced_nothing_is_kept() -> None:
    identity = new_id()
    take_in("submission", submission(id=identity, score=None, graded_at=None))
    with metered() as cost:
        graded = store.grade(BY_ASESOR, identity, scored(90))
    assert (cost.requests, cost.write_requests) == (2, 1)
    assert past_grades(identity) == []
    assert graded == rules.graded_submission(stored_submission(identity))


def test_an_answer_is_the_row_as_a_transaction_wrote_it() -> None:
    graded = store.grade(BY_ASESOR, SUBMISSION, scored(90))
    assert graded == rules.graded_submission(stored_submission())


def test_a_grade_and_what_it_replaces_are_written_both_or_neither() -> None:
    before = stored_submission()
    store.grade(BY_ASESOR, SUBMISSION, scored(90))
    row, past = stored_submission(), past_grades()
    with pytest.raises(dynamo.ConditionFailed):
        dynamo.update_from(
            "SubmissionsTable", {"id": SUBMISSION}, before, {"score": 1}, store._kept(before | {"score": 2})
        )
    assert (stored_submission(), past_grades()) == (row, past)


def test_no_grade_makes_a_row() -> None:
    missing = new_id()
    with pytest.raises(SubmissionNotFound):
        store.grade(BY_ADMIN, missing, scored(1))
    with pytest.raises(SubmissionNotFound):
        store.grade(BY_OTHER_ASESOR, SUBMISSION, scored(1))
    assert dynamo.get("SubmissionsTable", {"id": missing}) is None
    assert stored_submission()["score"] == 100


def test_a_grade_and_a_newer_hand_in_at_once_lose_neither() -> None:
    again = submission(
        updated_at="2026-02-21T00:00:00Z", submitted_at="2026-02-20T00:00:00Z", score=None, graded_at=None
    )

    def act(number: int) -> None:
        if number:
            store.grade(BY_ASESOR, SUBMISSION, scored(90))
        else:
            take_in("submission", again)

    race(2, act)
    row = stored_submission()
    assert row["submitted_at"] == "2026-02-20T00:00:00.000Z"
    scores = [grade["score"] for grade in past_grades()]
    assert (scores, row["status"], row.get("score")) in (
        ([100, 90], "submitted", None),
        ([], "graded", 90),
    )


def test_a_grade_whose_answer_was_lost_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The write went through, the SDK sent it again, and its condition no longer held."""
    update = dynamo.update_from

    def answer_lost(*arguments: Any) -> Any:
        update(*arguments)
        monkeypatch.setattr(dynamo, "update_from", update)
        raise dynamo.ConditionFailed

    monkeypatch.setattr(dynamo, "update_from", answer_lost)
    graded = store.grade(BY_ASESOR, SUBMISSION, scored(80))
    assert graded["score"] == 80
    assert history() == [100, 80]


def test_whoever_is_no_longer_the_asesor_sees_nothing_at_once() -> None:
    """Before the projections have followed."""
    settle()
    take_in("user", participant(asesor=OTHER_ASESOR, updated_at="2026-03-01T00:00:00.000Z"))
    with pytest.raises(SubmissionNotFound):
        store.details(BY_ASESOR, SUBMISSION)
