"""POST /api/teaching/coachings/{coachingId}/start: start the session and go to its meeting."""

from teaching.coaching import store
from teaching.errors import CannotBeStarted, SessionNotFound
from teaching.http.auth import ASESOR, Caller
from teaching.http.endpoint import endpoint
from teaching.http.envelope import Redirect
from teaching.http.versions import ANY_VERSION, IfMatch


@endpoint(
    roles={ASESOR: "own session"},
    not_found=SessionNotFound,
    etag=True,
    conditional=True,
    errors=[CannotBeStarted],
)
def handler(caller: Caller, session: str, match: IfMatch = ANY_VERSION) -> Redirect:
    return store.start(caller, session, match)
