"""The layer and its functions in a world that a seed decides: calls that fail, streams, queues, clocks."""

import importlib
import json
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from random import Random
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from local import aws, template, tokens
from local.template import StreamSource, Template
from teaching import clock, dynamo
from teaching.errors import Unavailable
from teaching.log import logger
from tests.simulation import faults
from tests.simulation.dynamodb import Store, View, Write
from tests.simulation.faults import WRITES, Fault, Weather
from tests.simulation.scheduler import Killed, Scheduler

KEY = "the key that the simulation signs its tokens with"
BEGINNING = datetime(2026, 6, 1, tzinfo=UTC)
SMALL = {"LEAF_MOST": 6, "WHOLE_MOST": 6, "BRANCH_MOST": 5, "ROOT_OF_LEAVES_MOST": 3, "ROOT_MOST": 4}
"""Trees of a few rows are as deep as those of many."""
LATE_MOST = 12
"""Points after which a call that was held up is made at last."""
OFTENER = {"grade": 8, "mark": 8, "start": 8, "end": 8, "ingest": 3}
"""A request makes two calls where a batch makes a hundred: more of them fail, that as many requests do."""
PARTED = {"batch_get_item", "batch_write_item", "put_events"}
"""Calls that may be done in part."""
AT_WORK_MOST = 2
"""Invocations of one source at a time."""

Record = dict[str, Any]
Message = dict[str, Any]


@cache
def facts() -> Template:
    return template.read()


@cache
def token(role: str, subject: str) -> str:
    return tokens.token(facts(), KEY, role, subject)


@contextmanager
def environment() -> Iterator[None]:
    """What the functions find around them, besides what each `World` brings."""
    with pytest.MonkeyPatch.context() as patch:
        for variables in (
            aws.environment("http://127.0.0.1:1", "http://127.0.0.1:1"),
            *(function.environment for function in facts().functions.values()),
        ):
            for name, value in variables.items():
                patch.setenv(name, value)
        # It would print among the trace, with the time.
        patch.setattr("aws_lambda_powertools.Metrics.flush_metrics", lambda self, **_: self.clear_metrics())
        patch.setattr("teaching.http.auth.token_keys", lambda: (KEY,))
        for name, size in SMALL.items():
            patch.setattr(f"teaching.tally.tree.{name}", size)
        yield


class Source:
    """A stream that a function follows: what it has still to tell, and what it told."""

    def __init__(self, stream: StreamSource) -> None:
        self.stream = stream
        self.records: list[Record] = []
        self.told: list[Record] = []
        self.at_work = 0


