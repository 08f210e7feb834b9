"""The schedule: check the count trees against the tables, mend what differs, report it as a metric."""

from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from teaching.recompute import recompute

MILLISECONDS_TO_STOP = 60_000


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    done = recompute(lambda: context.get_remaining_time_in_millis() > MILLISECONDS_TO_STOP)
    metrics = Metrics()
    metrics.add_metric(name="Drift", unit=MetricUnit.Count, value=done.drifted)
    metrics.flush_metrics()
    return done._asdict()
