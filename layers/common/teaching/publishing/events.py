"""The events that go out: what each says, and which one a row has to tell. Pure (rules, Events).

A row that was acted on here knows the version that the last action made (`acted_version`); records and
refreshed copies leave that as it is, so a row has one event to tell, and the same one each time.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from typing_extensions import TypedDict

from teaching.coaching import rules as coaching
from teaching.coaching.rules import EndedSession, MarkedPresence, SessionDetails
from teaching.grading import rules as grading
from teaching.grading.rules import GradedSubmission

SOURCE = "teaching"
GRADED, MARKED = "submission.graded", "presence.marked"
STARTED, ENDED = "session.started", "session.ended"

_NAMESPACE = UUID("5d1c3c0e-6a6b-4c55-9f53-0a7f3f0c8a11")
"""Of the ids of events."""


class Told(TypedDict):
    """What every event says beside what was answered to the request."""

    version: int
    """Of what it tells of, once this was done; grows with every change of it."""
    event_id: str
    """The same whenever this event comes again."""


class SubmissionGraded(GradedSubmission, Told):
    """As grading answers it."""


class PresenceMarked(MarkedPresence, Told):
    """As marking answers it."""


class SessionStarted(SessionDetails, Told):
    """The session."""


class SessionEnded(EndedSession, Told):
    """As ending answers it."""


TYPES: dict[str, Any] = {
    GRADED: SubmissionGraded,
    MARKED: PresenceMarked,
    STARTED: SessionStarted,
    ENDED: SessionEnded,
}
"""The detail of an event, by its detail type."""


class Event(NamedTuple):
    object: str
    """What it tells of: `submission#<id>`, `presence#<session>#<participant>` or `session#<id>`."""
    version: int
    type: str
    moment: str
    """Of the action."""
    detail: Mapping[str, Any]


def of_submission(row: Mapping[str, Any]) -> Event | None:
    """Its grade. None where nobody graded it here, or where it has been handed in anew since."""
    if not row.get("acted_version") or not row.get("graded_here"):
        return None
    return _event(f"submission#{row['id']}", row, GRADED, row["graded_at"], grading.graded_submission(row))


def of_presence(row: Mapping[str, Any]) -> Event | None:
    """Its mark. None where nobody has marked it."""
    if not row.get("acted_version"):
        return None
    name = f"presence#{row['session_id']}#{row['participant_id']}"
    return _event(name, row, MARKED, row["updated_at"], coaching.marked_presence(row))


def of_session(row: Mapping[str, Any]) -> Event | None:
    """Its end, or its start. None where neither was here; one that waits for its asesor tells it later."""
    if not row.get("acted_version") or not coaching.is_complete(row):
        return None
    name = f"session#{row['id']}"
    if row.get("ended_by"):
        return _event(name, row, ENDED, row["ended_at"], coaching.ended_session(row))
    return _event(name, row, STARTED, row["started_at"], coaching.session_details(row))


def _event(name: str, row: Mapping[str, Any], kind: str, moment: str, data: Mapping[str, Any]) -> Event:
    version = row["acted_version"]
    told: Told = {"version": version, "event_id": str(uuid5(_NAMESPACE, f"{name}#{version}"))}
    return Event(name, version, kind, moment, {**data, **told})
