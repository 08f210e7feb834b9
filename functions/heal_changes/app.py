"""The queue of failed changes: apply them again; what fails still comes again in some minutes."""

from typing import Any

from teaching import healing
from teaching.streams import Context


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    return healing.heal(event, context)
