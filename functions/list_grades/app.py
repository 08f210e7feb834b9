"""GET /api/teaching/submissions/{submissionId}/grades: one page of the grades that a submission ever had."""

from teaching.errors import SubmissionNotFound
from teaching.grading import store
from teaching.grading.rules import GivenGrade
from teaching.http.auth import ADMIN, ASESOR, Caller
from teaching.http.endpoint import endpoint
from teaching.http.envelope import page_beside
from teaching.http.pages import Page, PlainPageQuery


@endpoint(
    roles={ADMIN: "all", ASESOR: "own participants'"},
    not_found=SubmissionNotFound,
    query=PlainPageQuery,
    enveloped=page_beside,
)
def handler(caller: Caller, submission: str, query: PlainPageQuery) -> Page[GivenGrade]:
    return store.grades(caller, submission, query)
