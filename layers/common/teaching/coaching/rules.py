"""The rules of sessions and presences (rules, Coaching sessions; rules, Presences).

Pure: the clock and new ids are given.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any, NamedTuple

from pydantic import Field
from typing_extensions import TypedDict

from teaching import clock
from teaching.directory.people import Person, person_copy, read_copy
from teaching.directory.search import SESSION, Document, normalised
from teaching.errors import CannotBeEnded, CannotBeStarted, Damaged, InvalidBody
from teaching.fields import Note, Strict, Utc, Uuid
from teaching.http.batch import SIZE, each_once, or_failure
from teaching.http.pages import PageQuery
from teaching.records import SessionRecord
from teaching.tally.nodes import Counted
from teaching.tally.pages import Bounds
from teaching.tally.tree import HIGHEST, LOWEST, ROOT, Entry, Wanted


class Status(StrEnum):
    SCHEDULED = "scheduled"
    ONGOING = "ongoing"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


LATER: dict[Status, set[Status]] = {
    Status.SCHEDULED: {Status.ONGOING, Status.COMPLETED, Status.CANCELLED},
    Status.ONGOING: {Status.COMPLETED},
    Status.COMPLETED: set(),
    Status.CANCELLED: set(),
}
"""What a session may still become."""


class Attendance(StrEnum):
    PRESENT = "present"
    ABSENT = "absent"
    EXCUSED = "excused"
    LATE = "late"


class Ender(StrEnum):
    """Who ended a session here."""

    ASESOR = "asesor"
    SCHEDULE = "schedule"


NAME_KEY_BYTES = 900
AFTER_NAME = "\t"
"""Sorts below the space between two names, so that "Ani" comes before "Ani Budi"; no name holds one."""

CAME = {Attendance.PRESENT, Attendance.LATE}

ALL_OPEN = "session"
"""The one key of the index by_open (`open`), which holds every session under way."""
ALL_SESSIONS = "session"
"""The one key of the index by_start (`kind`), which holds every session that is complete."""


class SessionQuery(PageQuery):
    """The filters of "Get Coachings List"; together they mean AND."""

    status: Status | None = None
    """Only those that stand so."""
    from_: Utc | None = Field(
        None, alias="from", description="Only those that begin then or later; with an offset or Z"
    )
    to: Utc | None = None
    """Only those that begin before; with an offset or Z."""

    @property
    def only(self) -> "Only":
        return Only(self.status, self.from_ or "", self.to or HIGHEST[0])


class Only(NamedTuple):
    """Which sessions of a list are asked for: those of a status that begin from then up to and without."""

    status: Status | None = None
    begin: str = LOWEST[0]
    end: str = HIGHEST[0]

    @property
    def bounds(self) -> Bounds:
        return Bounds((self.begin, ""), (self.end, ""))

    def wants(self, list_name: str) -> Wanted:
        """The labels in the list that meet the status.

        A list of before labels told it raises `Damaged`, so that it is mended, rather than count wrongly.
        """

        def wanted(label: str) -> bool:
            if self.status and label not in set(Status):
                raise Damaged(list_name, ROOT)
            return self.status in (None, label)

        return wanted

    def hold(self, stored: Mapping[str, Any]) -> bool:
        """Whether a row is one of them."""
        return self.status in (None, stored["status"]) and self.begin <= stored["start_time"] < self.end


ALL = Only()


class Mark(Strict):
    """The body of "Mark Coaching Presence". Notes not given stay as they are; null takes them away."""

    participant_id: Uuid
    """One of the session's roster."""
    status: Annotated[Attendance, Field(strict=False)]
    """Whether the participant came."""
    feedback_notes: Note | None = None
    """The asesor's notes on the participant."""
    joined_at: Utc | None = None
    """When the participant joined, with an offset or Z. Unless given, `present` and `late` take the stored
    time or else now, `absent` and `excused` none.
    """


class Marks(Strict):
    """The body of "Mark Coaching Presences"."""

    presences: Annotated[list[Annotated[Mark, or_failure()]], SIZE, each_once("participant_id")]
    """Each is marked alone: some may fail where others succeed."""


