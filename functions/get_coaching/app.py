"""GET /api/teaching/coachings/{coachingId}: a session, its meeting, and how many came."""

from teaching.coaching import store
from teaching.coaching.rules import AttendedSession
from teaching.errors import SessionNotFound
from teaching.http.auth import ADMIN, ASESOR, Caller
from teaching.http.endpoint import endpoint


@endpoint(roles={ADMIN: "all", ASESOR: "own session"}, not_found=SessionNotFound, etag=True)
def handler(caller: Caller, session: str) -> AttendedSession:
    return store.details(caller, session)
