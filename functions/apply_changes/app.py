"""The streams of submissions and sessions: keep the count trees up to date."""

from typing import Any

from teaching import projections, streams


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return streams.follow(event, projections.count)
