"""DynamoDB Streams to functions, as Lambda's event source mappings do it.

Each mapping reads its table's shards in order, parents first, and remembers in a file how far the
function has succeeded. So what is written while nothing runs, or was in flight when the server was
killed, comes (again) at the next start: at least once, in order per shard.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.functions import FunctionError
from local.store import client
from local.template import ACCOUNT, REGION, StreamSource

_SHARDS_SECONDS = 30.0
_FIRST_IDLE = 0.05
_LONGEST_IDLE = 1.0
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0

Invoke = Callable[[str, Mapping[str, Any]], Any]
Send = Callable[[str, str], object]
"""Sends a queue a message's body."""
Record = dict[str, Any]


class Streams:
    """Runs a mapping for each source from `start` to `stop`, or until the process ends.

    `folder` keeps the checkpoints (None: the store is in memory, so is this). What is given up after the
    source's retries is sent to its queue of failures, in the form of Lambda's on-failure destination.
    """

    def __init__(
        self,
        sources: Iterable[StreamSource],
        endpoint: str,
        invoke: Invoke,
        *,
        send: Send,
        folder: Path | None,
    ) -> None:
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        self._mappings = [
            EventSourceMapping(
                source,
                endpoint,
                invoke,
                send=send,
                checkpoints=folder / f"{source.name}.json" if folder else None,
            )
            for source in sources
        ]

    def start(self) -> None:
        for mapping in self._mappings:
            mapping.start()

    def stop(self) -> None:
        """Lets no new batch begin; one that is with its function is not waited for."""
        for mapping in self._mappings:
            mapping.stop()

    def wake(self) -> None:
        """Says that something may have been written. What nobody tells of is seen within a second."""
        for mapping in self._mappings:
            mapping.wake()

    def drain(self, timeout: float = 120) -> None:
        """Returns when all that was written before the call has been applied, and what that wrote
        in its turn. Raises `TimeoutError`.
        """
        deadline = time.monotonic() + timeout
        before = -1
        while before != (before := sum(mapping.invocations for mapping in self._mappings)):
            asked = time.monotonic()
            self.wake()
            for mapping in self._mappings:
                if not mapping.wait_quiet(since=asked, timeout=deadline - time.monotonic()):
                    raise TimeoutError(f"{mapping.name} has not caught up within {timeout:g} s")


