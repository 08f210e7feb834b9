"""The queue of failed changes: apply them again; what fails still comes again in some minutes."""

from typing import Any

from teaching import failed_queue
from teaching.changed_rows import Context


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    return failed_queue.heal(event, context)
