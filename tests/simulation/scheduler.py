"""Tasks of which one runs at a time, each in a thread of its own; a seed decides who goes on at every point.

A task stops only where it says so (`Scheduler.point`), so a schedule is the same whenever its seed is.
Tasks that a task has started together (`Scheduler.gather`) are of one process with it: what kills one of
them kills them all.
"""

import threading
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

POINTS_MOST = 40_000


class Killed(BaseException):
    """The process has ended here: nothing of it goes on, and nothing of it is tidied up."""


class Stuck(Exception):
    """A schedule that does not come to an end."""


def _closed() -> threading.Lock:
    """A gate: released by one and acquired by another, it lets through once. Quicker than a semaphore."""
    gate = threading.Lock()
    gate.acquire()
    return gate


class Task:
    def __init__(self, name: str, run: Callable[[], Any], parent: "Task | None") -> None:
        self.name = name
        self.parent = parent
        self.root: Task = parent.root if parent else self
        self.killed = False
        """Of a root: whether its process has ended."""
        self.answer: Any = None
        self.fault: BaseException | None = None
        self.waits_for = 0
        self.gate = _closed()
        self.run = run


class _Worker(threading.Thread):
    """A thread that runs one task after another; starting one costs more than most tasks."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.ready = _closed()
        self.job: Callable[[], None] = lambda: None

    def run(self) -> None:
        while True:
            self.ready.acquire()
            self.job()


_idle: list[_Worker] = []


class Scheduler:
    def __init__(self, random: Random, stays: float) -> None:
        """`stays` is how likely it is that a task goes on at a point though others could."""
        self.current: Task | None = None
        self.points = 0
        self.fault: BaseException | None = None
        """The first that a task has ended with, besides being killed."""
        self._random = random
        self._stays = stays
        self._ready: list[Task] = []
        self._all_done = _closed()

    def start(self, name: str, run: Callable[[], Any]) -> Task:
        """A task of a process of its own."""
        task = Task(name, run, None)
        self._begin(task)
        return task

    def run(self) -> None:
        """Until no task is left. Raises what a task has ended with."""
        if self._ready:
            self._give_way()
            self._all_done.acquire()
        self.current = None
        if self.fault:
            raise self.fault

    def point(self) -> None:
        """Here others may go on. Raises `Killed`."""
        task = self.current
        assert task
        self.points += 1
        if self.points > POINTS_MOST:
            self._fail(Stuck(f"{self.points} points"))
        if not (self.fault or self._random.random() < self._stays):
            following = self._random.choice(self._ready)
            if following is not task:
                self.current = following
                following.gate.release()
                task.gate.acquire()
        if task.root.killed or self.fault:
            raise Killed

    def gather(self, runs: Sequence[Callable[[], Any]]) -> list[Any]:
        """The answers of what is run at the same time. Raises the first fault, once all have ended."""
        parent = self.current
        assert parent
        tasks = [Task(f"{parent.name}.{number}", run, parent) for number, run in enumerate(runs)]
        parent.waits_for = len(tasks)
        self._ready.remove(parent)
        for task in tasks:
            self._begin(task)
        self._give_way()
        parent.gate.acquire()
        if parent.root.killed or self.fault:
            raise Killed
        for task in tasks:
            if task.fault:
                raise task.fault
        return [task.answer for task in tasks]

    def _fail(self, fault: BaseException) -> None:
        self.fault = self.fault or fault

    def _begin(self, task: Task) -> None:
        self._ready.append(task)
        worker = _idle.pop() if _idle else _Worker()
        if not worker.is_alive():
            worker.start()
        worker.job = lambda: self._work(task, worker)
        worker.ready.release()

    def _work(self, task: Task, worker: _Worker) -> None:
        task.gate.acquire()
        try:
            if task.root.killed or self.fault:
                raise Killed
            task.answer = task.run()
        except BaseException as fault:
            task.fault = fault
            if task.parent is None and not isinstance(fault, Killed):
                self._fail(fault)
        self._ready.remove(task)
        if task.parent:
            task.parent.waits_for -= 1
            if not task.parent.waits_for:
                self._ready.append(task.parent)
        _idle.append(worker)
        self._give_way()

    def _give_way(self) -> None:
        if self._ready:
            self.current = self._random.choice(self._ready)
            self.current.gate.release()
        else:
            self._all_done.release()