class SessionRow(TypedDict):
    id: str
    """Of the session."""
    title: str
    """As its service named it."""
    start_time: str
    """When it is planned to begin."""
    end_time: str
    """When it is planned to end."""
    audience_type: str
    """For whom it is, such as `participant`."""
    coaching_type: str
    """What it is for, such as `classification`."""
    stage: str
    """Stage of the programme, such as `regional`."""
    status: Status
    """`scheduled`, then `ongoing` once started and `completed` once ended; or `cancelled` before it began."""
    asesor: Person
    """Who holds it."""


class SessionDetails(SessionRow):
    meeting_url: str | None
    """Where it meets; null while there is no link."""
    started_at: str | None
    """When it was started; null while it was not."""
    ended_at: str | None
    """When it was ended; null while it was not."""
    ended_by: Ender | None
    """`asesor` or `schedule`, whichever ended it here; null while it was not, or when its service did."""


class AttendanceTotal(TypedDict):
    invited: int
    """Participants on the roster: all of the others together."""
    present: int
    """Marked `present`."""
    late: int
    """Marked `late`."""
    excused: int
    """Marked `excused`."""
    absent: int
    """Marked `absent`."""
    unmarked: int
    """Not marked yet; the list of presences shows them as `absent`."""


class AttendedSession(SessionDetails):
    attendance: AttendanceTotal
    """How many of the roster came."""


class PresenceRow(TypedDict):
    id: str | None
    """Of the mark; null while there is none."""
    session_id: str
    """The session."""
    participant_id: str
    """Who was invited."""
    status: Attendance
    """As marked; `absent` while there is no mark."""
    created_at: str | None
    """When the first mark was made; null while there is none."""
    updated_at: str | None
    """When the mark was last changed; null while there is none."""
    feedback_notes: str | None
    """The asesor's notes on the participant."""
    joined_at: str | None
    """When the participant joined; null for who did not, unless the mark gave a time."""
    user: Person
    """The participant."""


class MarkedPresence(TypedDict):
    id: str
    """Of the mark; the same however often it is changed."""
    session_id: str
    """The session."""
    participant_id: str
    """Who was marked."""
    status: Attendance
    """As marked."""
    first_joined_at: str | None
    """The first `joined_at` that was ever stored; it stays."""
    joined_at: str | None
    """When the participant joined; null for who did not, unless the mark gave a time."""
    feedback_notes: str | None
    """The asesor's notes on the participant."""
    created_at: str
    """When the first mark was made."""
    updated_at: str
    """When this one was made."""


class EndedSession(TypedDict):
    id: str
    """Of the session."""
    status: Status
    """`completed`."""
    ended_at: str
    """When it was ended."""


def is_complete(stored: Mapping[str, Any]) -> bool:
    """Whether a session is on any list and route: one that waits for its asesor is not."""
    return bool(stored.get("order_key"))


def is_visible(stored: Mapping[str, Any], asesor: str | None) -> bool:
    """Whether a session is there for the asesor (None: for whoever sees all)."""
    return is_complete(stored) and asesor in (None, stored["asesor_id"])


def session_row(stored: Mapping[str, Any]) -> SessionRow:
    """From a row of the table or of one of its indexes."""
    return {
        "id": stored["id"],
        "title": stored["title"],
        "start_time": stored["start_time"],
        "end_time": stored["end_time"],
        "audience_type": stored["audience_type"],
        "coaching_type": stored["coaching_type"],
        "stage": stored["stage"],
        "status": Status(stored["status"]),
        "asesor": read_copy(stored["asesor"]),
    }


def session_details(stored: Mapping[str, Any]) -> SessionDetails:
    return {
        **session_row(stored),
        "meeting_url": stored.get("meeting_url"),
        "started_at": stored.get("started_at"),
        "ended_at": stored.get("ended_at"),
        "ended_by": Ender(stored["ended_by"]) if stored.get("ended_by") else None,
    }


def ended_session(stored: Mapping[str, Any]) -> EndedSession:
    return {"id": stored["id"], "status": Status(stored["status"]), "ended_at": stored["ended_at"]}


