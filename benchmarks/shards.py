"""Several shards of a stream at once, on a clock of their own: how long they take does not depend on the
machine, only on how many requests wait for one another.

The store is a copy in memory. Every request takes `LATENCY`, a little more or less, and is made halfway; a
function makes as many at the same time as `dynamo` does. Threads go on one at a time, always the one whose
clock is the earliest, so a race comes out nearly the same every time. What the functions compute takes no
time here.
"""

import heapq
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from random import Random
from typing import Any, NamedTuple
from unittest.mock import patch

from benchmarks.load import SEED
from benchmarks.meter import Cost, metered
from local.template import Template
from teaching import dynamo
from teaching.tally import writer
from tests.simulation.dynamodb import Store

LATENCY = 0.008
"""Seconds; AWS speaks of single-digit milliseconds."""


class Raced(NamedTuple):
    seconds: float
    """Until the last shard was done."""
    cost: Cost
    """Without the units of reads, which the copy does not tell."""


@contextmanager
def copied(facts: Template) -> Iterator[None]:
    """`dynamo` is at a copy of what is stored now; nothing of what is done in the block stays."""
    store = Store(facts)
    for name, table in store.tables.items():
        for row in dynamo.scan_all(name):
            typed = dynamo.to_item(row)
            table.rows.put(table.key(typed), typed)

    with patch.object(dynamo, "client", lambda: _Client(store)):
        yield


class _Client:
    """A store as botocore's client has it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def execute(**arguments: Any) -> Any:
            table = arguments.get("TableName")
            nothing: Any = {"TableName": table, "CapacityUnits": 0} if table else []
            return {**self._store.execute(operation, arguments), "ConsumedCapacity": nothing}

        return execute


def race(shards: Sequence[Callable[[], None]]) -> Raced:
    """Runs what each shard does, within `copied`. Raises what one of them raises."""
    timeline = _Timeline()
    with metered() as cost:
        call = dynamo.call

        def timed(operation: str, **arguments: Any) -> Any:
            timeline.wait(LATENCY / 2)
            try:
                return call(operation, **arguments)
            finally:
                timeline.wait(LATENCY / 2)

        with (
            patch.multiple(dynamo, call=timed, at_once=timeline.at_once, pause=timeline.pause),
            patch.object(dynamo, "both", lambda *requests: tuple(timeline.at_once(*requests))),
            patch.object(writer, "random", Random(SEED)),
        ):
            return Raced(timeline.run(shards), cost)


class _Task:
    """A thread, and what its clock says."""

    def __init__(self, now: float, parent: "_Task | None") -> None:
        self.now = now
        self.parent = parent
        self.children = 0
        self.gate = threading.Semaphore(0)


class _Timeline:
    def __init__(self) -> None:
        self._random = Random(SEED)
        self._order = count()
        self._waiting: list[tuple[float, int, _Task]] = []
        self._turn = threading.Semaphore(0)
        self._mine = threading.local()
        self._fault: BaseException | None = None

    def run(self, shards: Sequence[Callable[[], None]]) -> float:
        """Until all are done; when that is. Raises what one of them raised."""
        tasks = [self._start(shard, 0, None) for shard in shards]
        while self._waiting and not self._fault:
            _, _, task = heapq.heappop(self._waiting)
            task.gate.release()
            self._turn.acquire()
        if self._fault:
            raise self._fault
        return max(task.now for task in tasks)

    def wait(self, seconds: float) -> None:
        """A little more or less of it, while others go on."""
        task: _Task = self._mine.task
        task.now += seconds * self._random.uniform(0.75, 1.25)
        self._wait_until(task)

    def pause(self, attempt: int) -> None:
        """As `dynamo.pause`."""
        self.wait(self._random.uniform(0, min(0.4, 0.005 * 2**attempt)))

    def at_once(self, *requests: Callable[[], Any]) -> list[Any]:
        """As `dynamo.at_once`."""
        parent: _Task = self._mine.task
        if len(requests) < 2 or parent.parent:
            return [request() for request in requests]
        answers: list[Any] = [None] * len(requests)
        left = deque(enumerate(requests))

        def work() -> None:
            while left:
                number, request = left.popleft()
                answers[number] = request()

        parent.children = min(dynamo.AT_ONCE_MOST, len(requests))
        for _ in range(parent.children):
            self._start(work, parent.now, parent)
        self._turn.release()
        parent.gate.acquire()
        return answers

    def _start(self, run: Callable[[], None], now: float, parent: _Task | None) -> _Task:
        task = _Task(now, parent)

        def begin() -> None:
            self._mine.task = task
            task.gate.acquire()
            try:
                run()
            except BaseException as fault:
                self._fault = self._fault or fault
            if parent:
                parent.now = max(parent.now, task.now)
                parent.children -= 1
                if not parent.children:
                    self._push(parent)
            self._turn.release()

        self._push(task)
        threading.Thread(target=begin, daemon=True).start()
        return task

    def _push(self, task: _Task) -> None:
        heapq.heappush(self._waiting, (task.now, next(self._order), task))

    def _wait_until(self, task: _Task) -> None:
        self._push(task)
        self._turn.release()
        task.gate.acquire()
