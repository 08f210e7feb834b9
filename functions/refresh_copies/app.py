"""The streams of users and items: keep their copies and the search index up to date."""

from typing import Any

from teaching import projections, streams
from teaching.changed_rows import Context


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    return streams.follow(event, context, projections.refresh, at_a_time=1)
