"""What the API should answer, in plain Python: all rows in dicts, every answer computed anew.

Written from docs/rules.md, and from nothing of the code that it is compared with.
"""

import unicodedata
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

LATER = {
    "scheduled": {"ongoing", "completed", "cancelled"},
    "ongoing": {"completed"},
    "completed": set[str](),
    "cancelled": set[str](),
}


@dataclass
class Submission:
    id: str
    user: str
    item: str
    course: str
    status: str
    score: Decimal | None
    feedback: str | None
    submitted_at: str | None
    created_at: str
    changed: str
    grader: str | None = None
    graded_here: bool = False
    kept: list[Decimal] = field(default_factory=list)
    """Scores that were replaced, oldest first."""

    @property
    def order(self) -> tuple[str, str]:
        return (self.created_at if self.status == "in_progress" else self.submitted_at or "", self.id)


@dataclass
class Session:
    id: str
    asesor: str
    title: str
    status: str
    start_time: str
    meeting: str | None
    roster: set[str]
    changed: str
    moved_here: bool = False


@dataclass
class Mark:
    id: str
    status: str
    notes: str | None
    joined_at: str | None
    first: str | None
    created_at: str


def plain(text: str) -> str:
    """Without case and accents."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(each for each in apart if not unicodedata.combining(each)).casefold()


def finds(search: str, text: str) -> bool:
    words = plain(text).split()
    return all(any(word in each for each in words) for word in plain(search).split())


@dataclass
class Model:
    names: dict[str, str] = field(default_factory=dict)
    emails: dict[str, str] = field(default_factory=dict)
    asesor_of: dict[str, str | None] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    submissions: dict[str, Submission] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    marks: dict[tuple[str, str], Mark] = field(default_factory=dict)

    def sees(self, asesor: str | None, submission: str) -> Submission | None:
        """`asesor` None: an admin."""
        found = self.submissions.get(submission)
        if found and asesor in (None, self.asesor_of[found.user]):
            return found
        return None

    def take_submission(self, new: Submission) -> None:
        old = self.submissions.get(new.id)
        if old and new.changed < old.changed:
            return
        if old:
            new.kept = old.kept
        if old and old.graded_here:
            if new.status == "submitted" and (new.submitted_at or "") > (old.submitted_at or ""):
                assert old.score is not None
                new.kept.append(old.score)
            else:
                new.status, new.score, new.feedback = old.status, old.score, old.feedback
                new.submitted_at, new.grader, new.graded_here = old.submitted_at, old.grader, True
        self.submissions[new.id] = new

    def grade(self, asesor: str | None, grader: str, submission: str, given: dict[str, Any]) -> int:
        """The status of the answer."""
        found = self.sees(asesor, submission)
        if not found:
            return 404
        if found.status == "in_progress":
            return 400
        feedback = given.get("feedback", found.feedback)
        if (found.status, found.grader, found.score, found.feedback) == (
            "graded",
            grader,
            given["score"],
            feedback,
        ):
            return 200
        if found.score is not None:
            found.kept.append(found.score)
        found.status, found.score, found.feedback = "graded", given["score"], feedback
        found.grader, found.graded_here = grader, True
        return 200

    def take_session(self, new: Session) -> None:
        old = self.sessions.get(new.id)
        if old and new.changed < old.changed:
            return
        if old and old.moved_here:
            new.moved_here = True
            if new.status not in LATER[old.status]:
                new.status = old.status
        self.sessions[new.id] = new

    def start(self, asesor: str, session: str) -> int:
        found = self.sessions.get(session)
        if not found or found.asesor != asesor:
            return 404
        if found.status not in ("scheduled", "ongoing") or not found.meeting:
            return 400
        if found.status == "scheduled":
            found.status, found.moved_here = "ongoing", True
        return 302

    def end(self, asesor: str, session: str) -> int:
        found = self.sessions.get(session)
        if not found or found.asesor != asesor:
            return 404
        if found.status != "ongoing":
            return 400
        found.status, found.moved_here = "completed", True
        return 200

    def can_mark(self, asesor: str, session: str, participant: str) -> int:
        found = self.sessions.get(session)
        if not found or found.asesor != asesor:
            return 404
        return 200 if found.status != "cancelled" and participant in found.roster else 400

    def list_submissions(self, asesor: str | None, filters: dict[str, str]) -> list[Submission]:
        def wanted(each: Submission) -> bool:
            text = f"{self.names[each.user]} {self.emails[each.user]} {self.titles[each.item]}"
            return (
                asesor in (None, self.asesor_of[each.user])
                and filters.get("asesor_id") in (None, self.asesor_of[each.user])
                and filters.get("participant_id") in (None, each.user)
                and filters.get("status") in (None, each.status)
                and filters.get("material_item_id") in (None, each.item)
                and filters.get("course_id") in (None, each.course)
                and finds(filters.get("search", ""), text)
            )

        return sorted(filter(wanted, self.submissions.values()), key=lambda each: each.order, reverse=True)

    def statistics(self, asesor: str | None, filters: dict[str, str]) -> dict[str, Any]:
        seen = self.list_submissions(asesor, filters)
        scores = [each.score for each in seen if each.status == "graded" and each.score is not None]
        pending = sum(each.status == "submitted" for each in seen)
        average = sum(scores, Decimal(0)) / len(scores) if scores else Decimal(0)
        return {
            "submission_total": {"total": pending + len(scores), "pending": pending, "graded": len(scores)},
            "average_score": average.quantize(Decimal("0.01"), ROUND_HALF_UP),
        }

    def list_sessions(self, asesor: str | None, filters: dict[str, str]) -> list[Session]:
        found = [
            each
            for each in self.sessions.values()
            if asesor in (None, each.asesor)
            and filters.get("status") in (None, each.status)
            and filters.get("from", "") <= each.start_time < filters.get("to", "~")
            and finds(filters.get("search", ""), f"{each.title} {self.names[each.asesor]}")
        ]
        return sorted(found, key=lambda each: (each.start_time, each.id), reverse=True)

    def list_presences(self, session: str, search: str, only: str | None = None) -> list[str]:
        """The participants, in the order of the list."""
        roster = self.sessions[session].roster if only is None else {only}
        found = [each for each in roster if finds(search, f"{self.names[each]} {self.emails[each]}")]
        return sorted(found, key=lambda each: (plain(self.names[each]), each))
