"""No request may cost more than its line in `benchmarks.requests.BUDGETS`, wherever in time the rows lie; no
change more, all the way, than its line here.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import pytest

from benchmarks import writes
from benchmarks.load import Part, Spread, World, loaded
from benchmarks.meter import Cost, metered
from benchmarks.requests import (
    BUDGETS,
    Line,
    callers,
    endpoint,
    every_request,
    keeps,
    list_requests,
    other_requests,
    spent,
)
from benchmarks.writes import BATCH, Supply
from local.template import Template
from teaching.grading.rules import Scope, SubmissionFilters
from teaching.tally.tree import LEAF_MOST

RANDOM_PAGES = 100
TALLIES = "TalliesTable"
CHANGED = 2000
"""Rows of the store whose changes are measured."""
WASTED = 0.1
"""Part of the write units that shards may waste when they get in each other's way."""
OF_A_SHARD = 50
SECONDS = 0.6
"""Of so few changes; `make bench` has 400 a shard among many more rows, where 2 are allowed."""
WASTED_OF_FEW = 0.3
"""As `WASTED`, where the shards change much the same few nodes and little else."""


class Change(NamedTuple):
    """The most that a change of a kind may cost on average, and the most trips."""

    writes: float
    reads: float
    trips_asked: int
    trips_following: int


CHANGES = {
    "a grade alone": Change(39, 17, 3, 8),
    "a hand-in alone": Change(32, 22, 5, 9),
    "an arrival alone": Change(27, 22, 5, 9),
    "grades of random rows in batches of 100, each": Change(29, 10, 3, 20),
    "hand-ins at a deadline in batches of 100, each": Change(21, 15, 5, 21),
    "a start of a session": Change(11, 13, 2, 11),
    "an end of a session": Change(11, 13, 2, 11),
    "sessions that the schedule ends, each": Change(8, 9, 3, 47),
}


@pytest.mark.parametrize("spread", [Spread.EVEN, Spread.BURST])
def test_every_request_keeps_its_budget(facts: Template, spread: Spread) -> None:
    costs: dict[Line, list[Cost]] = defaultdict(list)
    with loaded(facts, 2000, spread) as (_, world):
        for request in every_request(world, RANDOM_PAGES):
            with metered() as cost:
                request.send()
            costs[request.line].append(cost)
    assert costs.keys() == BUDGETS.keys()
    dear = {
        line.value: (figures, BUDGETS[line])
        for line, of_line in costs.items()
        if not keeps(figures := spent(line, of_line), BUDGETS[line])
    }
    assert not dear


def test_totals_and_first_pages_cost_the_same_at_every_size(facts: Template) -> None:
    """What differs by a half unit is the size of the page's own rows, which come from an index."""

    def figures(submissions: int) -> dict[str, tuple[int, int, float]]:
        found = {}
        with loaded(facts, submissions, Spread.EVEN) as (_, world):
            for request in [*list_requests(world), *other_requests(world)]:
                if request.line in (Line.FIRST_OF_ONE, Line.FIRST_OF_ALL, Line.STATISTICS):
                    with metered() as cost:
                        request.send()
                    found[request.name] = (cost.requests, cost.trips, cost.reads_of[TALLIES])
        return found

    small, large = figures(1000), figures(4000)
    assert len(small) == 26
    assert small == large


@pytest.fixture
def world(facts: Template) -> Iterator[World]:
    with loaded(facts, CHANGED, Spread.SKEWED, Part.KEPT) as (_, world):
        yield world


def test_statistics_of_an_item_that_many_courses_share_are_one_trip(world: World) -> None:
    """The other combinations are among `every_request`."""
    courses: defaultdict[str, set[str]] = defaultdict(set)
    for row in world.kept:
        courses[row["item_id"]].add(row["course_id"])
    shared = max(courses, key=lambda item: len(courses[item]))
    assert len(courses[shared]) > 5
    assert len(world.lists[Scope(item=shared).list]) > LEAF_MOST
    for caller, course in product(callers(world), sorted(courses[shared])):
        filters = SubmissionFilters.model_validate({"course_id": course, "material_item_id": shared})
        with metered() as cost:
            endpoint("get_statistics")(caller, filters)
        assert (cost.trips, cost.requests, cost.reads <= 1) == (1, 1, True)


def test_every_kind_of_change_has_a_budget() -> None:
    assert {kind.name for kind in writes.kinds()} == CHANGES.keys()


def test_no_change_costs_more_than_its_budget_all_the_way(world: World) -> None:
    supply, dear = Supply(world), {}
    for kind in writes.kinds(alone=10, together=BATCH):
        spent = writes.measured(kind.changes(supply), kind.batch, kind.table)
        assert not spent.wasted
        figures = Change(spent.writes, spent.reads, spent.trips_asked, spent.trips_following)
        if any(figure > most for figure, most in zip(figures, CHANGES[kind.name], strict=True)):
            dear[kind.name] = figures
    assert not dear


def test_shards_waste_little_in_step_and_get_through_in_time_at_once(facts: Template, world: World) -> None:
    """At once, each request takes as long as it would in AWS, on a clock of its own: a count, in seconds."""
    supply = Supply(world)
    changed: list[str] = []
    for submissions, send in supply.hand_ins(BATCH, BATCH):
        send()
        changed += submissions
    cost = writes.interleaved(changed[: BATCH // 2], changed[BATCH // 2 :], times=5)
    assert cost.wasted <= WASTED * cost.writes, (cost.wasted, cost.writes)
    raced = writes.race(facts, supply, OF_A_SHARD)
    assert not raced.unavailable
    assert raced.seconds <= SECONDS
    assert raced.wasted <= WASTED_OF_FEW
