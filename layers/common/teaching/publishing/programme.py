"""The programme in figures: what the events that went out say, as metrics.

Counted here, off the requests' way; an event that is sent twice is counted twice, and a grade that was
overtaken before it was told is not counted.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from teaching.publishing.events import ENDED, GRADED, MARKED, STARTED, Event

_COUNTED = {GRADED: "Grades", MARKED: "Marks", STARTED: "SessionsStarted", ENDED: "SessionsEnded"}


class Figure(NamedTuple):
    name: str
    unit: str
    value: float


def figures(events: Iterable[Event]) -> Iterator[Figure]:
    """One for each event; for a grade also `SecondsToGrade`, since what it grades was handed in."""
    for event in events:
        yield Figure(_COUNTED[event.type], "Count", 1)
        if event.type == GRADED:
            handed_in = datetime.fromisoformat(event.detail["submitted_at"])
            waited = datetime.fromisoformat(event.detail["graded_at"]) - handed_in
            yield Figure("SecondsToGrade", "Seconds", waited.total_seconds())


def count(events: Iterable[Event]) -> None:
    # Imported when there is something to count: it would cost every cold start.
    from aws_lambda_powertools import Metrics

    metrics = Metrics()
    for figure in figures(events):
        metrics.add_metric(name=figure.name, unit=figure.unit, value=figure.value)
    if metrics.metric_set:
        metrics.flush_metrics()
