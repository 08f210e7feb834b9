"""Which rows changed, and where what fails is set aside.

Of a change only its row is told, not how it changed, so repeats and disorder do no harm. One that fails holds
up no other: it is set aside in the queue FailedChanges, from which `failed_queue` takes it up again.
"""

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

from teaching import aws, sqs
from teaching.errors import Unavailable
from teaching.log import logger

MILLISECONDS_TO_STOP = 30_000
"""What setting aside takes when the store is slow."""
PAGES_MOST = 100
"""How many pages of a shard are read for one batch; most of them may be empty."""


class Change(NamedTuple):
    table: str
    id: str
    """The row's key; that of a presence is `<session>#<participant>`, of the tallies the name of a list."""


class Context(Protocol):
    """What Lambda tells a function beside the event."""

    def get_remaining_time_in_millis(self) -> int: ...


def has_time(context: Context) -> bool:
    """Whether more can be begun."""
    return context.get_remaining_time_in_millis() > MILLISECONDS_TO_STOP


class Trimmed(Exception):
    """The stream no longer has records that were asked for; it keeps them for a day."""


Handle = Callable[[Sequence[Change]], Collection[Change]]
"""Takes changes up and answers those that failed, or others that stand for them."""


def change_of(record: Mapping[str, Any]) -> Change:
    """The table's name is in the stream's ARN: `…:table/<name>/stream/<time>`."""
    keys = record["dynamodb"]["Keys"]
    names = ["id"] if "id" in keys else ["session_id", "participant_id"]
    return Change(record["eventSourceARN"].split("/")[1], "#".join(keys[name]["S"] for name in names))


def take_up(changes: Sequence[Change], handle: Handle) -> list[Change]:
    """The changes that failed; a fault of them all is narrowed down, one by one. Raises `Unavailable`."""
    try:
        return list(handle(changes))
    except Unavailable:
        raise
    except Exception:
        logger().warning("changes failed", extra={"changes": names(changes)}, exc_info=True)
    if len(changes) == 1:
        return list(changes)
    return [failed for change in changes for failed in take_up([change], handle)]


def set_aside(changes: Collection[Change]) -> None:
    """Puts the changes where they are taken up again. Raises `Unavailable` or what botocore raises."""
    if not changes:
        return
    logger().error("changes failed and are set aside", extra={"changes": names(changes)})
    sqs.send_all(os.environ["FAILED_CHANGES_QUEUE"], [json.dumps(change._asdict()) for change in changes])


def names(changes: Iterable[Change]) -> list[str]:
    """As the log says them."""
    return ["/".join(change) for change in changes]


def changes_between(arn: str, shard: str, first: str, last: str) -> list[Change]:
    """The changes that a shard of a stream tells from one sequence number to another.

    Raises `Trimmed`, `Unavailable`.
    """
    start = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": first}
    try:
        iterator = _client().get_shard_iterator(StreamArn=arn, ShardId=shard, **start)["ShardIterator"]
        records = list(_records(iterator, int(last)))
    except (_client().exceptions.TrimmedDataAccessException, _client().exceptions.ResourceNotFoundException):
        raise Trimmed() from None
    return list(dict.fromkeys(change_of({**record, "eventSourceARN": arn}) for record in records))


def _records(iterator: str | None, last: int) -> Iterator[Mapping[str, Any]]:
    for _ in range(PAGES_MOST):
        if iterator is None:
            return
        page = _client().get_records(ShardIterator=iterator)
        for record in page["Records"]:
            number = int(record["dynamodb"]["SequenceNumber"])
            if number <= last:
                yield record
            if number >= last:
                return
        iterator = page.get("NextShardIterator")
    raise Unavailable()


@cache
def _client() -> Any:
    return aws.create_client("dynamodbstreams", read_timeout=5)
