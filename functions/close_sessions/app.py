"""The schedule: end the sessions that nobody has ended `CloseAfterHours` after their end."""

import os
from typing import Any

from teaching.coaching.closing import close_overdue

MILLISECONDS_TO_STOP = 10_000
"""More than some sessions at once take when the store is slow."""


def handler(event: object, context: Any) -> dict[str, Any]:
    closed = close_overdue(
        float(os.environ["CLOSE_AFTER_HOURS"]),
        lambda: context.get_remaining_time_in_millis() > MILLISECONDS_TO_STOP,
    )
    return closed._asdict()
