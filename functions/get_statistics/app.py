"""GET /api/teaching/submissions/statistics: totals and average of the submissions that the caller may see."""

from teaching.grading import store
from teaching.grading.rules import Statistics, SubmissionFilters
from teaching.http.auth import ADMIN, ASESOR, Caller
from teaching.http.endpoint import endpoint


@endpoint(roles={ADMIN: "all", ASESOR: "own participants'"}, query=SubmissionFilters)
def handler(caller: Caller, filters: SubmissionFilters = store.ALL) -> Statistics:
    return store.statistics(caller, filters)
