from decimal import Decimal
from typing import Any

import pytest

from teaching.errors import CannotBeGraded
from teaching.grading import rules
from teaching.grading.rules import Grade, Scope, Status
from teaching.jsons import dumps
from teaching.records import SubmissionRecord
from teaching.tally.tree import Sum
from tests.support import ASESOR, COURSE, ITEM, PARTICIPANT, SUBMISSION, submission

pytestmark = pytest.mark.usefixtures("no_network")

NOW = "2026-02-19T15:06:03.117Z"
SOON = "2026-02-20T00:00:00.000Z"
COPY = '{"id":"970d8099-2491-4fe6-9136-115560f10c77","name":"Budi Santoso","email":"b@c.d","profile":null}'


def record(**changes: Any) -> SubmissionRecord:
    return SubmissionRecord.model_validate(submission(**changes))


def arrived(**changes: Any) -> dict[str, Any]:
    """A stored row, as such a record makes it."""
    made = rules.arrival(None, record(**changes))
    assert made
    return {"id": SUBMISSION, "version": 1, **made}


def graded(row: dict[str, Any], score: Any, **more: Any) -> dict[str, Any]:
    changes = rules.grading(row, Grade.model_validate({"score": score, **more}), ASESOR, COPY, NOW)
    return {**row, **changes}


def test_grading_makes_it_graded() -> None:
    row = graded(arrived(), 90, feedback="Ok mantep")
    assert {
        name: row[name] for name in ("status", "score", "feedback", "graded_at", "graded_by", "updated_at")
    } == {
        "status": "graded",
        "score": Decimal(90),
        "feedback": "Ok mantep",
        "graded_at": NOW,
        "graded_by": COPY,
        "updated_at": NOW,
    }


@pytest.mark.parametrize("score", [Decimal("90.5"), Decimal("0.1"), Decimal("12345.678"), 0, 10**14])
def test_a_score_is_kept_exactly(score: Any) -> None:
    assert graded(arrived(), score)["score"] == Decimal(score)


def test_what_is_in_progress_cannot_be_graded() -> None:
    with pytest.raises(CannotBeGraded, match="in_progress"):
        graded(arrived(status="in_progress", submitted_at=None, score=None), 90)


def test_nothing_of_a_grade_is_lost() -> None:
    handed_in = "2026-02-18T06:30:09.094Z"
    assert rules.past_grade(graded(arrived(), 10, feedback="first")) == {
        "subject": SUBMISSION,
        "version": 1,
        "score": Decimal(10),
        "feedback": "first",
        "graded_at": NOW,
        "graded_by": COPY,
        "grader_id": ASESOR,
        "submitted_at": handed_in,
    }
    quiz = rules.past_grade(arrived())
    assert quiz
    assert (quiz["score"], quiz["graded_at"], quiz["grader_id"]) == (Decimal(100), handed_in, None)


def test_what_was_never_scored_leaves_nothing() -> None:
    assert rules.past_grade(arrived(score=None, graded_at=None)) is None


@pytest.mark.parametrize("again", [{}, {"feedback": "first"}])
def test_the_present_grade_once_more_changes_nothing(again: dict[str, Any]) -> None:
    row = graded(arrived(), 90, feedback="first")
    grade = Grade.model_validate({"score": Decimal("90.0"), **again})
    assert rules.grading(row, grade, ASESOR, COPY, "2026-02-20T00:00:00.000Z") == {}


@pytest.mark.parametrize(
    ("grader", "given"),
    [
        (PARTICIPANT, {"score": 90}),
        (ASESOR, {"score": 91}),
        (ASESOR, {"score": 90, "feedback": None}),
        (ASESOR, {"score": 90, "feedback": "second"}),
    ],
)
def test_another_grader_score_or_feedback_is_another_grade(grader: str, given: dict[str, Any]) -> None:
    row = graded(arrived(), 90, feedback="first")
    assert rules.grading(row, Grade.model_validate(given), grader, COPY, NOW)


