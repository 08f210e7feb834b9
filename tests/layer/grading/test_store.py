from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from benchmarks.meter import metered
from teaching import dynamo, projections
from teaching.changed_rows import Change
from teaching.errors import SubmissionNotFound, Unavailable
from teaching.grading import rules, store
from teaching.grading.rules import Grade, Scope
from teaching.http.auth import Caller
from teaching.tally.source import Listed
from teaching.tally.tree import HIGHEST, LOWEST
from tests.support import (
    BY_ADMIN,
    BY_ASESOR,
    BY_OTHER_ASESOR,
    ITEM,
    OTHER_ASESOR,
    PARTICIPANT,
    SUBMISSION,
    Wire,
    delete_rows,
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
    assert (cost.requests, cost.trips, cost.write_requests) == (3, 3, 1)
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


@pytest.fixture(params=[None, 100], ids=["first grade", "replaces one"])
def handed_in(request: pytest.FixtureRequest) -> str:
    """A submission whose grading is one update, and one whose grading is a transaction."""
    identity = new_id()
    take_in("submission", submission(id=identity, score=request.param, graded_at=None))
    return identity


def scores(identity: str) -> list[int]:
    """The scores that people gave, the present one last."""
    past = [grade["score"] for grade in past_grades(identity) if grade.get("grader_id")]
    return [*past, stored_submission(identity)["score"]]


def test_a_grade_whose_answer_was_lost_is_given_once(handed_in: str, wire: Wire) -> None:
    wire.lose_answer(lambda: None)
    graded = store.grade(BY_ASESOR, handed_in, scored(80))
    assert graded == rules.graded_submission(stored_submission(handed_in))
    assert scores(handed_in) == [80]


def test_a_grade_whose_answer_was_lost_is_answered_though_others_graded_since(
    handed_in: str, wire: Wire
) -> None:
    def grade_too() -> None:
        for score in range(1, dynamo.REMEMBERED):
            store.grade(BY_ADMIN, handed_in, scored(score))

    wire.lose_answer(grade_too)
    graded = store.grade(BY_ASESOR, handed_in, scored(80))
    assert graded["score"] == 80
    assert graded["graded_by"]
    assert graded["graded_by"]["id"] == BY_ASESOR.id
    assert scores(handed_in) == [80, *range(1, dynamo.REMEMBERED)]


def test_a_grade_whose_answer_was_lost_is_answered_though_it_is_nobodys_any_more(
    handed_in: str, wire: Wire
) -> None:
    def reassign() -> None:
        reassigned()
        settle()

    wire.lose_answer(reassign)
    assert store.grade(BY_ASESOR, handed_in, scored(80))["score"] == 80
    assert scores(handed_in) == [80]


def test_what_too_many_have_written_since_is_not_written_again(wire: Wire) -> None:
    identity = new_id()
    take_in("submission", submission(id=identity, score=None, graded_at=None))
    others = range(1, dynamo.REMEMBERED + 1)

    def grade_too() -> None:
        for score in others:
            store.grade(BY_ADMIN, identity, scored(score))

    wire.lose_answer(grade_too)
    with pytest.raises(Unavailable):
        store.grade(BY_ASESOR, identity, scored(80))
    assert scores(identity) == [80, *others]


def test_a_grade_that_was_long_on_its_way_overwrites_none(handed_in: str, wire: Wire) -> None:
    held = wire.hold_back()
    store.grade(BY_ASESOR, handed_in, scored(80))
    store.grade(BY_ADMIN, handed_in, scored(90))
    (deliver,) = held
    deliver()
    assert scores(handed_in) == [80, 90]


def test_updated_at_never_goes_back_whatever_the_clock_does(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = new_id()
    moments = {"submitted_at": "2026-02-18T06:30:00.000Z", "updated_at": "2026-02-20T00:00:00.000Z"}
    take_in("submission", submission(id=identity, score=None, graded_at=None, **moments))
    monkeypatch.setattr("teaching.clock.now", lambda: "2026-02-19T00:00:00.000Z")
    graded = store.grade(BY_ASESOR, identity, scored(80))
    assert (graded["graded_at"], graded["updated_at"]) == (
        "2026-02-19T00:00:00.000Z",
        "2026-02-20T00:00:00.000Z",
    )
    monkeypatch.setattr("teaching.clock.now", lambda: "2026-02-01T00:00:00.000Z")
    again = store.grade(BY_ASESOR, identity, scored(90))
    assert (again["graded_at"], again["updated_at"]) == (graded["graded_at"], graded["updated_at"])


def test_updated_at_does_not_go_back_when_a_grade_gives_way_to_a_hand_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("teaching.clock.now", lambda: "2026-02-25T00:00:00.000Z")
    store.grade(BY_ASESOR, SUBMISSION, scored(80))
    again = {"submitted_at": "2026-02-20T00:00:00.000Z", "updated_at": "2026-02-20T00:00:00.000Z"}
    take_in("submission", submission(score=None, graded_at=None, **again))
    row = stored_submission()
    assert (row["status"], row["updated_at"]) == ("submitted", "2026-02-25T00:00:00.000Z")


def reassigned() -> None:
    """The participant has another asesor; the projections have not followed yet."""
    take_in("user", participant(asesor=OTHER_ASESOR, updated_at="2026-03-01T00:00:00.000Z"))


def test_whoever_is_no_longer_the_asesor_sees_and_grades_nothing_at_once() -> None:
    settle()
    reassigned()
    before = stored_submission()
    with pytest.raises(SubmissionNotFound):
        store.details(BY_ASESOR, SUBMISSION)
    with pytest.raises(SubmissionNotFound):
        store.grade(BY_ASESOR, SUBMISSION, scored(1))
    assert stored_submission() == before


def test_whoever_is_the_asesor_now_sees_and_grades_at_once() -> None:
    settle()
    reassigned()
    assert store.details(BY_OTHER_ASESOR, SUBMISSION)["id"] == SUBMISSION
    assert store.grade(BY_OTHER_ASESOR, SUBMISSION, scored(90))["score"] == 90
    settle()
    row = stored_submission()
    assert (row["asesor_id"], row["status"]) == (OTHER_ASESOR, "graded")
    assert row["asesor_item"] == f"{OTHER_ASESOR}#{ITEM}"


@pytest.fixture
def replicas_behind(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on, what is not read consistently is the participant as they were then."""

    def behind() -> None:
        really = dynamo.call
        key = dynamo.to_item({"id": PARTICIPANT})
        before = really("get_item", TableName="UsersTable", Key=key, ConsistentRead=True)["Item"]

        def as_it_was(row: Any) -> Any:
            return before if row.get("id") == key["id"] else row

        def call(operation: str, **arguments: Any) -> Any:
            answer = really(operation, **arguments)
            if operation == "get_item" and not arguments["ConsistentRead"] and "Item" in answer:
                answer["Item"] = as_it_was(answer["Item"])
            if operation == "batch_get_item":
                for table, rows in answer["Responses"].items():
                    if not arguments["RequestItems"][table].get("ConsistentRead"):
                        rows[:] = map(as_it_was, rows)
            return answer

        monkeypatch.setattr(dynamo, "call", call)

    return behind


def test_who_is_whose_asesor_is_never_asked_of_a_replica(replicas_behind: Callable[[], None]) -> None:
    replicas_behind()
    reassigned()
    old = dynamo.get("UsersTable", {"id": PARTICIPANT})
    assert old
    assert old["asesor_id"] == BY_ASESOR.id
    asks: list[Callable[[Caller, str], Any]] = [store.details, partial(store.grade, given=scored(1))]
    for ask in asks:
        with pytest.raises(SubmissionNotFound):
            ask(BY_ASESOR, SUBMISSION)
        assert ask(BY_OTHER_ASESOR, SUBMISSION)["id"] == SUBMISSION


@pytest.fixture
def reassigned_meanwhile(monkeypatch: pytest.MonkeyPatch) -> list[Change]:
    """The participant gets another asesor between what the next grade reads and its write; what is in the
    list then follows.
    """
    transact = dynamo.transact
    followed: list[Change] = []

    def write_late(writes: Any) -> None:
        monkeypatch.setattr(dynamo, "transact", transact)
        reassigned()
        assert projections.refresh(followed) == []
        transact(writes)

    monkeypatch.setattr(dynamo, "transact", write_late)
    return followed


def test_a_grade_that_meets_a_reassignment_comes_before_it(reassigned_meanwhile: list[Change]) -> None:
    assert store.grade(BY_ASESOR, SUBMISSION, scored(90))["score"] == 90
    settle()
    row = stored_submission()
    assert (row["asesor_id"], row["status"]) == (OTHER_ASESOR, "graded")
    assert row["asesor_item"] == f"{OTHER_ASESOR}#{ITEM}"


def test_a_grade_that_meets_what_a_reassignment_changed_comes_after_it(
    reassigned_meanwhile: list[Change],
) -> None:
    reassigned_meanwhile.append(Change("UsersTable", PARTICIPANT))
    with pytest.raises(SubmissionNotFound):
        store.grade(BY_ASESOR, SUBMISSION, scored(90))
    assert history() == [100]


def test_an_item_that_has_only_just_come_in_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    get = dynamo.get

    def late(table: str, key: dynamo.Key, *, consistent: bool = False) -> dynamo.Item | None:
        return get(table, key, consistent=True) if consistent else None

    monkeypatch.setattr(dynamo, "get", late)
    assert store.details(BY_ASESOR, SUBMISSION)["item"]["id"] == ITEM


@pytest.mark.parametrize(("table", "gone"), [("UsersTable", PARTICIPANT), ("ItemsTable", ITEM)])
@pytest.mark.parametrize("caller", [BY_ADMIN, BY_ASESOR])
def test_without_its_participant_or_its_item_a_submission_is_not_there(
    table: str, gone: str, caller: Caller
) -> None:
    delete_rows(table, [{"id": gone}])
    with pytest.raises(SubmissionNotFound):
        store.details(caller, SUBMISSION)


def test_a_whole_list_is_compared_with_its_index_by_one_request_but_the_list_of_all() -> None:
    """Of every list there is: what the index says is what the rows count as."""
    waiting = {"score": None, "graded_at": None, "graded_by": None}
    take_in(
        "submission",
        submission(id=new_id(), status="in_progress", submitted_at=None, **waiting),
        submission(id=new_id(), status="submitted", **waiting),
    )
    stored = [row for row in dynamo.scan_all("SubmissionsTable") if rules.is_complete(row)]
    expected: dict[str, set[Listed]] = defaultdict(set)
    for row in stored:
        for list_name, entry in rules.counted(row).entries.items():
            if not Scope.of(list_name).participant:
                expected[list_name].add(Listed(row["id"], entry.key, entry.label, entry.score))
    assert all(len(of_list) == len(rules.Status) for of_list in expected.values())
    for list_name, of_list in expected.items():
        with metered() as cost:
            assert set(store.listed(list_name, LOWEST, HIGHEST)) == of_list
        assert cost.requests == (1 if Scope.of(list_name) != Scope() else len(rules.Status))
