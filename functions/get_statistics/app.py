"""GET /api/teaching/submissions/statistics: totals and average of the submissions that the caller may see."""

from teaching.grading import store
from teaching.grading.rules import Statistics
from teaching.http.auth import ADMIN, ASESOR, Caller
from teaching.http.endpoint import endpoint


@endpoint(roles={ADMIN: "all", ASESOR: "own participants'"})
def handler(caller: Caller) -> Statistics:
    return store.statistics(caller)
