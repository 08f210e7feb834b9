"""GET /api/teaching/coachings: one page of the sessions that the caller may see."""

from teaching.coaching import store
from teaching.coaching.rules import SessionRow
from teaching.http.auth import ADMIN, ASESOR, Caller
from teaching.http.endpoint import endpoint
from teaching.http.envelope import page_within
from teaching.http.pages import Page, PageQuery


@endpoint(roles={ADMIN: "all", ASESOR: "own sessions"}, query=PageQuery, enveloped=page_within)
def handler(caller: Caller, query: PageQuery) -> Page[SessionRow]:
    return store.page(caller, query)
