"""The rules of submissions and grades: pure, the clock given (rules, Submissions).

A submission goes `in_progress` -> `submitted` -> `graded`, and may be graded again.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from teaching import clock, jsons
from teaching.directory.people import (
    Copy,
    ItemSummary,
    Json,
    MaterialItem,
    Participant,
    Person,
    item_copy,
    person_copy,
    read_copy,
    unknown_person,
)
from teaching.errors import CannotBeGraded, SubmissionNotFound
from teaching.fields import Note, Score, Strict, Uuid
from teaching.http.batch import SIZE, each_once, or_failure
from teaching.http.pages import PageQuery
from teaching.records import SubmissionRecord
from teaching.tally.nodes import Counted
from teaching.tally.tree import Entry, Key, Leaf, Sum, Wanted, group_of, total


class Status(StrEnum):
    IN_PROGRESS = "in_progress"
    SUBMITTED = "submitted"
    GRADED = "graded"


GRADABLE = {Status.SUBMITTED, Status.GRADED}


class SubmissionFilters(BaseModel):
    """Which submissions are listed or counted; together the filters mean AND."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    material_item_id: Uuid | None = None
    """Only submissions to this item."""
    course_id: Uuid | None = None
    """Only submissions of this course."""
    participant_id: Uuid | None = None
    """Only submissions of this participant."""
    asesor_id: Uuid | None = None
    """Only submissions of this asesor's participants; an asesor finds none of another's."""


class SubmissionQuery(SubmissionFilters, PageQuery):
    """The filters of "Get Submissions List"."""

    status: Status | None = None
    """Only those that stand so."""


class Grade(Strict):
    """The body of "Grade Submission". Feedback that is not given stays as it is; null takes it away."""

    score: Score
    """The points. There is no upper bound but the digits: bonus points exist."""
    feedback: Note | None = None
    """To the participant."""


class GradeOf(Grade):
    """A grade among many."""

    id: str
    """Of the submission."""


class Grades(Strict):
    """The body of "Grade Submissions"."""

    grades: Annotated[list[Annotated[GradeOf, or_failure(SubmissionNotFound)]], SIZE, each_once("id")]
    """Each is graded alone: some may fail where others succeed."""


class SubmissionRow(TypedDict):
    id: str
    """Of the submission."""
    submitted_at: str | None
    """When it was handed in; null while it is in progress."""
    graded_at: str | None
    """When it got its score; null without one."""
    graded_by: Person | None
    """Who graded it; null without a grade, and when a quiz scored itself."""
    score: Score | None
    """The points; null without any."""
    status: Status
    """`in_progress` until handed in, then `submitted`, and `graded` once a person has graded it."""
    user: Person
    """The participant."""
    item: ItemSummary
    """What was answered."""


class GradedSubmission(TypedDict):
    id: str
    """Of the submission."""
    user_id: str
    """The participant."""
    item_id: str
    """What was answered."""
    score: Score | None
    """The points; null without any."""
    response_snapshot: Json
    """The participant's answers, as the service that owns submissions keeps them."""
    status: Status
    """`in_progress` until handed in, then `submitted`, and `graded` once a person has graded it."""
    feedback: str | None
    """The grader's words to the participant; null without any."""
    graded_at: str | None
    """When it got its score; null without one."""
    graded_by: Person | None
    """Who graded it; null without a grade, and when a quiz scored itself."""
    submitted_at: str | None
    """When it was handed in; null while it is in progress."""
    updated_at: str
    """When it was last changed."""
    course_id: str
    """The course that the item belongs to."""


class SubmissionDetails(GradedSubmission):
    user: Participant
    """The participant, with their profile."""
    item: MaterialItem
    """What was answered, with its content."""


class GivenGrade(TypedDict):
    score: Score
    """The points."""
    feedback: str | None
    """The grader's words to the participant; null without any."""
    graded_at: str | None
    """When it was given."""
    graded_by: Person | None
    """Who gave it, as they were called while it held; null when a quiz scored itself."""
    submitted_at: str | None
    """When what it is for was handed in."""