def attended_session(stored: Mapping[str, Any], roster: Collection[Mapping[str, Any]]) -> AttendedSession:
    marks = Counter(row["status"] if row.get("id") else None for row in roster)
    return {
        **session_details(stored),
        "attendance": {
            "invited": len(roster),
            "present": marks[Attendance.PRESENT],
            "late": marks[Attendance.LATE],
            "excused": marks[Attendance.EXCUSED],
            "absent": marks[Attendance.ABSENT],
            "unmarked": marks[None],
        },
    }


def presence_row(stored: Mapping[str, Any]) -> PresenceRow:
    """A roster row that nobody marked yet counts as absent, with no id and no times."""
    return {
        "id": stored.get("id"),
        "session_id": stored["session_id"],
        "participant_id": stored["participant_id"],
        "status": Attendance(stored.get("status", Attendance.ABSENT)),
        "created_at": stored.get("created_at"),
        "updated_at": stored.get("updated_at"),
        "feedback_notes": stored.get("feedback_notes"),
        "joined_at": stored.get("joined_at"),
        "user": read_copy(stored["user"]),
    }


def marked_presence(stored: Mapping[str, Any]) -> MarkedPresence:
    return {
        "id": stored["id"],
        "session_id": stored["session_id"],
        "participant_id": stored["participant_id"],
        "status": Attendance(stored["status"]),
        "first_joined_at": stored.get("first_joined_at"),
        "joined_at": stored.get("joined_at"),
        "feedback_notes": stored.get("feedback_notes"),
        "created_at": stored["created_at"],
        "updated_at": stored["updated_at"],
    }


def start(stored: Mapping[str, Any], now: str) -> dict[str, Any]:
    """What starting changes in the row; nothing when the session is under way. Raises `CannotBeStarted`."""
    if stored["status"] not in (Status.SCHEDULED, Status.ONGOING):
        raise CannotBeStarted(f"it is {stored['status']}")
    if not stored.get("meeting_url"):
        raise CannotBeStarted("it has no meeting link")
    if stored["status"] == Status.ONGOING:
        return {}
    return _moved(stored, {"status": Status.ONGOING.value, "started_at": now}, now)


def end(stored: Mapping[str, Any], now: str) -> dict[str, Any]:
    """What an asesor's ending changes in the row; whatever the clock says, it ends no sooner than it started.

    Raises `CannotBeEnded`.
    """
    if stored["status"] != Status.ONGOING:
        raise CannotBeEnded(f"it is {stored['status']}")
    return _ended(stored, Ender.ASESOR, now)


def close(stored: Mapping[str, Any], before: str, now: str) -> dict[str, Any]:
    """What the schedule changes in the row; nothing unless it is under way (`open`) and should have ended
    before that moment.
    """
    if not stored.get("open") or stored["end_time"] >= before:
        return {}
    return _ended(stored, Ender.SCHEDULE, now)


def _ended(stored: Mapping[str, Any], by: Ender, now: str) -> dict[str, Any]:
    ended_at = clock.following(now, stored["updated_at"], stored.get("started_at"))
    changes = {"status": Status.COMPLETED.value, "ended_at": ended_at, "ended_by": by.value}
    return _moved(stored, changes, ended_at)


def _moved(stored: Mapping[str, Any], changes: Mapping[str, Any], moment: str) -> dict[str, Any]:
    moved = {**changes, "moved_here": True, "updated_at": clock.latest(moment, stored["updated_at"])}
    return moved | {"open": _open(moved["status"])}


def _open(status: str) -> str | None:
    """Only sessions under way are in the index by which the schedule finds those to be ended."""
    return ALL_OPEN if status == Status.ONGOING else None


def markable(session: Mapping[str, Any], roster: dict[str, Any] | None) -> dict[str, Any]:
    """The row that a mark is put in. Raises `InvalidBody` when the mark is not possible."""
    if session["status"] == Status.CANCELLED:
        raise InvalidBody("the coaching session is cancelled")
    if not roster or not roster.get("invited"):
        raise InvalidBody("participant_id: is not on the roster of the coaching session")
    return roster


