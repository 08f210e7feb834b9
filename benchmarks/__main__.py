"""`make bench`: measures what requests and changes cost at growing sizes, and writes down what it finds.

`PART="writes reach"` chooses what is measured (all of it takes an hour or more):

- `requests`: what requests cost, into results.md and cost.svg;
- `writes`: what changes cost all the way, into writes.md;
- `reads`: searches, a shared item's pages and the scheduled check, into reads.md;
- `reach`: the rows up to which every page takes four trips, into reach.md;
- `starts`: how fast a function starts and answers beside others' ways to write it, into starts.md.

`N="1000 10000"` chooses the numbers of submissions.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import grades, judged, plain, report, starts
from benchmarks.judged import Judged
from benchmarks.load import Spread, World, loaded
from benchmarks.meter import metered
from benchmarks.postgres import Database, database
from benchmarks.report import LAST_PAGE, PAGE_1, SEARCH, STATISTICS, Comparison, Measured, Run
from benchmarks.requests import Line, Listing, callers, endpoint, every_request, line_of, pages, searched
from local import template
from local.emulator import version_of
from local.load import progress_bar
from local.store import StoreError
from local.template import Template
from teaching.grading.rules import Status

SIZES = [1000, 10_000, 100_000]
LARGE = [100_000]
LARGE_AND_LARGER = [100_000, 1_000_000]
RANDOM_PAGES = 60
TIMES = 5
PLAIN_MOST = 100_000
"""Beyond so many submissions the plain ways would take hours on DynamoDB Local."""


def main() -> int:
    try:
        sizes = sorted({int(size) for size in os.environ.get("N", "").split()})
    except ValueError:
        print('N must be numbers of submissions: make bench N="1000 10000"', file=sys.stderr)
        return 2
    chosen = os.environ.get("PART", "").split() or list(PARTS)
    if not PARTS.keys() >= set(chosen):
        print(f"PART must be some of: {' '.join(PARTS)}", file=sys.stderr)
        return 2
    facts = template.read()
    try:
        for part in chosen:
            PARTS[part](facts, sizes)
    except StoreError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _measure_requests(facts: Template, sizes: list[int]) -> None:
    runs = [_run(facts, size, spread) for spread in (Spread.EVEN, Spread.BURST) for size in sizes or SIZES]
    outcome = grades.measure(facts)
    print(f"{grades.GRADES:,} grades in {outcome.grading:.1f} s, exact {outcome.catching_up:.1f} s later")
    for path in report.write(runs, outcome):
        _say_written(path)


def _measure_writes(facts: Template, sizes: list[int]) -> None:
    lines = chain.from_iterable(judged.of_writes(facts, size) for size in sizes or LARGE_AND_LARGER)
    _judge("writes", "What a change costs all the way", lines)


def _measure_reads(facts: Template, sizes: list[int]) -> None:
    lines = chain.from_iterable(judged.of_reads(facts, size) for size in sizes or LARGE)
    _judge("reads", "What the worst reads cost", lines)


def _measure_reach(facts: Template, sizes: list[int]) -> None:
    _judge("reach", "Up to how many rows every page takes four trips", judged.of_reach())


def _measure_starts(facts: Template, sizes: list[int]) -> None:
    about = starts.ABOUT.format(python=version_of(starts.PYTHON))
    _judge("starts", "How fast a function starts and answers", judged.of_starts(facts), about)


PARTS: dict[str, Callable[[Template, list[int]], None]] = {
    "requests": _measure_requests,
    "writes": _measure_writes,
    "reads": _measure_reads,
    "reach": _measure_reach,
    "starts": _measure_starts,
}


def _judge(name: str, title: str, lines: Iterable[Judged], about: str = report.OF_UNITS) -> None:
    """Prints the lines as they come, and writes them down."""
    print(f"\n## {title}\n")
    written = []
    for line in report.table(report.JUDGED_COLUMNS, judged.rows(lines)):
        print(line, flush=True)
        written.append(line)
    _say_written(report.write_judged(name, title, written, about))


def _say_written(path: Path) -> None:
    print(f"Written: {path.relative_to(template.ROOT)}")


def _run(facts: Template, submissions: int, spread: Spread) -> Run:
    began = time.monotonic()
    with loaded(facts, submissions, spread) as (_, world):
        run = Run(submissions, spread, time.monotonic() - began, [], [])
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