class SubmissionTotal(TypedDict):
    total: int
    """`pending` and `graded` together; what is in progress is not counted."""
    pending: int
    """Handed in and not yet graded by a person: those that are `submitted`."""
    graded: int
    """Graded by a person."""


class Statistics(TypedDict):
    submission_total: SubmissionTotal
    """How many submissions there are."""
    average_score: Decimal
    """Mean score of the graded ones, rounded to two decimals; 0 when there are none."""


def row(stored: Mapping[str, Any]) -> SubmissionRow:
    """From a row of the table or of one of its indexes."""
    return {
        "id": stored["id"],
        "submitted_at": stored.get("submitted_at"),
        "graded_at": stored.get("graded_at"),
        "graded_by": _grader(stored),
        "score": stored.get("score"),
        "status": Status(stored["status"]),
        "user": read_copy(stored["user"]),
        "item": read_copy(stored["item"]),
    }


def is_complete(stored: Mapping[str, Any]) -> bool:
    """Whether a submission is on any list and route: one that waits for its participant or item is not."""
    return bool(stored.get("order_key"))


def graded_submission(stored: Mapping[str, Any]) -> GradedSubmission:
    return {
        "id": stored["id"],
        "user_id": stored["user_id"],
        "item_id": stored["item_id"],
        "score": stored.get("score"),
        "response_snapshot": json.loads(stored["response_snapshot"]),
        "status": Status(stored["status"]),
        "feedback": stored.get("feedback"),
        "graded_at": stored.get("graded_at"),
        "graded_by": _grader(stored),
        "submitted_at": stored.get("submitted_at"),
        "updated_at": stored["updated_at"],
        "course_id": stored["course_id"],
    }


def given_grade(past: Mapping[str, Any]) -> GivenGrade:
    """From a row of the History table, or what `past_grade` makes of the present one."""
    return {
        "score": past["score"],
        "feedback": past.get("feedback"),
        "graded_at": past.get("graded_at"),
        "graded_by": _grader(past),
        "submitted_at": past.get("submitted_at"),
    }


def _grader(stored: Mapping[str, Any]) -> Person | None:
    return read_copy(stored["graded_by"]) if stored.get("graded_by") else None


def grading(
    stored: Mapping[str, Any], grade: Grade, grader: str, grader_copy: Copy, now: str
) -> dict[str, Any]:
    """What grading changes in the row; nothing when the grade is the present one. Raises `CannotBeGraded`.

    Whatever the clock says, a grade is not given before the hand-in, nor before the grade that it replaces.
    """
    if stored["status"] not in GRADABLE:
        raise CannotBeGraded(f"it is {stored['status']}, not handed in yet")
    feedback = grade.feedback if "feedback" in grade.model_fields_set else stored.get("feedback")
    present = (stored["status"], stored.get("grader_id"), stored.get("score"), stored.get("feedback"))
    if present == (Status.GRADED, grader, grade.score, feedback):
        return {}
    graded_at = clock.following(
        now, stored["updated_at"], stored.get("submitted_at"), stored.get("graded_at")
    )
    changes = {
        "status": Status.GRADED.value,
        "score": grade.score,
        "feedback": feedback,
        "graded_at": graded_at,
        "graded_by": grader_copy,
        "grader_id": grader,
        "graded_here": True,
        "updated_at": clock.latest(graded_at, stored["updated_at"]),
    }
    return changes | one_past_more(stored) | keys({**stored, **changes})


