"""Records of other services on their way in: a line of JSON each, sent as EventBridge and SQS would."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from local.aws import StandIn, delivered
from local.queues import Message, deliver
from local.template import QueueSource
from teaching.limits import ANSWER_BYTES, DEPTH_MOST, EVENT_BYTES, NAME_SHOWN

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_AROUND_BODY = 1024
"""Bytes of a message besides its body, at most."""


class NoRecordError(Exception):
    """A line that is not even sent on; the message is for whoever loads it."""


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
            except NoRecordError as error:
                rejected[number] = str(error)
                self._stand_in.send("RejectedRecords", line, {"reason": str(error)})
        for batch in _batches(messages, self._source.batch_size):
            rejected |= self._deliver(batch)
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


def _batches(messages: Mapping[int, Message], most: int) -> Iterator[dict[int, Message]]:
    """As many messages at a time as the template says, and Lambda takes."""
    batch: dict[int, Message] = {}
    size = 0
    for line, message in messages.items():
        more = _bytes(message.body) + _AROUND_BODY
        if batch and (len(batch) == most or size + more > ANSWER_BYTES):
            yield batch
            batch, size = {}, 0
        batch[line] = message
        size += more
    if batch:
        yield batch


def _event(line: str) -> str:
    """The EventBridge event that carries the record. Raises `NoRecordError`."""
    try:
        return _event_of(json.loads(line, parse_constant=_refuse_constant, object_pairs_hook=_object))
    except json.JSONDecodeError as error:
        raise NoRecordError(f"not JSON, from character {error.pos + 1} on") from None
    except ValueError:
        raise NoRecordError("not JSON: a number of too many digits") from None
    except RecursionError:
        raise NoRecordError(f"nested too deeply: at most {DEPTH_MOST} lists and objects in a field") from None


def _event_of(record: Any) -> str:
    if not (isinstance(record, dict) and isinstance(record.get("type"), str) and "data" in record):
        raise NoRecordError('not a record: an object with "type" and "data" is expected')
    event = delivered("local", record["type"], datetime.now(UTC), record["data"])
    if (size := _bytes(event)) > EVENT_BYTES:
        largest = _largest(record["data"])
        raise NoRecordError(f"{largest}an event has at most {EVENT_BYTES} bytes, this one {size}")
    try:
        return json.dumps(event, allow_nan=False)
    except ValueError:
        raise NoRecordError("a number is beyond the range of a double") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """As the functions read JSON; sent on as a dict, the record would have lost what they refuse."""
    made = dict(pairs)
    if len(made) < len(pairs):
        ((name, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise NoRecordError(f"{name[:NAME_SHOWN]!a} must be given once")
    return made


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
    raise NoRecordError(f"{name} is not a JSON number")


def _pauses(tries: int | None) -> Iterator[float]:
    """Before each try, in seconds; None: for ever."""
    yield 0
    for doubling in range(tries - 1) if tries else count():
        yield min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**doubling)