class EventSourceMapping:
    """One stream's way to one function."""

    def __init__(
        self,
        source: StreamSource,
        endpoint: str,
        invoke: Invoke,
        *,
        send: Send,
        checkpoints: Path | None,
    ) -> None:
        self.name = source.name
        self.invocations = 0
        self._source = source
        self._invoke = invoke
        self._file = checkpoints
        self._send = send
        self._dynamo = client("dynamodb", endpoint)
        self._streams = client("dynamodbstreams", endpoint)
        self._done: dict[str, str] = {}
        self._finished: set[str] = set()
        self._iterators: dict[str, str] = {}
        self._shards: list[dict[str, Any]] = []
        self._listed = -_SHARDS_SECONDS
        self._arn = ""
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._quiet = threading.Condition()
        self._quiet_since = 0.0

    def start(self) -> None:
        threading.Thread(target=self._run, name=self.name, daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()
        self._woken.set()

    def wake(self) -> None:
        self._woken.set()

    def wait_quiet(self, *, since: float, timeout: float) -> bool:
        """Whether a look at every shard that began after `since` (monotonic) found nothing, in time."""
        with self._quiet:
            return self._quiet.wait_for(lambda: self._quiet_since >= since, timeout)

    def _run(self) -> None:
        failures = 0
        idle = _FIRST_IDLE
        while not self._stopping.is_set():
            if self._woken.is_set():
                self._woken.clear()
                idle = _FIRST_IDLE
            began = time.monotonic()
            try:
                found = self._poll()
                failures = 0
            except (BotoCoreError, ClientError, OSError):
                # The store went away or trimmed what we were reading, or the checkpoint could not be
                # written: look at the stream afresh.
                self._iterators.clear()
                self._listed = -_SHARDS_SECONDS
                failures += 1
                self._stopping.wait(_pause(failures))
                continue
            if not found:
                with self._quiet:
                    self._quiet_since = began
                    self._quiet.notify_all()
                # A change comes to the stream a moment after it was written, or never.
                self._woken.wait(idle)
                idle = min(_LONGEST_IDLE, 2 * idle)

    def _poll(self) -> bool:
        """Handles what is there in every shard that is ready; whether there was anything."""
        if time.monotonic() - self._listed >= _SHARDS_SECONDS:
            self._list_shards()
        found = False
        for shard in self._shards:
            name = shard["ShardId"]
            if name in self._finished or not self._ready(shard):
                continue
            batch = self._streams.get_records(
                ShardIterator=self._iterator(name), Limit=self._source.batch_size
            )
            if batch["Records"]:
                found = True
                self._handle(name, [_as_lambda_sees(record, self._arn) for record in batch["Records"]])
                if self._stopping.is_set():
                    break
            if batch.get("NextShardIterator"):
                self._iterators[name] = batch["NextShardIterator"]
            else:
                self._finished.add(name)
                self._listed = -_SHARDS_SECONDS
                found = True
        return found

    def _list_shards(self) -> None:
        arn = self._dynamo.describe_table(TableName=self._source.table)["Table"]["LatestStreamArn"]
        if arn != self._arn:
            self._arn = arn
            self._done = self._read_checkpoints()
            self._finished.clear()
            self._iterators.clear()
        shards: list[dict[str, Any]] = []
        more: dict[str, str] = {}
        while True:
            page = self._streams.describe_stream(StreamArn=arn, **more)["StreamDescription"]
            shards += page["Shards"]
            if not page.get("LastEvaluatedShardId"):
                break
            more = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}
        self._shards = shards
        self._listed = time.monotonic()

    def _ready(self, shard: Mapping[str, Any]) -> bool:
        """A shard waits for its parent, if that is still there."""
        parent = shard.get("ParentShardId")
        return parent in self._finished or all(other["ShardId"] != parent for other in self._shards)

    def _iterator(self, shard: str) -> str:
        if shard not in self._iterators:
            self._iterators[shard] = self._new_iterator(shard)
        return self._iterators[shard]

    def _new_iterator(self, shard: str) -> str:
        where = {"StreamArn": self._arn, "ShardId": shard}
        if done := self._done.get(shard):
            try:
                answer = self._streams.get_shard_iterator(
                    **where, ShardIteratorType="AFTER_SEQUENCE_NUMBER", SequenceNumber=done
                )
                return str(answer["ShardIterator"])
            except self._streams.exceptions.TrimmedDataAccessException:
                pass
        answer = self._streams.get_shard_iterator(**where, ShardIteratorType="TRIM_HORIZON")
        return str(answer["ShardIterator"])

    def _handle(self, shard: str, records: Sequence[Record]) -> None:
        """Has the function take the records in order; what it never takes goes to the queue of failures.

        A batch that fails at its first record is bisected where the source says so, and tried again
        after a pause, up to the source's retries.
        """
        tries = 0
        while records and not self._stopping.is_set():
            failed = self._call(records)
            if failed:
                self._checkpoint(shard, records[failed - 1])
                records, tries = records[failed:], 0
            elif failed is None:
                self._checkpoint(shard, records[-1])
                return
            elif self._stopping.is_set():
                return
            elif len(records) > 1 and self._source.bisect:
                half = len(records) // 2
                self._handle(shard, records[:half])
                records = records[half:]
            elif self._source.retries is not None and tries >= self._source.retries:
                self._give_up(shard, records, tries + 1)
                self._checkpoint(shard, records[-1])
                return
            else:
                tries += 1
                self._stopping.wait(_pause(tries))

    def _call(self, records: Sequence[Record]) -> int | None:
        """The index of the first record that failed; None if all went well."""
        self.invocations += 1
        try:
            result = self._invoke(self._source.function, {"Records": records})
        except FunctionError:
            return 0
        if not self._source.partial_failures or not isinstance(result, dict):
            return None
        failures = result.get("batchItemFailures") or []
        places = {record["dynamodb"]["SequenceNumber"]: index for index, record in enumerate(records)}
        # An identifier that is none of the batch's fails all of it, as in Lambda.
        return min((places.get(failure.get("itemIdentifier"), 0) for failure in failures), default=None)

    def _give_up(self, shard: str, records: Sequence[Record], tries: int) -> None:
        if not self._source.on_failure:
            return
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        message = {
            "requestContext": {
                "functionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self._source.function}",
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": tries,
            },
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "DDBStreamBatchInfo": {
                "shardId": shard,
                "startSequenceNumber": numbers[0],
                "endSequenceNumber": numbers[-1],
                "batchSize": len(records),
                "streamArn": self._arn,
            },
        }
        self._send(self._source.on_failure, json.dumps(message))

    def _checkpoint(self, shard: str, record: Record) -> None:
        self._done[shard] = record["dynamodb"]["SequenceNumber"]
        if self._file:
            fresh = self._file.with_suffix(".new")
            fresh.write_text(json.dumps({"stream": self._arn, "shards": self._done}), encoding="utf-8")
            fresh.replace(self._file)

    def _read_checkpoints(self) -> dict[str, str]:
        """Those of this very stream; a table made anew has another, to be read from its start. So is one
        whose file is damaged.
        """
        if not self._file or not self._file.exists():
            return {}
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            return dict(kept["shards"]) if kept["stream"] == self._arn else {}
        except (ValueError, KeyError, TypeError):
            return {}


def _as_lambda_sees(record: Mapping[str, Any], arn: str) -> Record:
    change = dict(record["dynamodb"])
    change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].timestamp()
    return {**record, "awsRegion": REGION, "dynamodb": change, "eventSourceARN": arn}


def _pause(failures: int) -> float:
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** (failures - 1))
