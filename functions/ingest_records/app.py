"""The queue of records from other services: save each, or reject it with its reason."""

from typing import Any

from teaching import records_queue

MILLISECONDS_TO_STOP = 15_000
"""More than one step of a record takes when the store is slow."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return records_queue.take(
        event["Records"], lambda: context.get_remaining_time_in_millis() > MILLISECONDS_TO_STOP
    )
