"""Counts what the layer's requests cost in DynamoDB by AWS's rules; nothing here measures time.

Reads are what DynamoDB Local says, which follows AWS but for what it finds nothing of (a key that is not
there and an empty Query cost as the smallest item does) and for a Scan of an index, which it takes to read
whole rows and AWS the index's entries. Writes are counted here (`units`), from the
item before, which is read past the meter just before the write, and the item after.

What a request asks for at the same time is asked one after the other while the meter runs, in the
thread that asks, so that the same request always comes to the same figures.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from unittest.mock import patch

from benchmarks import units
from benchmarks.units import Item
from teaching import dynamo
from teaching.dynamo import ConditionFailed
from teaching.errors import Unavailable
from teaching.settings import settings

READS = {"get_item", "batch_get_item", "query", "scan"}


def _by_name() -> dict[str, float]:
    return defaultdict(float)


@dataclass
class Cost:
    """Units are those of indexes included."""

    requests: int = 0
    write_requests: int = 0
    """Those of the requests that write."""
    trips: int = 0
    """Requests that wait for one another, in the thread that made the most of them."""
    wasted: float = 0
    """Write units of conditions that failed and of transactions that were cancelled."""
    reads_of: dict[str, float] = field(default_factory=_by_name)
    """Read units by table."""
    writes_of: dict[str, float] = field(default_factory=_by_name)
    """Write units by table, the wasted ones included."""
    writes_of_key: dict[str, float] = field(default_factory=_by_name)
    """Write units of the tallies by partition key: by list."""

    @property
    def reads(self) -> float:
        return sum(self.reads_of.values())

    @property
    def writes(self) -> float:
        return sum(self.writes_of.values())


class _Write(NamedTuple):
    """One item of a request; `after` is None where it is deleted, and for an update known only later."""

    table: str
    key: Item
    after: Item | None
    updates: bool = False

    @property
    def place(self) -> tuple[str, str]:
        return self.table, repr(sorted(self.key.items()))


class _Meter:
    def __init__(self, cost: Cost) -> None:
        self._cost = cost
        self._call = dynamo.call
        self._lock = threading.Lock()
        self._thread = threading.local()

    def call(self, operation: str, **arguments: Any) -> Any:
        self._made += 1
        with self._lock:
            self._cost.requests += 1
            self._cost.write_requests += operation not in READS
            self._cost.trips = max(self._cost.trips, self._made)
        if operation in READS:
            answer = self._call(operation, **arguments | {"ReturnConsumedCapacity": "TOTAL"})
            self._add_reads(operation, arguments, answer)
            return answer
        writes = _writes(operation, arguments)
        before = _stored(writes)
        try:
            answer = self._call(operation, **arguments)
        except (ConditionFailed, Unavailable) as error:
            if operation == "transact_write_items" or isinstance(error, ConditionFailed):
                self._add_wasted(operation, writes, before)
            raise
        self._add_writes(operation, writes, before)
        return answer

    def at_once(self, *requests: Callable[[], Any]) -> list[Any]:
        """The trips of the one that takes the most of them."""
        before, answers, most = self._made, [], self._made
        for request in requests:
            self._made = before
            answers.append(request())
            most = max(most, self._made)
        self._made = most
        return answers

    @property
    def _made(self) -> int:
        """This thread's trips so far."""
        return getattr(self._thread, "made", 0)

    @_made.setter
    def _made(self, trips: int) -> None:
        self._thread.made = trips

    def _add_reads(self, operation: str, arguments: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        consumed = answer["ConsumedCapacity"]
        found = {
            part["TableName"]: part["CapacityUnits"]
            for part in (consumed if isinstance(consumed, list) else [consumed])
        }
        if operation == "batch_get_item":
            for table, request in arguments["RequestItems"].items():
                unread = answer.get("UnprocessedKeys", {}).get(table, {"Keys": []})
                lacking = len(request["Keys"]) - len(unread["Keys"]) - len(answer["Responses"][table])
                found[table] = found.get(table, 0) + lacking * _least(request)
        elif operation in ("query", "scan"):
            table = arguments["TableName"]
            if operation == "scan" and "IndexName" in arguments:
                found[table] = units.of_entries(answer["Items"])
            found[table] = max(found[table], _least(arguments))
        with self._lock:
            for table, read in found.items():
                self._cost.reads_of[table] += read

    def _add_writes(self, operation: str, writes: list[_Write], before: Mapping[Any, Item]) -> None:
        updated = _stored([write for write in writes if write.updates])
        factor = units.TRANSACTION if operation == "transact_write_items" else 1
        for write in writes:
            after = updated.get(write.place) if write.updates else write.after
            of_write = units.of_write(units.tables()[write.table], before.get(write.place), after)
            self._add(write, factor * of_write)

    def _add_wasted(self, operation: str, writes: list[_Write], before: Mapping[Any, Item]) -> None:
        """A cancelled transaction is taken to cost what preparing and undoing all of it does, indexes apart:
        AWS does not say.
        """
        for write in writes:
            there = before.get(write.place)
            wasted = units.of_item(there)
            if operation == "transact_write_items":
                wasted = units.TRANSACTION * max(wasted, units.of_item(write.after))
            self._add(write, wasted)
            with self._lock:
                self._cost.wasted += wasted

    def _add(self, write: _Write, spent: float) -> None:
        with self._lock:
            self._cost.writes_of[write.table] += spent
            if write.table == settings().tallies_table:
                self._cost.writes_of_key[write.key["list"]["S"]] += spent


@contextmanager
def metered() -> Iterator[Cost]:
    """Counts the requests made during the block, in any thread of this process, through `teaching.dynamo`."""
    cost = Cost()
    meter = _Meter(cost)

    def both(*requests: Callable[[], Any]) -> tuple[Any, ...]:
        return tuple(meter.at_once(*requests))

    with patch.multiple(dynamo, call=meter.call, at_once=meter.at_once, both=both):
        yield cost


def _least(arguments: Mapping[str, Any]) -> float:
    """What the smallest read costs."""
    return 1 if arguments.get("ConsistentRead") else 0.5


def _writes(operation: str, arguments: Mapping[str, Any]) -> list[_Write]:
    match operation:
        case "put_item":
            return [_put(arguments["TableName"], arguments["Item"])]
        case "delete_item":
            return [_Write(arguments["TableName"], arguments["Key"], None)]
        case "update_item":
            return [_Write(arguments["TableName"], arguments["Key"], None, updates=True)]
        case "batch_write_item":
            return [
                _put(table, request["PutRequest"]["Item"])
                if "PutRequest" in request
                else _Write(table, request["DeleteRequest"]["Key"], None)
                for table, requests in arguments["RequestItems"].items()
                for request in requests
            ]
        case "transact_write_items":
            return [_part(part) for part in arguments["TransactItems"]]
    raise ValueError(f"the meter does not know {operation}")


def _part(part: Mapping[str, Any]) -> _Write:
    """Of a transaction; a check of a condition costs what a write that changes nothing does."""
    ((kind, arguments),) = part.items()
    if kind == "Put":
        return _put(arguments["TableName"], arguments["Item"])
    return _Write(arguments["TableName"], arguments["Key"], None, updates=kind != "Delete")


def _put(table: str, item: Item) -> _Write:
    return _Write(table, {name: item[name] for name in units.tables()[table].keys}, item)


def _stored(writes: list[_Write]) -> dict[tuple[str, str], Item]:
    """What is there now of the items, by their places, read past the meter."""
    request: dict[str, Any] = {}
    for write in writes:
        request.setdefault(write.table, {"Keys": [], "ConsistentRead": True})["Keys"].append(write.key)
    found: dict[tuple[str, str], Item] = {}
    while request:
        answer = dynamo.client().batch_get_item(RequestItems=request)
        for table, items in answer["Responses"].items():
            for item in items:
                found[_put(table, item).place] = item
        request = answer.get("UnprocessedKeys") or {}
    return found
