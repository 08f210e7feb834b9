"""GET /api/teaching/coachings: one page of the sessions that the caller may see."""

from teaching.coaching import store
from teaching.coaching.rules import SessionQuery, SessionRow
from teaching.http.auth import ADMIN, ASESOR, Caller
from teaching.http.endpoint import endpoint
from teaching.http.envelope import page_within
from teaching.http.pages import Page


@endpoint(roles={ADMIN: "all", ASESOR: "own sessions"}, query=SessionQuery, enveloped=page_within)
def handler(caller: Caller, query: SessionQuery) -> Page[SessionRow]:
    return store.page(caller, query)
