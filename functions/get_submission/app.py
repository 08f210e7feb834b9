"""GET /api/teaching/submissions/{submissionId}: a submission with its participant and its item."""

from teaching.errors import SubmissionNotFound
from teaching.grading import store
from teaching.grading.rules import SubmissionDetails
from teaching.http.auth import ADMIN, ASESOR, Caller
from teaching.http.endpoint import endpoint


@endpoint(roles={ADMIN: "all", ASESOR: "own participants'"}, not_found=SubmissionNotFound, etag=True)
def handler(caller: Caller, submission: str) -> SubmissionDetails:
    return store.details(caller, submission)
