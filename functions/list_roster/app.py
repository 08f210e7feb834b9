"""GET /api/teaching/coachings/{coachingId}/presences: the roster with its marks, for whoever marks."""

from teaching.coaching import store
from teaching.coaching.rules import PresenceRow
from teaching.errors import SessionNotFound
from teaching.http.auth import ADMIN, ASESOR, Caller
from teaching.http.endpoint import endpoint
from teaching.http.envelope import page_within
from teaching.http.pages import Page, PageQuery


@endpoint(
    roles={ADMIN: "all rows", ASESOR: "own session"},
    not_found=SessionNotFound,
    query=PageQuery,
    enveloped=page_within,
)
def handler(caller: Caller, session: str, query: PageQuery) -> Page[PresenceRow]:
    return store.presences(caller, session, query)
