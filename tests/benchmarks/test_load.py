"""What the benchmark loads is what the functions would have left, and all ways to an answer agree on it."""

from collections.abc import Iterator

import pytest

from benchmarks import plain
from benchmarks.load import Part, Spread, World, loaded
from benchmarks.requests import Listing, callers, endpoint, listings, pages, searched
from local.template import Template
from teaching.grading import store as grading
from teaching.grading.rules import Status
from teaching.limits import PER_PAGE
from teaching.schedule import recompute
from teaching.tally.apply import apply
from teaching.tally.tree import LEAF_MOST

SUBMISSIONS = 3 * LEAF_MOST


@pytest.fixture(scope="module")
def world(facts: Template) -> Iterator[World]:
    with loaded(facts, SUBMISSIONS, Spread.BURST, Part.WHOLE) as (_, world):
        yield world


def test_the_scheduled_check_finds_nothing_to_mend(world: World) -> None:
    assert recompute(lambda: True) == (0, 0, True)


def test_every_page_of_every_list_holds_what_was_loaded(world: World) -> None:
    for listing in listings(world):
        wanted = listing.scope.wants(listing.status)
        entries = [entry for entry in reversed(world.lists[listing.scope.list]) if wanted(entry.label)]
        for page in range(1, pages(world, listing) + 1):
            answer = listing.page(page)
            of_page = entries[(page - 1) * PER_PAGE : page * PER_PAGE]
            assert [row["id"] for row in answer.rows] == [entry.id for entry in of_page], (listing.name, page)
            assert answer.total == len(entries), (listing.name, page)


def test_the_plain_ways_answer_the_same(world: World) -> None:
    admin, _ = callers(world)
    graded, every = Listing(admin, Status.GRADED, None, None), Listing(admin, None, None, None)
    for page in (1, pages(world, graded)):
        answer = graded.page(page)
        rows, total = plain.page_of(Status.GRADED, page)
        assert ([row["id"] for row in answer.rows], answer.total) == ([row["id"] for row in rows], total)

    statistics = endpoint("get_statistics")(admin)
    pending, of_graded, average = plain.statistics()
    assert statistics["submission_total"] == {
        "total": pending + of_graded,
        "pending": pending,
        "graded": of_graded,
    }
    assert float(statistics["average_score"]) == pytest.approx(average, abs=0.005)

    text = searched(world, None)
    found = every.page(1, text)
    rows, total = plain.searched(text)
    assert ([row["id"] for row in found.rows], found.total) == ([row["id"] for row in rows], total)
    assert total


@pytest.mark.parametrize("part", [Part.KEPT, Part.WHOLE])
def test_skewed_data_is_whole_as_far_as_it_is_stored(facts: Template, part: Part) -> None:
    """Of what is kept every row has its ledger, and every list that it is in."""
    with loaded(facts, 150, Spread.SKEWED, part) as (_, world):
        assert len(world.kept) == 150
        identities = [grading.SOURCE.counted_id(row["id"]) for row in world.kept]
        current = grading.counted(identities)
        assert apply(identities, lambda _: current, repair={}) == (0, frozenset(), frozenset())


def test_everybody_may_have_a_profile(facts: Template) -> None:
    with loaded(facts, 50, Spread.EVEN, profile={"bio": "x"}) as (_, world):
        assert {user["profile"] for user in world.users.values()} == {'{"bio":"x"}'}
