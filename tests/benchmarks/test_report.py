from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import report
from benchmarks.grades import Outcome
from benchmarks.judged import Judged, rows
from benchmarks.load import Spread
from benchmarks.meter import Cost
from benchmarks.report import LAST_PAGE, PAGE_1, SEARCH, STATISTICS, Comparison, Measured, Run
from benchmarks.requests import BUDGETS, Line


def measured(line: Line, units: float) -> Measured:
    return Measured(line, line.value, Cost(trips=1, reads_of={"SubmissionsTable": units}), 2.0)


def run(submissions: int, statistics: float = 0.5) -> Run:
    ours, plain = measured(Line.PAGE_OF_ONE, 2.5), measured(Line.PAGE_OF_ONE, submissions / 10)
    return Run(
        submissions,
        Spread.BURST,
        1.0,
        [measured(line, statistics) for line in BUDGETS],
        [Comparison(name, ours, plain, None) for name in (PAGE_1, LAST_PAGE, STATISTICS, SEARCH)],
    )


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    return tmp_path


def test_a_figure_over_its_budget_is_bold(folder: Path) -> None:
    report.write([run(1000), run(10_000, statistics=1.5)], Outcome(8.0, 4.0, 0))
    assert "| statistics | 1 / 1 | 1 / 0.5 | **1 / 1.5** |" in (folder / "results.md").read_text()


def test_what_is_not_reached_is_bold(folder: Path) -> None:
    lines = [Judged("a grade", "40 / 20", "≤ 50 / 20", True), Judged("a hand-in", "61", "≤ 40", False)]
    table = list(report.table(report.JUDGED_COLUMNS, rows(lines)))
    text = report.write_judged("writes", "Changes", table).read_text()
    assert text.startswith("# Changes\n")
    assert "| a grade | 40 / 20 | ≤ 50 / 20 |\n| a hand-in | **61** | ≤ 40 |" in text


def test_postgresql_that_is_absent_is_said_to_be(folder: Path) -> None:
    report.write([run(1000)], Outcome(8.0, 4.0, 0))
    assert (folder / "results.md").read_text().count("| not installed |") == 4


def test_the_plot_labels_every_line_with_its_last_figure(folder: Path) -> None:
    report.write([run(1000), run(100_000)], Outcome(8.0, 4.0, 0))
    texts = [element.text for element in ElementTree.parse(folder / "cost.svg").iter() if element.text]
    assert {"1,000", "100,000"} <= set(texts)
    assert {"page 1: 2.5", "last page by count and walk: 10,000"} <= set(texts)
