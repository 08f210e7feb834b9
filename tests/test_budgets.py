"""No request may cost more than its line in `benchmarks.requests.BUDGETS`, wherever in time the rows lie."""

from collections import defaultdict

import pytest

from benchmarks.load import Spread, loaded
from benchmarks.meter import Cost, metered
from benchmarks.requests import BUDGETS, Line, every_request, keeps, list_requests, other_requests, spent
from local.template import Template

RANDOM_PAGES = 100
TALLIES = "TalliesTable"


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
