"""Records of other services on their way in: a line of JSON each, sent as EventBridge and SQS would."""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.aws import StandIn
from local.functions import FunctionError
from local.template import REGION, QueueSource
from teaching.limits import ANSWER_BYTES, EVENT_BYTES, NAME_SHOWN

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_AROUND_BODY = 1024
"""Bytes of a message besides its body, at most."""


@dataclass(frozen=True)
class _Message:
    line: int
    id: str
    body: str


class Intake:
    """The queue of records and the function that it feeds."""

    def __init__(
        self,
        source: QueueSource,
        invoke: Callable[[str, Mapping[str, Any]], Any],
        stand_in: StandIn,
    ) -> None:
        self._source = source
        self._invoke = invoke
        self._stand_in = stand_in

    def accept(self, lines: Sequence[str]) -> dict[str, Any]:
        """`{"accepted": n, "rejected": [{"line": 1 is the first, "reason": …}, …]}`; blank lines count
        as lines only. Every line has been taken or refused when this returns.
        """
        rejected: dict[int, str] = {}
        messages = []
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                messages.append(_Message(number, str(uuid.uuid4()), _event(line)))
            except ValueError as error:
                rejected[number] = str(error)
                self._stand_in.keep("RejectedRecords", {"attributes": {"reason": str(error)}, "body": line})
        for batch in _batches(messages, self._source.batch_size):
            rejected |= self._deliver(batch)
        told = [{"line": line, "reason": reason} for line, reason in sorted(rejected.items())]
        taken = sum(1 for line in lines if line.strip()) - len(rejected)
        return {"accepted": taken, "rejected": told}

    def _deliver(self, batch: Sequence[_Message]) -> dict[int, str]:
        for message in batch:
            self._stand_in.await_reason(message.id)
        waiting = {message.id: message for message in batch}
        why = "not taken"
        for pause in _pauses(self._source.max_receives):
            time.sleep(pause)
            try:
                result = self._invoke(self._source.function, _sqs_event(self._source, waiting.values()))
            except FunctionError as error:
                why = str(error)
                continue
            failed = {failure["itemIdentifier"] for failure in (result or {}).get("batchItemFailures", [])}
            waiting = {key: message for key, message in waiting.items() if key in failed}
            if not waiting:
                break
        rejected = {
            message.line: reason
            for message in batch
            if (reason := self._stand_in.reason(message.id)) is not None
        }
        for message in waiting.values():
            reason = f"given up after {self._source.max_receives} tries: {why}"
            rejected[message.line] = reason
            self._stand_in.keep("RejectedRecords", {"attributes": {"reason": reason}, "body": message.body})
        return rejected


def _batches(messages: Sequence[_Message], most: int) -> Iterator[list[_Message]]:
    """As many messages at a time as the template says, and Lambda takes."""
    batch: list[_Message] = []
    size = 0
    for message in messages:
        more = _bytes(message.body) + _AROUND_BODY
        if batch and (len(batch) == most or size + more > ANSWER_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += more
    if batch:
        yield batch


def _event(line: str) -> str:
    """The EventBridge event that carries the record. Raises `ValueError` if the line is no record."""
    try:
        record = json.loads(line, parse_constant=_refuse_constant)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not (isinstance(record, dict) and isinstance(record.get("type"), str) and "data" in record):
        raise ValueError('not a record: an object with "type" and "data" is expected')
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": record["type"],
        "source": "local",
        "account": "123456789012",
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [],
        "detail": record["data"],
    }
    if (size := _bytes(event)) > EVENT_BYTES:
        largest = _largest(record["data"])
        raise ValueError(f"{largest}an event has at most {EVENT_BYTES} bytes, this one {size}")
    return json.dumps(event)


def _bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass"))


def _largest(data: Any) -> str:
    """`<name> has <n> bytes: ` of the largest field; nothing if there are no fields."""
    if not isinstance(data, dict) or not data:
        return ""
    sizes = {name: _bytes(value) for name, value in data.items()}
    name = max(sizes, key=lambda name: sizes[name])
    return f"{name[:NAME_SHOWN]}: has {sizes[name]} bytes; "


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _sqs_event(source: QueueSource, messages: Any) -> dict[str, Any]:
    sent = str(int(time.time() * 1000))
    return {
        "Records": [
            {
                "messageId": message.id,
                "receiptHandle": message.id,
                "body": message.body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": sent,
                    "SenderId": "local",
                    "ApproximateFirstReceiveTimestamp": sent,
                },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{REGION}:123456789012:{source.queue}",
                "awsRegion": REGION,
            }
            for message in messages
        ]
    }


def _pauses(tries: int) -> Iterator[float]:
    """Before each try, in seconds."""
    yield 0
    for doubling in range(tries - 1):
        yield min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**doubling)
