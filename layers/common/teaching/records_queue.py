"""Records out of the queue into their stores; the malformed go to the dead-letter queue with their reason."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from pydantic import ValidationError

from teaching import dynamo, jsons, sqs
from teaching.coaching import store as coaching
from teaching.directory import store as directory
from teaching.errors import Malformed, NotFinished
from teaching.fields import details, given_twice
from teaching.grading import store as grading
from teaching.log import logger
from teaching.records import TYPES, ItemRecord, Record, SessionRecord, SubmissionRecord, UserRecord

ORDER: tuple[type[Record], ...] = (UserRecord, ItemRecord, SubmissionRecord, SessionRecord)
"""Any order works; this one seldom leaves a record waiting for another, and large rosters come last."""


class _Message(NamedTuple):
    id: str
    record: Record


def take(
    messages: Sequence[Mapping[str, Any]], has_time: Callable[[], bool] = lambda: True
) -> dict[str, Any]:
    """Saves a batch of SQS messages, each an EventBridge event: those of one id in order, others at once.

    Answers, as ReportBatchItemFailures expects, the messages that should come again: what failed, with
    what is of the same id and came after it, and what there was no time for.
    """
    failed: list[str] = []
    by_id: dict[tuple[type[Record], str], list[_Message]] = {}
    for message in messages:
        try:
            record = record_of(message["body"])
        except Malformed as malformed:
            _reject_or_fail(message, str(malformed), failed)
        else:
            by_id.setdefault((type(record), record.id), []).append(_Message(message["messageId"], record))
    for kind in ORDER:
        of_kind = [of_id for (of, _), of_id in by_id.items() if of is kind]
        saves = [partial(_save_in_order, of_id, has_time, failed) for of_id in sorted(of_kind, key=_invited)]
        if kind is SessionRecord:
            # One after the other, so that there is one whose roster is finished when the time is out.
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
        raise Malformed(given_twice(error.name)) from None
    except (ValueError, RecursionError, KeyError, TypeError):
        raise Malformed("not an event with detail-type and detail") from None
    if not isinstance(kind, str) or kind not in TYPES:
        raise Malformed(f"type: must be {', '.join(TYPES)}")
    try:
        return TYPES[kind].model_validate(data)
    except ValidationError as error:
        raise Malformed("; ".join(details(error))) from None


def _invited(messages: Sequence[_Message]) -> int:
    """How many participants the rosters of the messages have."""
    records = [message.record for message in messages]
    return sum(len(record.participant_ids) for record in records if isinstance(record, SessionRecord))


def _save_in_order(messages: Sequence[_Message], has_time: Callable[[], bool], failed: list[str]) -> None:
    """Those of one id; from the first that fails on they come again."""
    for number, message in enumerate(messages):
        try:
            if not has_time():
                raise NotFinished
            _save(message.record, has_time)
        except Exception as error:
            _note_failure(message.id, error)
            failed += [each.id for each in messages[number:]]
            return


def _note_failure(message: str, error: Exception) -> None:
    if isinstance(error, NotFinished):
        logger().info("no time was left for a record, it will come again", extra={"message_id": message})
    else:
        logger().warning("a record failed and will come again", extra={"message_id": message}, exc_info=error)


def _save(record: Record, has_time: Callable[[], bool]) -> None:
    match record:
        case UserRecord():
            directory.save_user(record)
        case ItemRecord():
            directory.save_item(record)
        case SessionRecord():
            coaching.save(record, has_time)
        case SubmissionRecord():
            grading.save(record)


def _reject_or_fail(message: Mapping[str, Any], reason: str, failed: list[str]) -> None:
    try:
        _reject(message["messageId"], message["body"], reason)
    except Exception as error:
        _note_failure(message["messageId"], error)
        failed.append(message["messageId"])


def _reject(message: str, body: str, reason: str) -> None:
    attributes = {"reason": reason[:1000], "message_id": message}
    sqs.send(os.environ["REJECTED_RECORDS_QUEUE"], body, attributes)
