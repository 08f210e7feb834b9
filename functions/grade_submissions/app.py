"""PATCH /api/teaching/submissions/grades: grade many submissions at once."""

from teaching.grading import store
from teaching.grading.rules import GradedSubmission, Grades
from teaching.http.auth import ADMIN, ASESOR, Caller
from teaching.http.batch import Each
from teaching.http.endpoint import endpoint
from teaching.limits import BATCH_BODY_BYTES


@endpoint(
    roles={ADMIN: "all", ASESOR: "own participants'"},
    body=Grades,
    body_bytes=BATCH_BODY_BYTES,
    enveloped=Each("Grading successful"),
)
def handler(caller: Caller, grades: Grades) -> list[GradedSubmission | Exception]:
    return store.grade_many(caller, grades.grades)