def test_a_quizs_own_score_is_no_persons_grade() -> None:
    row = arrived(score=90, graded_by=ASESOR)
    assert graded(row, 90)["status"] == "graded"


def test_an_older_record_changes_nothing() -> None:
    assert rules.arrival(arrived(), record(updated_at="2026-02-18T06:30:09.101Z", score=1)) is None


def test_of_two_records_as_old_the_last_to_arrive_counts() -> None:
    changes = rules.arrival(arrived(), record(score=1))
    assert changes
    assert changes["score"] == 1


def test_the_same_record_once_more_undoes_no_grade() -> None:
    row = graded(arrived(), 90, feedback="Ok mantep")
    changes = rules.arrival(row, record())
    assert changes
    assert {name: value for name, value in changes.items() if row.get(name) != value} == {}


def test_a_newer_record_replaces_what_the_source_said() -> None:
    row = arrived(status="in_progress", submitted_at=None, score=None)
    changes = rules.arrival(row, record(updated_at="2026-02-18T06:31:00Z"))
    assert changes
    assert (changes["status"], changes["score"]) == ("submitted", Decimal(100))


def test_a_grade_given_here_survives_a_newer_record_of_the_same_hand_in() -> None:
    row = graded(arrived(), 90, feedback="Ok mantep")
    newer = record(
        updated_at="2026-02-21T00:00:00Z", status="graded", score=5, feedback="source", graded_by=PARTICIPANT
    )
    changes = rules.arrival(row, newer)
    assert changes
    after = {**row, **changes}
    kept = ("status", "score", "feedback", "graded_at", "grader_id", "graded_here", "submitted_at")
    assert {name: after[name] for name in kept} == {name: row[name] for name in kept}
    assert after["source_updated_at"] == "2026-02-21T00:00:00.000Z"


def test_a_newer_hand_in_replaces_the_grade_given_here() -> None:
    row = graded(arrived(), 90, feedback="Ok mantep")
    again = record(
        updated_at="2026-02-21T00:00:00Z", submitted_at="2026-02-20T00:00:00Z", score=None, graded_at=None
    )
    changes = rules.arrival(row, again)
    assert changes
    after = {**row, **changes}
    assert (after["status"], after["score"], after["graded_here"]) == ("submitted", None, None)
    assert rules.hands_in_anew(row, again)
    assert not rules.hands_in_anew(row, record(updated_at="2026-02-21T00:00:00Z"))


@pytest.mark.parametrize(
    ("row", "graded_at", "updated_at"),
    [
        ({"updated_at": SOON}, NOW, SOON),
        ({"updated_at": SOON, "submitted_at": SOON}, SOON, SOON),
        ({"updated_at": SOON, "graded_at": SOON}, SOON, SOON),
        ({"submitted_at": "2999-01-01T00:00:00.000Z"}, NOW, NOW),
    ],
)
def test_a_grade_is_not_given_before_what_it_follows(
    row: dict[str, str], graded_at: str, updated_at: str
) -> None:
    changes = graded({**arrived(), **row}, 90)
    assert (changes["graded_at"], changes["updated_at"]) == (graded_at, updated_at)


def test_a_newer_hand_in_does_not_turn_updated_at_back() -> None:
    again = record(updated_at="2026-02-19T00:00:00Z", submitted_at="2026-02-18T23:00:00Z")
    changes = rules.arrival(graded(arrived(), 90), again)
    assert changes
    assert (changes["submitted_at"], changes["updated_at"]) == ("2026-02-18T23:00:00.000Z", NOW)


def test_updated_at_never_goes_back() -> None:
    row = graded(arrived(), 90)
    changes = rules.arrival(row, record(updated_at="2026-02-18T07:00:00Z"))
    assert changes
    assert changes["updated_at"] == NOW


USER = {"id": PARTICIPANT, "name": "Siti", "email": "s@e.c", "profile": "null", "asesor_id": ASESOR}
QUIZ = {"id": ITEM, "title": "Quiz", "category": "quiz"}


