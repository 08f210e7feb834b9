"""The streams of submissions and sessions: keep the count trees, and what is kept of sessions, up to date."""

from typing import Any

from teaching import projections, streams
from teaching.changed_rows import Context


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    return streams.follow(event, context, projections.count_and_refresh)
