"""What was measured, as tables, and as a plot of the requests' read units against N."""

import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from math import ceil, log10
from pathlib import Path
from typing import NamedTuple

from benchmarks.grades import GRADERS, GRADES, SUBMISSIONS, Outcome
from benchmarks.load import Spread
from benchmarks.meter import Cost
from benchmarks.requests import BUDGETS, Budget, Line, keeps, spent

FOLDER = Path(__file__).parent

PAGE_1 = "page 1 of the graded"
LAST_PAGE = "last page of the graded"
STATISTICS = "statistics"
SEARCH = "search that finds 20 people"


class Measured(NamedTuple):
    line: Line
    name: str
    cost: Cost
    milliseconds: float


class Comparison(NamedTuple):
    """One answer in three ways; None for the plain one where it would take too long, and for
    PostgreSQL's time where that is not installed.
    """

    name: str
    ours: Measured
    plain: Measured | None
    postgres: float | None


class Run(NamedTuple):
    """What one store showed."""

    submissions: int
    spread: Spread
    loading: float
    """Seconds."""
    requests: list[Measured]
    compared: list[Comparison]

    @property
    def title(self) -> str:
        return f"{self.submissions:,} {self.spread}"

    def spent(self, line: Line) -> Budget:
        return spent(line, [measured.cost for measured in self.requests if measured.line == line])


INTRODUCTION = """# What a request costs

Written by `make bench`. Every request runs the endpoint's own function against DynamoDB Local in
memory, on N submissions by a participant per 50 of them, handed in evenly over two years or with 30 %
of them in the two hours before one deadline (*burst*).

- **trips**: requests to DynamoDB that wait for one another. What is asked at the same time is one trip.
- **read and write units**: by AWS's rules (`units.py`), those of indexes included. They and the trips are
  exact: they come out the same on every machine.
- **ms**: the median of a few runs on this machine, token and JSON not included. It says how the ways
  compare here, not what AWS would take.

Machine: {machine}.
"""


JUDGED = """# {title}

Written by `make bench`. {about} What is not reached is bold.

Machine: {machine}.
"""
OF_UNITS = """Units are by AWS's rules, those of indexes included (`units.py`). The data is
uneven as life is: 60 % of the submissions within two hours before a deadline, 30 % for one item, 20 % of
one asesor."""

JUDGED_COLUMNS = ["what", "measured", "to be reached"]


def write(runs: Sequence[Run], grades: Outcome) -> list[Path]:
    """Both files; answers where they are."""
    results, plot = FOLDER / "results.md", FOLDER / "cost.svg"
    results.write_text("\n".join(_results(runs, grades)), encoding="utf-8")
    plot.write_text(_plot([run for run in runs if run.spread is Spread.BURST]), encoding="utf-8")
    return [results, plot]


def write_judged(name: str, title: str, table: Sequence[str], about: str = OF_UNITS) -> Path:
    """A file of its own; answers where it is."""
    path = FOLDER / f"{name}.md"
    path.write_text(
        "\n".join([JUDGED.format(title=title, about=about, machine=_machine()), *table]), encoding="utf-8"
    )
    return path


def _results(runs: Sequence[Run], grades: Outcome) -> Iterable[str]:
    yield INTRODUCTION.format(machine=_machine())
    yield "![Read units against the number of submissions](cost.svg)\n"
    yield "## Budgets\n"
    yield (
        "Trips / read units: the most that any request of the kind took; of “any page”, units at the 95th "
        "percentile of the middle, the last and random pages of 32 lists (caller, status, course and item "
        "in every combination). `tests/test_budgets.py` fails when a budget is not kept.\n"
    )
    yield from table(
        ["request", "budget", *(run.title for run in runs)],
        [
            [line.value, _figures(budget), *(_judged(run.spent(line), budget) for run in runs)]
            for line, budget in BUDGETS.items()
        ],
    )
    yield f"## {GRADES:,} grades by {GRADERS} graders at once\n"
    yield (
        f"On {SUBMISSIONS:,} submissions the grades took {grades.grading:.1f} s, all of them answered. "
        f"{grades.catching_up:.1f} s after the last answer the statistics were exact, and the scheduled "
        f"check found {grades.drifted} rows counted wrongly in any list.\n"
    )
    yield "## The plain ways, on the same data\n"
    yield (
        "*Plain* counts by Query with `Select=COUNT` and walks to the page, or reads all rows and filters "
        "them in memory. PostgreSQL (Debian's, its defaults, all in its cache) has an index for each order, "
        "none for a search within words, and answers with OFFSET and COUNT(*).\n"
    )
    yield from table(
        COMPARED_COLUMNS,
        [row for run in sorted(runs, key=lambda run: run.submissions) for row in compared_rows(run)],
    )
    last = runs[-1]
    yield f"## Every request, {last.title}\n"
    yield from table(REQUEST_COLUMNS, [request_row(measured) for measured in last.requests])
    loading = ", ".join(f"{run.title} {run.loading:.0f} s" for run in runs)
    yield f"Loading took: {loading}.\n"
    yield (
        "Loaded were the rows and trees that the functions would have left, but for what no request here "
        "reads: streams, ledgers, and the lists by course and item of all asesors but one.\n"
    )