class World:
    def __init__(self, store: Store, random: Random, weather: Weather | None) -> None:
        """Without weather nothing goes wrong, and all of it happens in the caller's thread."""
        self.store = store
        self.random = random
        self.weather = weather
        self.scheduler = Scheduler(random, weather.stays if weather else 0.5)
        self.trace: list[str] = []
        self.sources = [Source(stream) for stream in facts().streams]
        self.records: list[Message] = []
        """Messages of the queue of records."""
        self.failed_changes: list[Message] = []
        self.at_work: dict[str, int] = {}
        self.given_up: dict[str, list[Record]] = {}
        """Batches that Lambda has told to the queue of failed changes, by their shard."""
        self.watch: Callable[[str, Write], None] = lambda task, write: None
        self.hear: Callable[[str, Record], None] = lambda kind, detail: None
        """Is told of every event that goes out."""
        self.stormy = bool(weather)
        """Whether anything may go wrong now."""
        self._milliseconds = 0
        store.written = self._written
        store.catch_up = self._come
        store.page_size = self._page_size

    @contextmanager
    def around(self) -> Iterator[None]:
        """The layer, in this process, lives in this world."""
        client = SimpleNamespace(exceptions=SimpleNamespace(**_STREAM_FAULTS))
        client.get_shard_iterator = lambda **of: {"ShardIterator": of["ShardId"]}
        client.get_records = lambda ShardIterator: {"Records": self.given_up[ShardIterator]}
        with pytest.MonkeyPatch.context() as patch:
            for level in ("info", "warning", "error", "exception"):
                patch.setattr(logger(), level, partial(self._log, level))
            patch.setattr("teaching.http.requested.print", lambda *_, **__: None, raising=False)
            patch.setattr(dynamo, "client", lambda: _Client(self))
            patch.setattr(dynamo, "at_once", self._at_once)
            patch.setattr(dynamo, "both", lambda first, second: tuple(self._at_once(first, second)))
            patch.setattr(dynamo, "pause", lambda attempt: self._point())
            patch.setattr("teaching.sqs.send_all", self._send_all)
            patch.setattr("teaching.changed_rows._client", lambda: client)
            bus = SimpleNamespace(put_events=self._put_events)
            patch.setattr("teaching.event_bus.client", lambda: bus)
            patch.setattr("teaching.clock.now", lambda: clock.utc_text(self.now()))
            patch.setattr("teaching.directory.search.datetime", SimpleNamespace(now=lambda zone: self.now()))
            patch.setattr("teaching.tally.writer.random", self.random)
            for module in ("coaching.store", "directory.search", "tally.nodes"):
                patch.setattr(f"teaching.{module}.uuid4", self.new_id)
            yield

    def now(self) -> datetime:
        self._milliseconds += 1
        return BEGINNING + timedelta(milliseconds=self._milliseconds + 20 * self.scheduler.points)

    def new_id(self) -> UUID:
        return UUID(int=self.random.getrandbits(128), version=4)

    def _log(self, level: str, message: str, *of: object, **more: object) -> None:
        self.say(f"{level}: {message % of} {more.get('extra', '')}")
        if level == "exception":
            self.trace.append(traceback.format_exc(-3))

    def say(self, what: str) -> None:
        task = self.scheduler.current
        self.trace.append(f"{self.scheduler.points} {task.name if task else ''}: {what}")

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        handler = importlib.import_module(f"functions.{function}.app").handler
        return handler(event, SimpleNamespace(get_remaining_time_in_millis=self._time_left))

    def try_out(self, function: str, event: Mapping[str, Any]) -> Any:
        """`invoke`, of what nobody waits for: None where it ended for want of the store."""
        try:
            return self.invoke(function, event)
        except (Unavailable, BotoCoreError):
            if not self.stormy:
                raise
            self.say("fails")
            return None

    def _time_left(self) -> int:
        short = self.stormy and self.weather and self.random.random() < self.weather.out_of_time
        return 0 if short else 900_000

    def _point(self) -> None:
        if self.scheduler.current:
            self.scheduler.point()

    def _at_once(self, *requests: Callable[[], Any]) -> list[Any]:
        task = self.scheduler.current
        if task is None or task.parent or len(requests) < 2:
            return [request() for request in requests]
        return self.scheduler.gather(requests)

    def _come(self, view: View) -> int:
        lagging = self.stormy and self.weather and self.random.random() < self.weather.lag
        return self.random.randrange(len(view.to_come) + 1) if lagging else len(view.to_come)

    def _page_size(self) -> int | None:
        small = self.stormy and self.weather and self.random.random() < self.weather.small_pages
        return self.random.randrange(1, 4) if small else None

    def _written(self, write: Write) -> None:
        task = self.scheduler.current
        for source in self.sources:
            if source.stream.table == write.table:
                source.records.append(_stream_record(write))
        self.watch(task.root.name if task else "", write)

    def ask(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        """A call to DynamoDB, and what befalls it."""
        if not self.scheduler.current:
            return self.store.execute(operation, arguments)
        self.scheduler.point()
        fault = self._fault(operation)
        self.say(f"{operation} {_rows(operation, arguments)}{f' ({fault})' if fault else ''}")
        if fault is None:
            return self.store.execute(operation, arguments)
        return self._befall(fault, operation, arguments)

    def _fault(self, operation: str) -> Fault | None:
        if not (self.stormy and self.weather and self.weather.faults):
            return None
        task = self.scheduler.current
        name = task.name if task else ""
        often = next((times for begin, times in OFTENER.items() if name.startswith(begin)), 1)
        if self.random.random() >= often * self.weather.rate:
            return None
        fault = self.random.choice(self.weather.faults)
        if operation not in WRITES and fault in (Fault.ASKED_AGAIN, Fault.LATE, Fault.CONFLICT):
            return Fault.ERROR_BEFORE
        if fault is Fault.PARTIAL and operation not in PARTED:
            return None
        return fault

    def _befall(self, fault: Fault, operation: str, arguments: Mapping[str, Any]) -> Any:
        match fault:
            case Fault.ERROR_BEFORE:
                raise faults.unreachable()
            case Fault.ANSWER_LOST:
                self._do(operation, arguments)
                raise faults.timeout()
            case Fault.ASKED_AGAIN:
                done = self._do(operation, arguments)
                for _ in range(self.random.randrange(1, LATE_MOST)):
                    self.scheduler.point()
                if done and operation == "transact_write_items":
                    # The SDK's token makes the second request the first one.
                    return {}
                return self.store.execute(operation, arguments)
            case Fault.THROTTLED:
                raise faults.throttled(operation, self.random)
            case Fault.CONFLICT:
                raise faults.conflict(operation)
            case Fault.UNKNOWN_CODE:
                if self.random.random() < 0.5:
                    self._do(operation, arguments)
                raise faults.unknown(operation, self.random)
            case Fault.LATE:
                assert self.scheduler.current
                self.scheduler.start(
                    f"late {self.scheduler.current.root.name}", partial(self._do_late, operation, arguments)
                )
                raise faults.timeout()
            case Fault.PARTIAL:
                return self._do_part(operation, arguments)
            case Fault.KILLED:
                if self.random.random() < 0.5:
                    self._do(operation, arguments)
                assert self.scheduler.current
                self.scheduler.current.root.killed = True
                raise Killed

    def _do(self, operation: str, arguments: Mapping[str, Any]) -> bool:
        """Whether it is done, which nobody hears."""
        try:
            self.store.execute(operation, arguments)
        except ClientError as error:
            if dynamo.code_of(error) == "ValidationException":
                raise AssertionError(f"{operation} {arguments}") from error
            return False
        return True

    def _do_late(self, operation: str, arguments: Mapping[str, Any]) -> None:
        for _ in range(self.random.randrange(LATE_MOST)):
            self.scheduler.point()
        self.say(f"{operation} {_rows(operation, arguments)}, late")
        self._do(operation, arguments)

    def _do_part(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        done, left = faults.part_of(operation, arguments, self.random)
        answer: dict[str, Any] = {"Responses": {}}
        if done:
            answer = self.store.execute(operation, {"RequestItems": done})
        return answer | {"UnprocessedKeys" if operation == "batch_get_item" else "UnprocessedItems": left}

    def _send_all(self, queue: str, bodies: Iterable[str]) -> None:
        """To the queue of failed changes, the only one that functions send several messages to."""
        assert queue == "FailedChanges"
        self._point()
        fault = self._fault("send_message_batch") if self.scheduler.current else None
        self.say(f"sets aside{f' ({fault})' if fault else ''}")
        if fault is None or self.random.random() < 0.5:
            self.failed_changes += [self.message(body) for body in bodies]
        if fault is Fault.KILLED:
            assert self.scheduler.current
            self.scheduler.current.root.killed = True
            raise Killed
        if fault:
            raise faults.timeout()

    def _put_events(self, Entries: Sequence[Mapping[str, Any]]) -> Any:
        """A bus to which nothing comes late: what was sent to it in vain never arrives."""
        self._point()
        fault = self._fault("put_events") if self.scheduler.current else None
        taken = list(Entries)
        if fault is Fault.PARTIAL:
            taken = [entry for entry in Entries if self.random.random() < 0.5]
        elif fault in (Fault.ERROR_BEFORE, Fault.THROTTLED) or (fault and self.random.random() < 0.5):
            taken = []
        told = [f"{entry['DetailType']} {json.loads(entry['Detail'])['version']}" for entry in taken]
        self.say(f"put_events {told}{f' ({fault})' if fault else ''}")
        for entry in taken:
            self.hear(entry["DetailType"], json.loads(entry["Detail"]))
        if fault is Fault.KILLED:
            assert self.scheduler.current
            self.scheduler.current.root.killed = True
            raise Killed
        if fault is Fault.THROTTLED:
            raise faults.throttled("put_events", self.random)
        if fault not in (None, Fault.PARTIAL):
            raise faults.timeout()
        answers = [{} if entry in taken else {"ErrorCode": "ThrottlingException"} for entry in Entries]
        return {"FailedEntryCount": len(Entries) - len(taken), "Entries": answers}

    def message(self, body: str) -> Message:
        return {"messageId": str(self.new_id()), "body": body}

    def follow(self) -> bool:
        """Begins something that is waiting to be done; whether there was anything to do or to wait for."""
        ways: list[Callable[[], None]] = [
            partial(self._tell, source)
            for source in self.sources
            if source.records and source.at_work < AT_WORK_MOST
        ]
        for function, queue in (("ingest_records", self.records), ("heal_changes", self.failed_changes)):
            if queue and self.at_work.get(function, 0) < AT_WORK_MOST:
                ways.append(partial(self._bring, function, queue))
        if ways:
            self.random.choice(ways)()
        return bool(ways) or any(self.at_work.values()) or any(source.at_work for source in self.sources)

    def _tell(self, source: Source) -> None:
        """Tells a function of a batch of its stream, or not."""
        batch, numbers = self._batch_of(source), []
        if self.stormy and self.weather:
            chance = self.random.random()
            # What Lambda gives up it tells of, and nothing looks for events that nobody was told of.
            drops = 0 if source.stream.function == "PublishEvents" else self.weather.drops
            if chance < drops:
                self.trace.append(f"dropped: {_told(batch)}")
                return
            if chance < drops + self.weather.gives_up:
                self._give_up(source, batch)
                return
        numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in batch]
        if not (self.stormy and self.weather and self.weather.long_lag):
            self.store.settle(max(numbers))
        source.at_work += 1
        source.told += batch
        name = f"{source.stream.function}{batch[0]['dynamodb']['SequenceNumber']}"
        self.trace.append(f"{name} begins: {_told(batch)}")
        self.scheduler.start(name, partial(self._told_of, source, batch))

    def _batch_of(self, source: Source) -> list[Record]:
        """The next records, taken out; with disorder any of them, and some that were told before."""
        records = source.records
        disorder = bool(self.stormy and self.weather and self.random.random() < self.weather.disorder)
        size = self.random.randrange(1, len(records) + 1) if disorder else min(len(records), 10)
        if disorder:
            self.random.shuffle(records)
        batch, source.records = records[:size], records[size:]
        if disorder and source.told:
            batch.append(self.random.choice(source.told))
        return batch

    def _told_of(self, source: Source, batch: list[Record]) -> None:
        left = batch
        try:
            function = _folder(source.stream)
            answer = self.try_out(function, {"Records": batch})
            if answer:
                numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
                failures = [numbers.index(each["itemIdentifier"]) for each in answer["batchItemFailures"]]
                left = batch[min(failures) :] if failures else []
        finally:
            source.records = left + source.records
            source.at_work -= 1

    def _give_up(self, source: Source, batch: list[Record]) -> None:
        shard = f"shard-{len(self.given_up)}"
        batch.sort(key=lambda record: int(record["dynamodb"]["SequenceNumber"]))
        self.given_up[shard] = batch
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        info = {
            "shardId": shard,
            "startSequenceNumber": numbers[0],
            "endSequenceNumber": numbers[-1],
            "streamArn": batch[0]["eventSourceARN"],
        }
        self.trace.append(f"given up: {_told(batch)}")
        self.failed_changes.append(self.message(json.dumps({"DDBStreamBatchInfo": info})))

    def _bring(self, function: str, queue: list[Message]) -> None:
        """Brings messages of a queue to its function; what it does not finish comes again."""
        if self.stormy:
            self.random.shuffle(queue)
        some = [queue.pop() for _ in range(min(len(queue), self.random.randrange(1, 6)))]
        if function == "heal_changes":
            # It has waited for minutes.
            self.store.settle()
        self.at_work[function] = self.at_work.get(function, 0) + 1
        name = f"{function}{self.scheduler.points}"
        self.trace.append(f"{name} begins: {[message['body'][-120:] for message in some]}")
        self.scheduler.start(name, partial(self._brought, function, queue, some))

    def _brought(self, function: str, queue: list[Message], some: Sequence[Message]) -> None:
        left = list(some)
        try:
            answer = self.try_out(function, {"Records": some})
            if answer:
                again = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
                left = [message for message in some if message["messageId"] in again]
        finally:
            queue += left
            self.at_work[function] -= 1


class _Client:
    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def ask(**arguments: Any) -> Any:
            return self._world.ask(operation, arguments)

        return ask


_STREAM_FAULTS = {
    name: type(name, (Exception,), {}) for name in ("TrimmedDataAccessException", "ResourceNotFoundException")
}


def _folder(stream: StreamSource) -> str:
    return facts().functions[stream.function].module.split(".")[1]


def _stream_record(write: Write) -> Record:
    return {
        "eventSourceARN": f"arn:aws:dynamodb:local:123456789012:table/{write.table}/stream/now",
        "dynamodb": {"SequenceNumber": str(write.number), "Keys": write.key},
    }


def _told(batch: Iterable[Record]) -> str:
    return " ".join(_short(record["dynamodb"]["Keys"]) for record in batch)


def _short(key: Mapping[str, Any]) -> str:
    return "/".join(str(value)[-8:] for typed in key.values() for value in typed.values())


def _rows(operation: str, arguments: Mapping[str, Any]) -> str:
    """Which rows a call is about, in short."""
    match operation:
        case "batch_get_item":
            of = arguments["RequestItems"].items()
            return " ".join(f"{table} {' '.join(map(_key, each['Keys']))}" for table, each in of)
        case "batch_write_item":
            ((table, requests),) = arguments["RequestItems"].items()
            return f"{table} {len(requests)} rows"
        case "transact_write_items":
            parts = [(kind, of) for each in arguments["TransactItems"] for kind, of in each.items()]
            return " ".join(f"{kind} {_rows('', of)}" for kind, of in parts)
    row = arguments.get("Key") or arguments.get("Item") or arguments.get("ExpressionAttributeValues") or {}
    version = row.get("version", {}).get("N", "")
    return f"{arguments['TableName']} {arguments.get('IndexName', '')}{_key(row)} {version}"


def _key(row: Mapping[str, Any]) -> str:
    names = ("id", "object", "subject", "session_id", "participant_id", "list", "node", "term", "entry")
    known = [row[name]["S"][-30:] for name in names if name in row]
    return "/".join(known) or str([str(value)[:40] for value in row.values()][:1])
