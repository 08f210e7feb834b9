"""Events of a single submission that is graded over and over, told by several at once, amid every fault.

In a whole schedule they seldom come so close.
"""

from functools import partial
from random import Random

import pytest

from tests import support
from tests.simulation.contract import Watch
from tests.simulation.faults import Fault, weather
from tests.simulation.programme import ADMIN, SUBMISSIONS
from tests.simulation.schedule import beginnings
from tests.simulation.world import World, environment, token

SEEDS = 150
GRADES = 6


def run(seed: int) -> None:
    random = Random(seed)
    told = weather(random)._replace(
        stays=random.choice([0, 0.5]), faults=[fault for fault in Fault if random.random() < 0.3]
    )
    world = World(beginnings().copy(), random, told)
    watch = Watch(world.store)
    world.watch, world.hear = watch.written, watch.heard
    world.sources = [source for source in world.sources if source.stream.function == "PublishEvents"]
    open_requests = 0

    def grade(score: int) -> None:
        nonlocal open_requests
        path = {"id": SUBMISSIONS[0]}
        event = support.event(path, token=token("admin", ADMIN), body={"score": score})
        try:
            world.invoke("grade_submission", event)
        finally:
            open_requests -= 1

    def everything() -> None:
        nonlocal open_requests
        scores = list(range(GRADES))
        while scores or open_requests:
            if scores and random.random() < 0.1:
                open_requests += 1
                world.scheduler.start(f"grade{scores[0]}", partial(grade, scores.pop(0)))
            world.follow()
            world.scheduler.point()

    def rest() -> None:
        while world.follow():
            world.scheduler.point()

    with world.around():
        world.scheduler.start("all", everything)
        world.scheduler.run()
        world.stormy = False
        world.scheduler.start("rest", rest)
        world.scheduler.run()
    watch.judge_events()


@pytest.mark.parametrize("some", range(0, SEEDS, 10))
def test_none_is_lost_and_none_comes_after_a_later_one(some: int) -> None:
    with environment():
        for seed in range(some, some + 10):
            run(seed)
