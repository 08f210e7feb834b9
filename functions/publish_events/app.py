"""The streams of submissions, presences and sessions: send events of what was done here."""

from typing import Any

from teaching import streams
from teaching.changed_rows import Context
from teaching.publishing.publish import publish


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    return streams.follow(event, context, publish, at_a_time=100)
