"""Records out of the queue into their stores; the malformed go to the dead-letter queue with their reason."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from pydantic import ValidationError

from teaching import dynamo, jsons, sqs
from teaching.coaching import store as coaching
from teaching.directory import store as directory
from teaching.errors import Malformed
from teaching.grading import store as grading
from teaching.http.fields import details, given_twice
from teaching.intake.records import TYPES, ItemRecord, Record, SessionRecord, SubmissionRecord, UserRecord
from teaching.log import logger

ORDER: tuple[type[Record], ...] = (UserRecord, ItemRecord, SessionRecord, SubmissionRecord)
"""Any order works; this one seldom leaves a record waiting for another."""


class _Message(NamedTuple):
    id: str
    body: str
    record: Record


def take(messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Saves a batch of SQS messages, each an EventBridge event.

    Answers, as ReportBatchItemFailures expects, the messages that should come again.
    """
    parsed: list[_Message] = []
    failed: list[str] = []
    for message in messages:
        try:
            parsed.append(_Message(message["messageId"], message["body"], record_of(message["body"])))
        except Malformed as malformed:
            reject = partial(_reject, message["messageId"], message["body"], str(malformed))
            _unless_failed(message["messageId"], reject, failed)
    for kind in ORDER:
        of_kind = [message for message in parsed if isinstance(message.record, kind)]
        saves = [
            partial(_unless_failed, message.id, partial(_save, message.record), failed) for message in of_kind
        ]
        if kind is SessionRecord:
            # Each writes its whole roster at once, which it could not on one of the pool's threads.
            for save in saves:
                save()
        else:
            dynamo.at_once(*saves)
    return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}


def record_of(body: str) -> Record:
    """The record in an EventBridge event. Raises `Malformed`."""
    try:
        event = jsons.loads(body)
        kind, data = event["detail-type"], event["detail"]
    except jsons.NameTwice as error:
        raise Malformed(given_twice(error)) from None
    except (ValueError, RecursionError, KeyError, TypeError):
        raise Malformed("not an event with detail-type and detail") from None
    if not isinstance(kind, str) or kind not in TYPES:
        raise Malformed(f"type: must be {', '.join(TYPES)}")
    try:
        return TYPES[kind].model_validate(data)
    except ValidationError as error:
        raise Malformed("; ".join(details(error))) from None


def _unless_failed(message: str, do: Callable[[], None], failed: list[str]) -> None:
    """What fails comes again, alone."""
    try:
        do()
    except Exception:
        logger().warning("a record failed and will come again", extra={"message_id": message}, exc_info=True)
        failed.append(message)


def _save(record: Record) -> None:
    match record:
        case UserRecord():
            directory.save_user(record)
        case ItemRecord():
            directory.save_item(record)
        case SessionRecord():
            coaching.save(record)
        case SubmissionRecord():
            grading.save(record)


def _reject(message: str, body: str, reason: str) -> None:
    attributes = {"reason": reason[:1000], "message_id": message}
    sqs.send(os.environ["REJECTED_RECORDS_QUEUE"], body, attributes)
