"""POST /api/teaching/coachings/{coachingId}/presences: mark whether a participant came."""

from teaching.coaching import store
from teaching.coaching.rules import Mark, MarkedPresence
from teaching.errors import SessionNotFound
from teaching.http.auth import ASESOR, Caller
from teaching.http.endpoint import endpoint


@endpoint(roles={ASESOR: "own session"}, not_found=SessionNotFound, body=Mark)
def handler(caller: Caller, session: str, mark: Mark) -> MarkedPresence:
    return store.mark(caller, session, mark)