def marking(stored: Mapping[str, Any], given: Mark, new_id: str, now: str) -> dict[str, Any]:
    """What a mark changes in the roster row; its moments are never before those of the mark before."""
    moment = clock.latest(now, stored.get("updated_at"))
    changes: dict[str, Any] = {"status": given.status.value, "updated_at": moment}
    if not stored.get("id"):
        changes |= {"id": new_id, "created_at": moment}
    if "feedback_notes" in given.model_fields_set:
        changes["feedback_notes"] = given.feedback_notes
    if given.joined_at:
        changes["joined_at"] = given.joined_at
    elif given.status in CAME:
        changes["joined_at"] = stored.get("joined_at") or moment
    else:
        changes["joined_at"] = None
    changes["first_joined_at"] = stored.get("first_joined_at") or changes["joined_at"]
    return changes


def arrival(stored: Mapping[str, Any] | None, record: SessionRecord) -> dict[str, Any] | None:
    """What a record that came in changes in the row; None when the row holds something newer.

    Of two that are as old the last to arrive counts. A session that was started or ended here goes on from
    there, never back. `roster` tells one roster from another.
    """
    if stored and record.updated_at < stored["source_updated_at"]:
        return None
    changes = record.model_dump(exclude={"id", "participant_ids"}) | {
        "source_updated_at": record.updated_at,
        "updated_at": clock.latest(record.updated_at, (stored or {}).get("updated_at")),
        "roster": sha256("".join(sorted(set(record.participant_ids))).encode()).hexdigest(),
    }
    if stored and stored.get("moved_here"):
        if Status(record.status) not in LATER[Status(stored["status"])]:
            changes["status"] = stored["status"]
        for name in ("started_at", "ended_at"):
            changes[name] = stored.get(name) or changes[name]
    return changes


def derived(row: Mapping[str, Any], asesor: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a session carries of its asesor (None: not there yet), and its index keys."""
    return {
        "asesor": asesor and person_copy(asesor),
        "waiting_for": None if asesor else row["asesor_id"],
        "order_key": asesor and f"{row['start_time']}#{row['id']}",
        "kind": asesor and ALL_SESSIONS,
        "open": asesor and _open(row["status"]),
    }


def roster_derived(
    participant_id: str, participant: Mapping[str, Any] | None, invited: bool
) -> dict[str, Any]:
    """What a roster row carries of its participant, and its place in the order of names."""
    return {
        "user": participant and person_copy(participant),
        "name_key": f"{_cut(normalised(participant['name']))}{AFTER_NAME}{participant_id}"
        if participant and invited
        else None,
    }


def roster_changes(
    participants: Collection[str],
    users: Mapping[str, Mapping[str, Any]],
    present: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """What makes the roster's present rows those of the participants: changes by participant.

    Marks stay, even of one who is no longer invited.
    """
    changes: dict[str, dict[str, Any]] = {}
    for participant in sorted(participants):
        invited = {"invited": True, **roster_derived(participant, users.get(participant), True)}
        stored = present.get(participant, {})
        if any(stored.get(name) != value for name, value in invited.items()):
            changes[participant] = invited
    for participant, stored in present.items():
        if stored.get("invited") and participant not in participants:
            changes[participant] = {"invited": None, "name_key": None}
    return changes


def _cut(name: str) -> str:
    """An index key of DynamoDB has at most 1,024 bytes."""
    return name.encode()[:NAME_KEY_BYTES].decode(errors="ignore")


def list_name(asesor: str | None) -> str:
    return f"sessions#asesor#{asesor}" if asesor else "sessions"


def asesor_of(list_name: str) -> str | None:
    _, _, asesor = list_name.partition("#asesor#")
    return asesor or None


def counted(stored: Mapping[str, Any]) -> Counted:
    """The lists that a session is counted in; none for one that waits for its asesor."""
    version = stored["version"]
    if not is_complete(stored):
        return Counted(version, {})
    entry = Entry(stored["start_time"], stored["id"], stored["status"], version=version)
    return Counted(version, dict.fromkeys((list_name(None), list_name(stored["asesor_id"])), entry))


def document(stored: Mapping[str, Any]) -> Document | None:
    """What a search finds a session by: its title and its asesor's name."""
    if not is_complete(stored):
        return None
    text = normalised(f"{stored['title']} {read_copy(stored['asesor'])['name']}")
    return Document(SESSION, stored["id"], text, stored["asesor_id"], stored["start_time"])
