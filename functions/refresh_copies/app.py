"""The streams of users, items and sessions: keep their copies and the search index up to date."""

from typing import Any

from teaching import projections, streams


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return streams.follow(event, projections.refresh)
