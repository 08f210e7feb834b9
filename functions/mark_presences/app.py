"""PUT /api/teaching/coachings/{coachingId}/presences: mark many of a session's participants at once."""

from teaching.coaching import store
from teaching.coaching.rules import MarkedPresence, Marks
from teaching.errors import SessionNotFound
from teaching.http.auth import ASESOR, Caller
from teaching.http.batch import Each
from teaching.http.endpoint import endpoint
from teaching.limits import BATCH_BODY_BYTES


@endpoint(
    roles={ASESOR: "own session"},
    not_found=SessionNotFound,
    body=Marks,
    body_bytes=BATCH_BODY_BYTES,
    enveloped=Each("success"),
)
def handler(caller: Caller, session: str, marks: Marks) -> list[MarkedPresence | Exception]:
    return store.mark_many(caller, session, marks.presences)
