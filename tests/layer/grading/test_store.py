import json
from typing import Any

import pytest

from teaching import dynamo
from teaching.errors import SubmissionNotFound, Unavailable
from teaching.grading import store
from teaching.grading.rules import Grade
from tests.support import (
    BY_ADMIN,
    BY_ASESOR,
    BY_OTHER_ASESOR,
    OTHER_ASESOR,
    SUBMISSION,
    new_id,
    participant,
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
    row = stored_submission()
    return [*(int(json.loads(grade)["score"]) for grade in row["earlier_grades"]), int(row["score"])]


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


def test_a_lost_answer_repeated_grades_again_without_losing_a_score() -> None:
    for _ in range(2):
        store.grade(BY_ASESOR, SUBMISSION, scored(90))
    assert history() == [100, 90, 90]


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
    scores = [json.loads(grade)["score"] for grade in row.get("earlier_grades", [])]
    assert (scores, row["status"], row.get("score")) in (
        (["100", "90"], "submitted", None),
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
    assert len(stored_submission()["earlier_grades"]) == 1


def test_whoever_is_no_longer_the_asesor_sees_nothing_at_once() -> None:
    """Before the projections have followed."""
    settle()
    take_in("user", participant(asesor=OTHER_ASESOR, updated_at="2026-03-01T00:00:00.000Z"))
    with pytest.raises(SubmissionNotFound):
        store.details(BY_ASESOR, SUBMISSION)
