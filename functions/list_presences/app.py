"""GET /api/learning/coachings/{coachingId}/presences: all rows for an admin, a participant's own."""

from teaching.coaching import store
from teaching.coaching.rules import PresenceRow
from teaching.errors import SessionNotFound
from teaching.http.auth import ADMIN, PARTICIPANT, Caller
from teaching.http.endpoint import endpoint
from teaching.http.envelope import page_within
from teaching.http.pages import Page, PageQuery


@endpoint(
    roles={ADMIN: "all rows", PARTICIPANT: "own row"},
    not_found=SessionNotFound,
    query=PageQuery,
    enveloped=page_within,
)
def handler(caller: Caller, session: str, query: PageQuery) -> Page[PresenceRow]:
    return store.presences(caller, session, query)
