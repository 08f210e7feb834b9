"""Sessions that nobody has ended, ended by the schedule."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from teaching import clock, dynamo
from teaching.coaching import store
from teaching.log import logger

AT_ONCE = 25


class Closed(NamedTuple):
    closed: int
    failed: int
    """Sessions that could not be ended now; the log says which, and the next run tries them again."""


def close_overdue(hours: float, has_time: Callable[[], bool] = lambda: True) -> Closed:
    """Ends what is under way so many hours after its end, the oldest first, while there is time.

    One round trip when there is nothing to do. Raises `Unavailable` when it cannot be known.
    """
    before = clock.hours_after(clock.now(), -hours)
    results: list[bool | None] = []
    for some in dynamo.chunked(store.overdue(before), AT_ONCE):
        if not has_time():
            break
        results += dynamo.at_once(*[partial(_close, session, before) for session in some])
    return Closed(results.count(True), results.count(None))


def _close(session: str, before: str) -> bool | None:
    """None where it failed."""
    try:
        closed = store.close(session, before)
    except Exception:
        logger().exception("a session could not be ended", extra={"session": session})
        return None
    if closed:
        logger().info("a session that nobody ended is ended", extra={"session": session})
    return closed
