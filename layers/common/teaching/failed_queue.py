"""What the streams gave up on, taken up again: the messages of the queue FailedChanges.

A message is one of

- `{"table": …, "id": …}`: a change that was set aside (`changed_rows.set_aside`); of the tallies' table, a
  list in which a node is lost or wrong;
- what Lambda says of a batch of a stream that it gave up as a whole (`DDBStreamBatchInfo`).

One that is not healed stays in the queue and comes again after its visibility timeout.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from teaching import changed_rows, dynamo, jsons, projections
from teaching.changed_rows import Change, Context, Trimmed, has_time
from teaching.log import logger
from teaching.publishing.publish import publish

AT_A_TIME = 100
"""Changes of a batch that are taken up between two looks at the time."""


def heal(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Answers, as ReportBatchItemFailures expects, the messages that should come again."""
    failed = []
    for message in event["Records"]:
        try:
            healed = has_time(context) and _heal(jsons.loads(message["body"]), context)
        except Exception:
            extra = {"message_id": message["messageId"]}
            logger().warning("a message failed and will come again", extra=extra, exc_info=True)
            healed = False
        if not healed:
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}


def _heal(told: Any, context: Context) -> bool:
    """Whether the message has done its work. Raises `ValueError` for one that nobody here sends."""
    match told:
        case {"table": str(table), "id": str(identity)} if table in projections.tables():
            return _heal_change(Change(table, identity))
        case {"DDBStreamBatchInfo": dict(batch)}:
            _heal_batch(batch, context)
            return True
    raise ValueError("not a message of this queue")


def _heal_change(change: Change) -> bool:
    """Rows that fail in its stead, those that carry it, get messages of their own."""
    failed = changed_rows.take_up([change], _apply)
    if change in failed:
        logger().error("a change is still failing", extra={"changes": changed_rows.names([change])})
        return False
    changed_rows.set_aside(failed)
    return True


def _heal_batch(batch: Mapping[str, Any], context: Context) -> None:
    """Each change that fails, or for which the time does not suffice, becomes a message of its own."""
    shard, first, last = batch["shardId"], batch["startSequenceNumber"], batch["endSequenceNumber"]
    try:
        changes = changed_rows.changes_between(batch["streamArn"], shard, first, last)
    except Trimmed:
        extra = {"stream": batch["streamArn"], "shard": shard, "first": first, "last": last}
        logger().error("records are lost, the scheduled check mends what they leave", extra=extra)
        return
    for some in dynamo.chunked(changes, AT_A_TIME):
        changed_rows.set_aside(changed_rows.take_up(some, _apply) if has_time(context) else some)


def _apply(changes: Sequence[Change]) -> list[Change]:
    """Lists are mended first, for their rows can't be counted before."""
    failed = projections.mend(changes) + projections.count(changes) + projections.refresh(changes)
    return list(dict.fromkeys(failed + publish(changes)))
