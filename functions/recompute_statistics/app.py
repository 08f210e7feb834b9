"""The schedule: check a part of all that is kept ready, mend what differs, report it as metrics.

The event `{"anew": true}` begins with the first part again.
"""

import os
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from teaching.schedule import recompute

MILLISECONDS_TO_STOP = 60_000
"""More than anything takes between two looks at the time, but the search."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    done = recompute(
        lambda: context.get_remaining_time_in_millis() > MILLISECONDS_TO_STOP,
        parts=int(os.environ["CHECK_PARTS"]),
        anew=bool(event.get("anew")),
    )
    metrics = Metrics()
    metrics.add_metric(name="Drift", unit=MetricUnit.Count, value=done.drifted)
    metrics.add_metric(name="CheckFailures", unit=MetricUnit.Count, value=done.failed)
    metrics.flush_metrics()
    return done._asdict()
