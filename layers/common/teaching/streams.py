"""The streams of the tables: batches of changed rows, handed to what keeps something ready of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from teaching import dynamo
from teaching.changed_rows import Change, Context, Handle, change_of, has_time, set_aside, take_up
from teaching.errors import Unavailable
from teaching.log import logger


def follow(
    event: Mapping[str, Any], context: Context, handle: Handle, *, at_a_time: int | None = None
) -> dict[str, Any]:
    """Hands over the changes of a batch, `at_a_time` (all at once unless given), and sets aside what fails.

    Answers what Lambda's ReportBatchItemFailures expects: the record to go on from when the store is
    unavailable, when the time is nearly over, or when what failed could not be set aside.
    """
    records = event["Records"]
    changes = list(dict.fromkeys(map(change_of, records)))
    for some in dynamo.chunked(changes, at_a_time or len(records)):
        if not has_time(context):
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


def _go_on_from(change: Change, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """At the first record that tells of the change: all before it are done."""
    first = next(record for record in records if change_of(record) == change)
    return {"batchItemFailures": [{"itemIdentifier": first["dynamodb"]["SequenceNumber"]}]}
