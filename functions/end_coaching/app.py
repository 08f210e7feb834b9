"""POST /api/teaching/coachings/{coachingId}/end: end the session."""

from teaching.coaching import store
from teaching.coaching.rules import EndedSession
from teaching.errors import CannotBeEnded, SessionNotFound
from teaching.http.auth import ASESOR, Caller
from teaching.http.endpoint import endpoint
from teaching.http.versions import ANY_VERSION, IfMatch


@endpoint(
    roles={ASESOR: "own session"},
    not_found=SessionNotFound,
    etag=True,
    conditional=True,
    errors=[CannotBeEnded],
)
def handler(caller: Caller, session: str, match: IfMatch = ANY_VERSION) -> EndedSession:
    return store.end(caller, session, match)
