"""`make bench`: measures what requests cost at growing sizes, and writes results.md and cost.svg.

`N="1000 10000"` chooses the numbers of submissions.
"""

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

from benchmarks import grades, plain, report
from benchmarks.load import World, loaded
from benchmarks.meter import metered
from benchmarks.postgres import Database, database
from benchmarks.report import LAST_PAGE, PAGE_1, SEARCH, STATISTICS, Comparison, Measured, Run
from benchmarks.requests import Line, Listing, callers, endpoint, every_request, line_of, pages, searched
from local import template
from local.load import progress_bar
from local.store import StoreError
from local.template import Template
from teaching.grading.rules import Status

SIZES = "1000 10000 100000"
RANDOM_PAGES = 60
TIMES = 5
PLAIN_MOST = 100_000
"""Beyond so many submissions the plain ways would take hours on DynamoDB Local."""


def main() -> int:
    try:
        sizes = sorted({int(size) for size in (os.environ.get("N") or SIZES).split()})
    except ValueError:
        print('N must be numbers of submissions: make bench N="1000 10000"', file=sys.stderr)
        return 2
    facts = template.read()
    try:
        runs = [_run(facts, size, burst) for burst in (False, True) for size in sizes]
        outcome = grades.measure(facts)
    except StoreError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{grades.GRADES:,} grades in {outcome.grading:.1f} s, exact {outcome.catching_up:.1f} s later")
    for path in report.write(runs, outcome):
        print(f"Written: {path.relative_to(template.ROOT)}")
    return 0


def _run(facts: Template, submissions: int, burst: bool) -> Run:
    began = time.monotonic()
    with loaded(facts, submissions, burst=burst) as (_, world):
        run = Run(submissions, burst, time.monotonic() - began, [], [])
        print(f"\n## {run.title}, loaded in {run.loading:.0f} s\n")
        with progress_bar("") as progress:
            for request in progress.track(list(every_request(world, RANDOM_PAGES)), description="Requests"):
                run.requests.append(_measured(request.line, request.name, request.send, TIMES))
        print("\n".join(report.table(report.REQUEST_COLUMNS, map(report.request_row, run.requests))))
        with database() as postgres:
            run.compared.extend(_compared(world, postgres))
        print("\n".join(report.table(report.COMPARED_COLUMNS, report.compared_rows(run))))
    return run


def _compared(world: World, postgres: Database | None) -> list[Comparison]:
    """As an admin, over all submissions."""
    if postgres:
        postgres.fill(world)
    admin, _ = callers(world)
    graded, every = Listing(admin, Status.GRADED, None, None), Listing(admin, None, None, None)
    last, text = pages(world, graded), searched(world, None)
    return [
        *(
            _comparison(
                world,
                line_of(graded, page),
                name,
                partial(graded.page, page),
                partial(plain.page_of, Status.GRADED, page),
                partial(postgres.page_of, Status.GRADED, page) if postgres else None,
            )
            for name, page in ((PAGE_1, 1), (LAST_PAGE, last))
        ),
        _comparison(
            world,
            Line.STATISTICS,
            STATISTICS,
            partial(endpoint("get_statistics"), admin),
            plain.statistics,
            postgres.statistics if postgres else None,
        ),
        _comparison(
            world,
            Line.PEOPLE,
            SEARCH,
            partial(every.page, 1, text),
            partial(plain.searched, text),
            partial(postgres.searched, text) if postgres else None,
        ),
    ]


def _comparison(
    world: World,
    line: Line,
    name: str,
    ours: Callable[[], Any],
    plainly: Callable[[], Any],
    postgres: Callable[[], float] | None,
) -> Comparison:
    return Comparison(
        name,
        _measured(line, name, ours, TIMES),
        _measured(line, name, plainly, 0) if world.submissions <= PLAIN_MOST else None,
        postgres and postgres(),
    )


def _measured(line: Line, name: str, send: Callable[[], Any], times: int) -> Measured:
    """The cost of one run, and the median time of some more without the meter.

    With none more, the time of the one: the same where nothing is asked for at once.
    """
    with metered() as cost:
        metered_ms = _milliseconds(send)
    taken = [_milliseconds(send) for _ in range(times)] or [metered_ms]
    return Measured(line, name, cost, median(taken))


def _milliseconds(send: Callable[[], Any]) -> float:
    began = time.perf_counter()
    send()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    sys.exit(main())
