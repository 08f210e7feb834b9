"""Following a table's stream: only which rows changed is told, so repeats and disorder do no harm.

A change that fails holds up no other: it is set aside in the queue FailedChanges, from which `healing`
takes it up again.
"""

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

import botocore.session
from botocore.config import Config

from teaching import dynamo, sqs
from teaching.errors import Unavailable
from teaching.log import logger

MILLISECONDS_TO_STOP = 30_000
PAGES_MOST = 100
"""How many pages of a shard are read for one batch; most of them may be empty."""


class Change(NamedTuple):
    table: str
    id: str
    """The row's key; that of a presence is `<session>#<participant>`, of the tallies the name of a list."""


class Context(Protocol):
    """What Lambda tells a function beside the event."""

    def get_remaining_time_in_millis(self) -> int: ...


class Trimmed(Exception):
    """The stream no longer has records that were asked for; it keeps them for a day."""


Handle = Callable[[Sequence[Change]], Collection[Change]]
"""Takes changes up and answers those that failed, or others that stand for them."""


def follow(
    event: Mapping[str, Any], context: Context, handle: Handle, *, at_a_time: int | None = None
) -> dict[str, Any]:
    """Hands over the changes of a batch, `at_a_time` (all at once unless given), and sets aside what fails.

    Answers what Lambda's ReportBatchItemFailures expects: the record to go on from when the store is
    unavailable, when the time is nearly over, or when what failed could not be set aside.
    """
    records = event["Records"]
    changes = list(dict.fromkeys(map(_change, records)))
    for some in dynamo.chunked(changes, at_a_time or len(records)):
        if context.get_remaining_time_in_millis() <= MILLISECONDS_TO_STOP:
            return _go_on_from(some[0], records)
        try:
            failed = take_up(some, handle)
        except Unavailable:
            logger().warning("the store is unavailable, the changes will come again", exc_info=True)
            return _go_on_from(some[0], records)
        try:
            set_aside(failed)
        except Exception:
            logger().exception("failed changes could not be set aside and will come again")
            return _go_on_from(next((change for change in some if change in failed), some[0]), records)
    return {"batchItemFailures": []}


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
    return list(dict.fromkeys(_change({**record, "eventSourceARN": arn}) for record in records))


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
    return botocore.session.get_session().create_client(
        "dynamodbstreams",
        config=Config(
            connect_timeout=1, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}
        ),
    )


def _go_on_from(change: Change, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """At the first record that tells of the change: all before it are done."""
    first = next(record for record in records if _change(record) == change)
    return {"batchItemFailures": [{"itemIdentifier": first["dynamodb"]["SequenceNumber"]}]}


def _change(record: Mapping[str, Any]) -> Change:
    """The table's name is in the stream's ARN: `…:table/<name>/stream/<time>`."""
    return Change(record["eventSourceARN"].split("/")[1], record["dynamodb"]["Keys"]["id"]["S"])
