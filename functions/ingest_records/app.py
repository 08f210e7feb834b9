"""The queue of records from other services: save each, or reject it with its reason."""

from typing import Any

from teaching.intake import queue


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return queue.take(event["Records"])
