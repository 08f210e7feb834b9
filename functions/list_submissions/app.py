"""GET /api/teaching/submissions: one page of the submissions that the caller may see."""

from teaching.grading import store
from teaching.grading.rules import SubmissionQuery, SubmissionRow
from teaching.http.auth import ADMIN, ASESOR, Caller
from teaching.http.endpoint import endpoint
from teaching.http.envelope import page_beside
from teaching.http.pages import Page


@endpoint(roles={ADMIN: "all", ASESOR: "own participants'"}, query=SubmissionQuery, enveloped=page_beside)
def handler(caller: Caller, query: SubmissionQuery) -> Page[SubmissionRow]:
    return store.page(caller, query)
