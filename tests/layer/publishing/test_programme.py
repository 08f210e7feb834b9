"""What went out, as figures of the programme."""

import json
from typing import Any

import pytest

from teaching.publishing import programme
from teaching.publishing.events import ENDED, GRADED, MARKED, STARTED, Event
from teaching.publishing.programme import Figure, figures


def event(kind: str, **detail: Any) -> Event:
    return Event("an object", 1, kind, "2026-03-01T00:00:00.000Z", detail)


GRADE = event(GRADED, submitted_at="2026-03-01T00:00:00.000Z", graded_at="2026-03-02T01:00:00.500Z")


def test_each_event_counts_once_and_a_grade_says_how_long_it_was_waited_for() -> None:
    assert list(figures([GRADE, event(MARKED), event(STARTED), event(ENDED)])) == [
        Figure("Grades", "Count", 1),
        Figure("SecondsToGrade", "Seconds", 90000.5),
        Figure("Marks", "Count", 1),
        Figure("SessionsStarted", "Count", 1),
        Figure("SessionsEnded", "Count", 1),
    ]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "teaching-api")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "a-stack")


@pytest.mark.usefixtures("said")
def test_metrics_are_the_stacks_own(capsys: pytest.CaptureFixture[str]) -> None:
    programme.count([GRADE] * 150)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sum(len(line["Grades"]) for line in lines) == 150
    assert sum(sum(line["SecondsToGrade"]) for line in lines) == 150 * 90000.5
    for line in lines:
        (described,) = line["_aws"]["CloudWatchMetrics"]
        assert described["Namespace"] == "a-stack"


@pytest.mark.usefixtures("said")
def test_where_nothing_went_out_nothing_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    programme.count([])
    assert capsys.readouterr().out == ""
