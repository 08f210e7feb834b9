"""Following a table's stream: only which rows changed is told, so repeats and disorder do no harm."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from teaching.log import logger


class Change(NamedTuple):
    table: str
    id: str


def follow(event: Mapping[str, Any], handle: Callable[[Sequence[Change]], None]) -> dict[str, Any]:
    """Hands over all changes of a batch at once, and after a fault one by one, to find where to go on from.

    Answers what Lambda's ReportBatchItemFailures expects.
    """
    records = event["Records"]
    try:
        handle(list(dict.fromkeys(map(_change, records))))
    except Exception:
        logger().warning("a batch of changes failed, going on one by one", exc_info=True)
    else:
        return {"batchItemFailures": []}
    for record in records:
        try:
            handle([_change(record)])
        except Exception:
            logger().exception("a change failed")
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
    return {"batchItemFailures": []}


def _change(record: Mapping[str, Any]) -> Change:
    """The table's name is in the stream's ARN: `…:table/<name>/stream/<time>`."""
    return Change(record["eventSourceARN"].split("/")[1], record["dynamodb"]["Keys"]["id"]["S"])
