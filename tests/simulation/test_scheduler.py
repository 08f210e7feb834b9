"""One task at a time, in an order that the seed decides; who is killed goes on nowhere."""

from functools import partial
from random import Random

import pytest

from tests.simulation.scheduler import Killed, Scheduler


def walk(scheduler: Scheduler, name: str, steps: int, seen: list[str]) -> str:
    for step in range(steps):
        seen.append(f"{name}{step}")
        scheduler.point()
    return name


def order_of(seed: int) -> list[str]:
    scheduler, seen = Scheduler(Random(seed), 0.2), list[str]()
    for name in "abc":
        scheduler.start(name, partial(walk, scheduler, name, 5, seen))
    scheduler.run()
    return seen


def test_a_seed_is_an_order() -> None:
    assert order_of(1) == order_of(1)
    assert len({tuple(order_of(seed)) for seed in range(20)}) > 10
    assert [step for step in order_of(1) if step[0] == "a"] == ["a0", "a1", "a2", "a3", "a4"]


def test_what_is_done_at_once_is_answered_in_its_order() -> None:
    scheduler, seen, answers = Scheduler(Random(1), 0), list[str](), list[str]()

    def parent() -> None:
        answers.extend(scheduler.gather([partial(walk, scheduler, name, 3, seen) for name in "xyz"]))

    scheduler.start("parent", parent)
    scheduler.run()
    assert answers == ["x", "y", "z"]
    assert seen != sorted(seen)


def test_a_process_that_is_killed_ends_with_all_that_it_does_at_once() -> None:
    scheduler, seen = Scheduler(Random(1), 0), list[str]()

    def die() -> None:
        assert scheduler.current
        scheduler.current.root.killed = True
        raise Killed

    def parent() -> None:
        scheduler.gather([partial(walk, scheduler, "x", 100, seen), die])
        seen.append("went on")

    scheduler.start("parent", parent)
    scheduler.start("other", partial(walk, scheduler, "o", 3, seen))
    scheduler.run()
    assert "went on" not in seen
    assert len([step for step in seen if step[0] == "x"]) < 100
    assert [step for step in seen if step[0] == "o"] == ["o0", "o1", "o2"]


def test_what_a_task_ends_with_is_told() -> None:
    scheduler = Scheduler(Random(1), 0)

    def fail() -> None:
        raise ValueError("a fault")

    scheduler.start("fails", fail)
    scheduler.start("other", partial(walk, scheduler, "o", 50, []))
    with pytest.raises(ValueError, match="a fault"):
        scheduler.run()
