"""Records of other services on their way in: a line of JSON each, sent as EventBridge and SQS would."""

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from local.aws import StandIn
from local.queues import Message, deliver
from local.template import REGION, QueueSource

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0


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
        messages: dict[int, Message] = {}
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                messages[number] = Message(_event(line))
            except ValueError as error:
                rejected[number] = str(error)
                self._stand_in.send("RejectedRecords", line, {"reason": str(error)})
        numbers = list(messages)
        for start in range(0, len(numbers), self._source.batch_size):
            batch = numbers[start : start + self._source.batch_size]
            rejected |= self._deliver({number: messages[number] for number in batch})
        told = [{"line": line, "reason": reason} for line, reason in sorted(rejected.items())]
        taken = sum(1 for line in lines if line.strip()) - len(rejected)
        return {"accepted": taken, "rejected": told}

    def _deliver(self, batch: Mapping[int, Message]) -> dict[int, str]:
        """By their lines, the reasons of the messages that were not taken."""
        for message in batch.values():
            self._stand_in.await_reason(message.id)
        waiting = dict(batch)
        why = ""
        for pause in _pauses(self._source.max_receives):
            time.sleep(pause)
            failed, why = deliver(self._source, self._invoke, list(waiting.values()))
            waiting = {line: message for line, message in waiting.items() if message.id in failed}
            if not waiting:
                break
        rejected = {
            line: reason
            for line, message in batch.items()
            if (reason := self._stand_in.reason(message.id)) is not None
        }
        for line, message in waiting.items():
            rejected[line] = f"given up after {self._source.max_receives} tries: {why}"
            self._stand_in.send("RejectedRecords", message.body, {"reason": rejected[line]})
        return rejected


def _event(line: str) -> str:
    """The EventBridge event that carries the record. Raises `ValueError` if the line is no record."""
    try:
        record = json.loads(line, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
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
    try:
        return json.dumps(event)
    except RecursionError:
        raise ValueError("not a record: it is nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """As the functions read JSON; sent on as a dict, the record would have lost what they refuse."""
    made = dict(pairs)
    if len(made) < len(pairs):
        ((name, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{name!a} must be given once")
    return made


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _pauses(tries: int | None) -> Iterator[float]:
    """Before each try, in seconds; None: for ever."""
    yield 0
    for doubling in range(tries - 1) if tries else count():
        yield min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**doubling)
