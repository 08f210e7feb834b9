"""The records that come in: one JSON object each, `{"type": …, "data": {…}}`.

Every field is strict; one that is not known, and a missing one that may not be null, make the record
malformed. Times need an offset or Z and are kept in UTC. The limits keep within bounds every row,
copy and page that can follow from a record.
"""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from teaching import limits
from teaching.fields import (
    AnyText,
    Changed,
    Note,
    Score,
    Strict,
    Text,
    Utc,
    Uuid,
    bytes_of,
    json_of,
    must,
)


def _https(value: str) -> str:
    plain = value.isascii() and value.isprintable() and " " not in value
    if not plain or not value.startswith("https://") or not _host(value):
        raise must("an https address")
    return value


def _host(url: str) -> str | None:
    """What the library raises would be told with its message, which quotes the address."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


Name = Annotated[
    AnyText, StringConstraints(min_length=1, max_length=limits.NAME_MOST), bytes_of(limits.NAME_MOST)
]
Word = Annotated[AnyText, StringConstraints(min_length=1, max_length=limits.WORD_MOST)]
MeetingUrl = Annotated[AnyText, StringConstraints(max_length=limits.URL_MOST), AfterValidator(_https)]
WholeNumber = Annotated[int, Field(ge=-limits.SEQUENCE_MOST, le=limits.SEQUENCE_MOST)]
Profile = Annotated[Any, json_of(limits.PROFILE_BYTES)]
Content = Annotated[Any, json_of(limits.DATA_BYTES)]
Snapshot = Annotated[Any, json_of(limits.SNAPSHOT_BYTES)]


class ProfileRecord(Strict):
    id: Uuid
    clasification: Text | None = None
    nik: Text | None = None
    npwp: Text | None = None
    last_education: Text | None = None
    stage: Text | None = None
    start_year: WholeNumber | None = None
    province: Text | None = None
    street: Text | None = None
    city: Text | None = None
    postal_code: Text | None = None
    source_joined: Text | None = None
    asesor_id: Uuid | None = None
    user_id: Uuid
    created_at: Utc
    updated_at: Changed


class UserRecord(Strict):
    id: Uuid
    name: Name
    email: Name
    profile: Profile = None
    role: Literal["admin", "asesor", "participant"]
    participant_profile: ProfileRecord | None = None


class ItemRecord(Strict):
    id: Uuid
    module_id: Uuid
    course_id: Uuid
    title: Name
    category: Word
    sequence: WholeNumber
    data: Content
    is_published: bool
    created_at: Utc
    updated_at: Changed


class SessionRecord(Strict):
    id: Uuid
    title: Name
    start_time: Utc
    end_time: Utc
    audience_type: Word
    coaching_type: Word
    stage: Word
    status: Literal["scheduled", "ongoing", "completed", "cancelled"]
    asesor_id: Uuid
    meeting_url: MeetingUrl | None = None
    participant_ids: Annotated[list[Uuid], Field(max_length=limits.ROSTER_MOST)]
    created_at: Utc
    updated_at: Changed
    started_at: Utc | None = None
    ended_at: Utc | None = None


class SubmissionRecord(Strict):
    id: Uuid
    user_id: Uuid
    item_id: Uuid
    course_id: Uuid
    status: Literal["in_progress", "submitted", "graded"]
    score: Score | None = None
    response_snapshot: Snapshot = None
    feedback: Note | None = None
    submitted_at: Utc | None = None
    graded_at: Utc | None = None
    graded_by: Uuid | None = None
    created_at: Utc
    updated_at: Changed

    @model_validator(mode="after")
    def _agrees_with_its_status(self) -> "SubmissionRecord":
        if self.status != "in_progress" and self.submitted_at is None:
            raise must("handed in at some time: submitted_at is required unless in_progress")
        if self.status == "graded" and self.score is None:
            raise must("scored: score is required when graded")
        return self


Record = UserRecord | ItemRecord | SessionRecord | SubmissionRecord

TYPES: dict[str, type[Record]] = {
    "user.saved": UserRecord,
    "item.saved": ItemRecord,
    "session.saved": SessionRecord,
    "submission.saved": SubmissionRecord,
}
