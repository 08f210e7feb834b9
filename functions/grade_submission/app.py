"""PATCH /api/teaching/submissions/{submissionId}/grade: grade a submission, or grade it again."""

from teaching.errors import CannotBeGraded, SubmissionNotFound
from teaching.grading import store
from teaching.grading.rules import Grade, GradedSubmission
from teaching.http.auth import ADMIN, ASESOR, Caller
from teaching.http.endpoint import endpoint
from teaching.http.versions import ANY_VERSION, IfMatch


@endpoint(
    roles={ADMIN: "all", ASESOR: "own participants'"},
    not_found=SubmissionNotFound,
    body=Grade,
    message="Grading successful",
    etag=True,
    conditional=True,
    errors=[CannotBeGraded],
)
def handler(caller: Caller, submission: str, grade: Grade, match: IfMatch = ANY_VERSION) -> GradedSubmission:
    return store.grade(caller, submission, grade, match)