@pytest.mark.parametrize(
    ("user", "quiz", "waiting"), [(None, QUIZ, PARTICIPANT), (USER, None, ITEM), (None, None, PARTICIPANT)]
)
def test_a_submission_waits_for_what_it_refers_to_in_no_list(
    user: dict[str, Any] | None, quiz: dict[str, Any] | None, waiting: str
) -> None:
    row = arrived()
    row |= rules.derived(row, user, quiz, None)
    assert row["waiting_for"] == waiting
    assert row["order_key"] is None
    assert not rules.counted(row).entries


def complete(**changes: Any) -> dict[str, Any]:
    row = arrived(**changes)
    return row | rules.derived(row, USER, QUIZ, None)


def test_a_submission_is_counted_in_every_list_that_shows_it() -> None:
    counted = rules.counted(complete()).entries
    shown = {
        Scope(asesor, course, item).list
        for asesor in (None, ASESOR)
        for course in (None, COURSE)
        for item in (None, ITEM)
    }
    own = Scope(participant=PARTICIPANT).list
    assert set(counted) == shown | {own}
    assert {entry.key for entry in counted.values()} == {("2026-02-18T06:30:09.094Z", SUBMISSION)}
    assert counted[own].tags == (ASESOR, COURSE, ITEM)


@pytest.mark.parametrize("asesor", [None, ASESOR])
@pytest.mark.parametrize("course", [None, COURSE])
@pytest.mark.parametrize("item", [None, ITEM])
def test_a_list_tells_what_a_filter_wants(asesor: str | None, course: str | None, item: str | None) -> None:
    scope = Scope(asesor, course, item)
    label = rules.counted(complete()).entries[scope.list].label
    assert scope.wants(None)(label)
    assert scope.wants(Status.SUBMITTED)(label)
    assert not scope.wants(Status.GRADED)(label)
    elsewhere = rules.counted(complete(course_id=PARTICIPANT)).entries.get(scope.list)
    assert bool(elsewhere and scope.wants(None)(elsewhere.label)) == (course is None)


def test_only_a_graded_score_counts_towards_the_average() -> None:
    assert {entry.score for entry in rules.counted(complete(score=100)).entries.values()} == {0}
    by_hand = rules.counted(graded(complete(), Decimal("90.5"))).entries
    assert {entry.score for entry in by_hand.values()} == {Decimal("90.5")}


def test_without_an_asesor_it_is_in_no_asesors_list() -> None:
    row = arrived()
    counted = rules.counted(row | rules.derived(row, USER | {"asesor_id": None}, QUIZ, None)).entries
    assert counted
    assert all("asesor" not in name for name in counted)


@pytest.mark.parametrize(
    ("status", "time"),
    [("in_progress", "2026-02-18T06:24:51.730Z"), ("submitted", "2026-02-18T06:30:09.094Z")],
)
def test_what_is_in_progress_is_listed_by_when_it_was_begun(status: str, time: str) -> None:
    assert rules.listed_at(complete(status=status, score=None)) == time
    assert complete(status=status)["order_key"] == f"{status}#{time}#{SUBMISSION}"


@pytest.mark.parametrize(
    ("pending", "graded", "scores", "average"),
    [
        (0, 0, "0", "0"),
        (3, 0, "0", "0"),
        (0, 3, "100", "33.33"),
        (1, 3, "200", "66.67"),
        (1, 2, "180", "90"),
        (0, 2, "181", "90.5"),
        (0, 8, "0.04", "0.01"),
        (0, 1, "12345678901234.5", "12345678901234.5"),
    ],
)
def test_statistics(pending: int, graded: int, scores: str, average: str) -> None:
    answer = rules.statistics(
        Sum({"submitted": pending, "graded": graded, "in_progress": 7}, Decimal(scores))
    )
    assert dumps(answer) == (
        f'{{"submission_total":{{"total":{pending + graded},"pending":{pending},"graded":{graded}}},'
        f'"average_score":{average}}}'
    )