COMPARED_COLUMNS = ["request", "N", "trips", "units", "ms", "plain: trips", "units", "ms", "PostgreSQL: ms"]


def compared_rows(run: Run) -> list[list[str]]:
    return [
        [
            name,
            run.title,
            *_way(ours),
            *(_way(plain) if plain else ["–"] * 3),
            "not installed" if postgres is None else f"{postgres:,.1f}",
        ]
        for name, ours, plain, postgres in run.compared
    ]


def _way(measured: Measured) -> list[str]:
    cost = measured.cost
    return [f"{cost.trips:,}", f"{cost.reads:,g}", f"{measured.milliseconds:,.0f}"]


REQUEST_COLUMNS = ["request", "requests", "trips", "read units", "write units", "ms"]


def request_row(measured: Measured) -> list[str]:
    cost = measured.cost
    return [
        measured.name,
        str(cost.requests),
        str(cost.trips),
        f"{cost.reads:g}",
        f"{cost.writes:g}",
        f"{measured.milliseconds:.1f}",
    ]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    """Markdown; figures to the right."""
    yield f"| {' | '.join(columns)} |"
    yield f"|---|{'--:|' * (len(columns) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _figures(budget: Budget) -> str:
    writes = f" / {budget.writes} write" if budget.writes else ""
    return f"{budget.trips} / {budget.read_units:g}{writes}"


def _judged(spent: Budget, budget: Budget) -> str:
    return _figures(spent) if keeps(spent, budget) else f"**{_figures(spent)}**"


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


_WIDTH, _HEIGHT = 900, 450
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 640, 65, 390
_OURS, _PLAIN, _INK, _GRID = "#1a5fb4", "#c64600", "#333333", "#dddddd"
_LABELS_APART = 18


class _Series(NamedTuple):
    label: str
    colour: str
    points: list[tuple[int, float]]


def _plot(runs: Sequence[Run]) -> str:
    """Read units against N, both logarithmic: the requests here, and the plain ways to the same answers."""
    series = [
        _Series(label, colour, list(_points(runs, name, plain)))
        for label, name, colour, plain in (
            ("last page by count and walk", LAST_PAGE, _PLAIN, True),
            ("search, filtered in memory", SEARCH, _PLAIN, True),
            ("search that finds 20 people", SEARCH, _OURS, False),
            ("last page", LAST_PAGE, _OURS, False),
            ("page 1", PAGE_1, _OURS, False),
            ("statistics", STATISTICS, _OURS, False),
        )
    ]
    series = [line for line in series if line.points]
    sizes = [run.submissions for run in runs]
    most = max(units for line in series for _, units in line.points)
    decades = range(-1, ceil(log10(most)) + 1)
    span = max(log10(sizes[-1] / sizes[0]), 1)

    def x(size: float) -> float:
        return _LEFT + 20 + (_RIGHT - _LEFT - 40) * log10(size / sizes[0]) / span

    def y(units: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * (log10(units) - decades[0]) / (decades[-1] - decades[0])

    parts = [
        _text(_LEFT, 24, "Read units of one request, by the number of submissions", size=16, weight="bold"),
        _text(_LEFT, 44, "30 % of all handed in within two hours; both scales logarithmic", colour="#666666"),
    ]
    for decade in decades:
        parts.append(_line([(_LEFT, y(10.0**decade)), (_RIGHT, y(10.0**decade))], _GRID, 1))
        parts.append(_text(_LEFT - 8, y(10.0**decade) + 4, f"{10.0**decade:,g}", anchor="end"))
    parts += [_text(x(size), _BOTTOM + 20, f"{size:,}", anchor="middle") for size in sizes]
    parts.append(_text((_LEFT + _RIGHT) / 2, _BOTTOM + 42, "submissions", anchor="middle"))
    label_y = 0.0
    for line in sorted(series, key=lambda line: -line.points[-1][1]):
        points = [(x(size), y(units)) for size, units in line.points]
        parts.append(_line(points, line.colour, 2.5))
        parts += [f'<circle cx="{at:.1f}" cy="{up:.1f}" r="4" fill="{line.colour}"/>' for at, up in points]
        label_y = max(label_y + _LABELS_APART, points[-1][1] + 4)
        label = f"{line.label}: {line.points[-1][1]:,g}"
        parts.append(_text(points[-1][0] + 14, label_y, label, colour=line.colour))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            'font-family="system-ui, sans-serif" font-size="13" role="img" '
            'aria-label="Read units against the number of submissions">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _points(runs: Sequence[Run], name: str, plain: bool) -> Iterator[tuple[int, float]]:
    for run in runs:
        compared = next(compared for compared in run.compared if compared.name == name)
        measured = compared.plain if plain else compared.ours
        if measured:
            yield run.submissions, measured.cost.reads


def _line(points: Sequence[tuple[float, float]], colour: str, width: float) -> str:
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _text(
    x: float,
    y: float,
    text: str,
    *,
    colour: str = _INK,
    anchor: str = "start",
    size: int = 13,
    weight: str = "normal",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )
