"""EventBridge as the functions use it: one client, made when there is something to send."""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from teaching import aws, dynamo, limits
from teaching.log import logger

ENTRIES_MOST = 10
"""Of a request."""
TRIES = 2
SECONDS = 7
"""As long as `put` may take at the most, tries and pauses together."""
_TIME_BYTES = 14
"""That EventBridge counts for a time."""


@cache
def client() -> Any:
    """Made once; `put` makes the tries."""
    return aws.create_client("events", read_timeout=2, attempts=1)


def put(entries: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Sends entries of PutEvents (without a bus) to the bus EVENTS_BUS; of each whether it was taken.

    One that was not may have been taken all the same, when no answer came.
    """
    taken = [False] * len(entries)
    for attempt in range(TRIES):
        left = [number for number, done in enumerate(taken) if not done]
        if not left:
            break
        if attempt:
            dynamo.pause(attempt)
        requests = list(_requests(entries, left))
        answers = dynamo.at_once(*[partial(_put, [entries[number] for number in some]) for some in requests])
        for some, answer in zip(requests, answers, strict=True):
            for number, done in zip(some, answer, strict=True):
                taken[number] = done
    return taken


def _requests(entries: Sequence[Mapping[str, Any]], numbers: Sequence[int]) -> Iterator[list[int]]:
    """The entries of these numbers, no more together than a request holds."""
    some: list[int] = []
    size = 0
    for number in numbers:
        added = size_of(entries[number])
        if some and (len(some) == ENTRIES_MOST or size + added > limits.EVENT_BYTES):
            yield some
            some, size = [], 0
        some.append(number)
        size += added
    if some:
        yield some


def size_of(entry: Mapping[str, Any]) -> int:
    """In bytes, as EventBridge counts."""
    return _TIME_BYTES + sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))


def _put(entries: Sequence[Mapping[str, Any]]) -> list[bool]:
    bus = os.environ["EVENTS_BUS"]
    try:
        answer = client().put_events(Entries=[{**entry, "EventBusName": bus} for entry in entries])
    except (BotoCoreError, ClientError):
        logger().warning("events could not be sent", exc_info=True)
        return [False] * len(entries)
    codes = [entry.get("ErrorCode") for entry in answer["Entries"]]
    if any(codes):
        logger().warning("events were refused", extra={"codes": sorted({*codes} - {None})})
    return [not code for code in codes]