def one_past_more(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The number of grades that were replaced, once that of the row is too.

    A row of before they were counted goes on without a number: its history is read whole.
    """
    if stored.get("past_grades") is None or stored.get("score") is None:
        return {}
    return {"past_grades": stored["past_grades"] + 1}


def past_grade(stored: Mapping[str, Any]) -> dict[str, Any] | None:
    """The row of the History table for the grade that a row has, or a quiz's own score; None: it has neither.

    Its version is the last one of the row that had the grade.
    """
    if stored.get("score") is None:
        return None
    names = ("version", "score", "feedback", "graded_at", "graded_by", "grader_id", "submitted_at")
    return {"subject": stored["id"], **{name: stored[name] for name in names if name in stored}}


def arrival(stored: Mapping[str, Any] | None, record: SubmissionRecord) -> dict[str, Any] | None:
    """What a record that came in changes in the row; None when the row holds something newer.

    Age is judged by the source's own clock; of two that are as old, the last to arrive counts. A grade
    given here stays, unless the record hands in anew.
    """
    if stored and record.updated_at < stored["source_updated_at"]:
        return None
    changes = record.model_dump(exclude={"graded_by", "response_snapshot", "id"}) | {
        "response_snapshot": jsons.dumps(record.response_snapshot),
        "grader_id": record.graded_by,
        "source_updated_at": record.updated_at,
        "updated_at": clock.latest(record.updated_at, (stored or {}).get("updated_at")),
    }
    if not stored:
        changes["past_grades"] = 0
    if stored and stored.get("graded_here"):
        if hands_in_anew(stored, record):
            changes |= {"graded_here": None} | one_past_more(stored)
        else:
            changes |= {
                name: stored.get(name) for name in ("status", "score", "feedback", "graded_at", "grader_id")
            }
            changes |= {"submitted_at": stored["submitted_at"]}
    return changes


def hands_in_anew(stored: Mapping[str, Any], record: SubmissionRecord) -> bool:
    """Whether the record was handed in after what was graded here, and so replaces that grade."""
    handed_in = record.submitted_at if Status(record.status) in GRADABLE else None
    return bool(stored.get("graded_here")) and (handed_in or "") > (stored["submitted_at"] or "")


def derived(
    row: Mapping[str, Any],
    participant: Mapping[str, Any] | None,
    item: Mapping[str, Any] | None,
    grader: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What a row carries of others (rows of their tables, None where not there yet), and its index keys."""
    carried = {
        "user": participant and person_copy(participant),
        "asesor_id": participant and participant.get("asesor_id"),
        "item": item and item_copy(item),
        "waiting_for": None,
        "graded_by": None,
    }
    if not participant:
        carried["waiting_for"] = row["user_id"]
    elif not item:
        carried["waiting_for"] = row["item_id"]
    if row.get("grader_id"):
        carried["graded_by"] = person_copy(grader) if grader else unknown_person(row["grader_id"])
    return carried | keys({**row, **carried})


def keys(stored: Mapping[str, Any]) -> dict[str, str | None]:
    """The index keys of a row; one that waits for its participant or item has none and is in no list."""
    if stored.get("waiting_for"):
        return dict.fromkeys(("order_key", "asesor_course", "asesor_item"))
    asesor = stored.get("asesor_id")
    return {
        "order_key": f"{stored['status']}#{listed_at(stored)}#{stored['id']}",
        "asesor_course": asesor and f"{asesor}#{stored['course_id']}",
        "asesor_item": asesor and f"{asesor}#{stored['item_id']}",
    }


def key_of(order_key: str) -> Key:
    """The place in its list: (time, id), out of `status#time#id`."""
    _, time, identity = order_key.split("#")
    return time, identity


def listed_at(stored: Mapping[str, Any]) -> str:
    """The time by which lists are ordered: of handing in, of beginning while in progress."""
    handed_in = None if stored["status"] == Status.IN_PROGRESS else stored.get("submitted_at")
    return str(handed_in or stored["created_at"])


class Scope(NamedTuple):
    """Which submissions a list holds: those that meet all of the filters that are given."""

    asesor: str | None = None
    course: str | None = None
    item: str | None = None
    participant: str | None = None

    @property
    def list(self) -> str:
        """The name of its count tree: `submissions#asesor#<id>#course#<id>`; an item's holds all courses, a
        participant's everything.
        """
        filters = self._replace(course=None) if self.item else self
        if self.participant:
            filters = Scope(participant=self.participant)
        return "#".join(
            ["submissions", *(f"{name}#{value}" for name, value in filters._asdict().items() if value)]
        )

    def covers(self, asesor: str | None, course: str, item: str) -> bool:
        """Whether a submission of these meets the filters, its participant aside."""
        return self.asesor in (None, asesor) and self.course in (None, course) and self.item in (None, item)

    def holds(self, entry: Entry) -> bool:
        """Whether an entry of its participant's list meets the other filters."""
        asesor, course, item = entry.tags
        return self.covers(asesor, course, item)

    def label(self, status: str, course: str) -> str:
        """What a submission is labelled with in the list: an item's may be filtered by course."""
        return f"{status}#{course}" if self.item else status

    def wants(self, status: Status | None) -> Wanted:
        """The labels in the list that meet the scope and the status (None: any)."""

        def wanted(label: str) -> bool:
            course = group_of(label)
            # Only in the lists of items do labels name courses.
            is_of_course = not course or self.course in (None, course)
            return is_of_course and status in (None, status_of(label))

        return wanted

    def of_course(self, totals: Sum) -> Sum:
        """Of an item's totals those of the course."""
        wanted = self.wants(None)
        counts = {label: count for label, count in totals.counts.items() if wanted(label)}
        return Sum(counts, totals.scores_of.get(self.course or "", Decimal(0)))

    @classmethod
    def asked(cls, filters: SubmissionFilters, sees_only: str | None) -> "Scope | None":
        """What the filters leave of what one sees (None: all); None where that is nothing at all."""
        if sees_only and filters.asesor_id not in (None, sees_only):
            return None
        asesor = sees_only or filters.asesor_id
        return cls(asesor, filters.course_id, filters.material_item_id, filters.participant_id)

    @classmethod
    def of(cls, list_name: str) -> "Scope":
        _, *filters = list_name.split("#")
        return cls(**dict(zip(filters[::2], filters[1::2], strict=True)))


def counted(stored: Mapping[str, Any]) -> Counted:
    """The lists that a row is counted in, and as what; none for one that waits for others."""
    version = stored["version"]
    if not is_complete(stored):
        return Counted(version, {})
    status, asesor = stored["status"], stored.get("asesor_id")
    course, item = stored["course_id"], stored["item_id"]
    entry = entry_of(stored)
    scopes = [Scope(), Scope(item=item), Scope(course=course)]
    if asesor:
        scopes = [scope._replace(asesor=asesor) for scope in scopes] + scopes
    lists = {scope.list: entry._replace(label=scope.label(status, course)) for scope in scopes}
    of_participant = Scope(participant=stored["user_id"]).list
    return Counted(version, lists | {of_participant: tagged(entry, stored)})


def entry_of(stored: Mapping[str, Any]) -> Entry:
    """What a row is in lists whose labels are statuses."""
    status = stored["status"]
    score = Decimal(stored["score"]) if status == Status.GRADED else Decimal(0)
    return Entry(listed_at(stored), stored["id"], status, score, version=stored["version"])


def tagged(entry: Entry, stored: Mapping[str, Any]) -> Entry:
    """As in the list of its participant, which is read whole."""
    return entry._replace(tags=(stored.get("asesor_id") or "", stored["course_id"], stored["item_id"]))


def summed(entries: Iterable[Entry]) -> Sum:
    """What some entries come to."""
    return total(Leaf(tuple(entries)))


def status_of(label: str) -> str:
    """Labels in the lists of items name a course besides (`Scope.label`)."""
    return label.partition("#")[0]


def statistics(submissions: Sum) -> Statistics:
    """`total` is `pending` + `graded`; what is in progress is not counted (rules, Submissions)."""
    counts: Counter[str] = Counter()
    for label, count in submissions.counts.items():
        counts[status_of(label)] += count
    pending, graded = counts[Status.SUBMITTED], counts[Status.GRADED]
    average = submissions.scores / graded if graded else Decimal(0)
    return {
        "submission_total": {"total": pending + graded, "pending": pending, "graded": graded},
        "average_score": average.quantize(Decimal("0.01"), ROUND_HALF_UP),
    }
