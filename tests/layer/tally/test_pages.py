"""Windows over merged lists against a plain sorted list, and how many nodes and round trips they read."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import count
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teaching.errors import Damaged
from teaching.tally import tree
from teaching.tally.nodes import NodeName, Stored
from teaching.tally.pages import Bounds, window
from teaching.tally.tree import BRANCH_MOST, LEAF_MOST, ROOT, Branch, Entry, Node

STATUSES = ("in_progress", "submitted", "graded")


class Shelf:
    """Lists in memory, counting what is read of them."""

    def __init__(self) -> None:
        self.lists: dict[str, dict[str, Node | None]] = {}
        self.trips = self.reads = 0

    def add(self, name: str, entries: Sequence[Entry]) -> None:
        numbers = count()
        in_order = sorted(entries, key=tree_key)
        self.lists[name] = {**tree.build(in_order, lambda: f"node {next(numbers)}", fill=0.7)}

    def __call__(self, names: Sequence[NodeName]) -> dict[NodeName, Stored]:
        self.trips += 1
        self.reads += len(names)
        return {(of, name): Stored(node, 1) for of, name in names if (node := self.lists[of].get(name))}


def entries(random: Random, prefix: str, number: int, times: int) -> list[Entry]:
    return [
        Entry(f"{random.randrange(times):06}", f"{prefix} {at}", random.choice(STATUSES), Decimal(at))
        for at in range(number)
    ]


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    sizes=st.lists(st.integers(0, 80), max_size=5),
    extra=st.integers(0, 20),
    times=st.sampled_from([1, 5, 1000]),
    status=st.sampled_from([None, *STATUSES]),
    limit=st.integers(1, 30),
)
def test_the_pages_are_the_merged_lists_cut_in_pieces(
    seed: int, sizes: list[int], extra: int, times: int, status: str | None, limit: int
) -> None:
    random = Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "LEAF_MOST", 4)
        patch.setattr(tree, "WHOLE_MOST", 4)
        patch.setattr(tree, "BRANCH_MOST", 3)
        patch.setattr(tree, "ROOT_MOST", 3)
        patch.setattr(tree, "ROOT_OF_LEAVES_MOST", 3)
        shelf = Shelf()
        rows = given_as_is = entries(random, "extra", extra, times)
        for at, size in enumerate(sizes):
            of_list = entries(random, f"list {at}", size, times)
            shelf.add(f"list {at}", of_list)
            rows = rows + of_list

        def wanted(label: str) -> bool:
            return status in (None, label)

        expected = sorted((row for row in rows if wanted(row.label)), key=tree_key, reverse=True)
        for offset in range(0, len(expected) + limit, limit):
            found = window(list(shelf.lists), wanted, offset, limit, shelf, given_as_is)
            assert found.total == len(expected)
            assert found.rows == expected[offset : offset + limit]
            assert len(found.rows) <= found.passed <= len(rows)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    sizes=st.lists(st.integers(0, 80), max_size=4),
    times=st.sampled_from([1, 5, 1000]),
    status=st.sampled_from([None, *STATUSES]),
    low=st.integers(-1, 1001),
    high=st.integers(-1, 1001),
    limit=st.integers(1, 30),
)
def test_within_bounds_totals_and_pages_are_exact_at_a_trip_a_level(
    seed: int, sizes: list[int], times: int, status: str | None, low: int, high: int, limit: int
) -> None:
    random = Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "LEAF_MOST", 4)
        patch.setattr(tree, "WHOLE_MOST", 4)
        patch.setattr(tree, "BRANCH_MOST", 3)
        patch.setattr(tree, "ROOT_MOST", 3)
        patch.setattr(tree, "ROOT_OF_LEAVES_MOST", 3)
        shelf = Shelf()
        rows = extra = entries(random, "extra", 5, times)
        for at, size in enumerate(sizes):
            of_list = entries(random, f"list {at}", size, times)
            shelf.add(f"list {at}", of_list)
            rows = rows + of_list
        bounds = Bounds((f"{low:06}", ""), (f"{high:06}", ""))

        def wanted(label: str) -> bool:
            return status in (None, label)

        within = [row for row in rows if wanted(row.label) and bounds.low <= row.key < bounds.high]
        expected = sorted(within, key=tree_key, reverse=True)
        levels = max(map(height, shelf.lists.values()), default=0)
        for offset in range(0, len(expected) + limit, limit):
            shelf.trips = 0
            found = window(list(shelf.lists), wanted, offset, limit, shelf, extra, bounds)
            assert found.total == len(expected)
            assert found.rows == expected[offset : offset + limit]
            assert shelf.trips <= levels


def height(nodes: dict[str, Node | None], name: str = ROOT) -> int:
    node = nodes[name]
    return 1 + (height(nodes, node.children[0].node) if isinstance(node, Branch) else 0)


def test_a_page_within_bounds_reads_hardly_more_than_a_node_each_and_those_at_the_bounds() -> None:
    random = Random(1)
    shelf = Shelf()
    shelf.add("list", entries(random, "row", 3 * LEAF_MOST * BRANCH_MOST // 2, 10**6))
    for low in range(0, 900_000, 90_000):
        shelf.trips = shelf.reads = 0
        bounds = Bounds((f"{low:06}", ""), (f"{low + 100_000:06}", ""))
        window(["list"], any_label, 500, 25, shelf, (), bounds)
        assert shelf.trips <= 3
        assert shelf.reads <= 9


def any_label(label: str) -> bool:
    return True


def tree_key(entry: Entry) -> tuple[str, str]:
    return entry.key


def test_a_page_reads_one_round_trip_a_level_and_hardly_more_than_a_node_each() -> None:
    random = Random(1)
    shelf = Shelf()
    shelf.add("list", entries(random, "row", 3 * LEAF_MOST * BRANCH_MOST // 2, 10**6))
    root = shelf.lists["list"][ROOT]
    assert isinstance(root, Branch)
    total = tree.total(root).of(any_label)
    for offset in random.sample(range(total), 50):
        shelf.trips = shelf.reads = 0
        window(["list"], any_label, offset, 25, shelf)
        assert shelf.trips <= 3
        assert shelf.reads <= 5


def test_a_node_that_went_away_while_it_was_read_is_an_error_not_a_short_page() -> None:
    shelf = Shelf()
    shelf.add("list", entries(Random(1), "row", 3 * LEAF_MOST, 10**6))
    root = shelf.lists["list"][ROOT]
    assert isinstance(root, Branch)
    shelf.lists["list"][root.children[-1].node] = None
    with pytest.raises(Damaged):
        window(["list"], any_label, 0, 25, shelf)


def test_a_node_that_is_not_what_its_branch_says_is_an_error_not_a_wrong_total() -> None:
    shelf = Shelf()
    shelf.add("list", entries(Random(1), "row", 3 * LEAF_MOST, 10**6))
    root = shelf.lists["list"][ROOT]
    assert isinstance(root, Branch)
    shelf.lists["list"][root.children[-1].node] = shelf.lists["list"][root.children[0].node]
    with pytest.raises(Damaged):
        window(["list"], any_label, 0, 25, shelf)
