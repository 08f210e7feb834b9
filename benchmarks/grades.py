"""A thousand grades by fifty graders at once, and how soon after the last one the counters are exact."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from random import Random
from typing import NamedTuple
from uuid import UUID

from benchmarks.load import SEED, Part, Spread, loaded
from benchmarks.requests import endpoint
from local import aws
from local.functions import Functions
from local.streams import Streams
from local.template import Template
from teaching import dynamo
from teaching.dynamo import Item
from teaching.grading import rules
from teaching.grading.rules import Grade, Scope
from teaching.http.auth import ADMIN, Caller
from teaching.http.versions import ANY_VERSION
from teaching.schedule import recompute
from teaching.settings import settings
from teaching.tally.tree import Leaf, total

SUBMISSIONS = 2000
GRADES = 1000
GRADERS = 50
_MOST_SECONDS = 120


class Outcome(NamedTuple):
    grading: float
    """Seconds from the first grade to the last answer."""
    catching_up: float
    """Seconds from the last answer until the statistics were exact."""
    drifted: int
    """Rows that some list counted wrongly after that, by the scheduled check."""


def measure(facts: Template) -> Outcome:
    """Grades in this process; the streams are followed by functions in processes of their own.

    Raises `TimeoutError` when the statistics never become exact.
    """
    rng = Random(SEED)
    callers = [Caller(str(UUID(int=rng.getrandbits(128), version=4)), ADMIN) for _ in range(GRADERS)]
    with (
        loaded(facts, SUBMISSIONS, Spread.BURST, Part.WHOLE) as (address, _),
        _followed(facts, address) as streams,
    ):
        gradable = sorted(row["id"] for row in _rows() if row["status"] in rules.GRADABLE)
        scores = {identity: Decimal(rng.randrange(101)) for identity in rng.sample(gradable, GRADES)}

        def grade(number: int, identity: str) -> None:
            endpoint("grade_submission")(
                callers[number % GRADERS], identity, Grade(score=scores[identity]), ANY_VERSION
            )

        began = time.monotonic()
        with ThreadPoolExecutor(GRADERS) as graders:
            list(graders.map(grade, range(GRADES), scores))
        ended = time.monotonic()
        entries = [rules.counted(row).entries[Scope().list] for row in _rows()]
        expected = rules.statistics(total(Leaf(tuple(entries))))
        while endpoint("get_statistics")(callers[0]) != expected:
            if time.monotonic() - ended > _MOST_SECONDS:
                raise TimeoutError("the statistics are still not exact")
            time.sleep(0.02)
        exact = time.monotonic()
        streams.drain()
        return Outcome(ended - began, exact - ended, recompute(lambda: True).drifted)


@contextmanager
def _followed(facts: Template, address: str) -> Iterator[Streams]:
    """The stream of submissions, which what was loaded has passed already."""
    functions = Functions(facts, aws.environment(address, address))
    try:
        sources = [source for source in facts.streams if source.table == settings().submissions_table]
        streams = Streams(sources, address, functions.invoke, send=_give_up, folder=None)
        streams.start()
        try:
            streams.drain()
            yield streams
        finally:
            streams.stop()
    finally:
        functions.close()


def _give_up(queue: str, body: str) -> None:
    raise AssertionError(f"a batch was given up: {body}")


def _rows() -> Iterator[Item]:
    return dynamo.scan_all(settings().submissions_table)
