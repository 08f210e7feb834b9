"""The tree against a sorted dict, with small nodes so that few entries already split and empty them."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teaching.tally import tree
from teaching.tally.tree import EMPTY, ROOT, Branch, Entry, Key, Leaf, MissingNode, Node, Sum

Nodes = dict[str, Node | None]


@pytest.fixture(autouse=True, scope="module")
def _small_nodes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "LEAF_MOST", 4)
        patch.setattr(tree, "BRANCH_MOST", 3)
        patch.setattr(tree, "ROOT_MOST", 3)
        yield


class Names:
    def __init__(self) -> None:
        self._numbers = count()

    def __call__(self) -> str:
        return f"node {next(self._numbers)}"


def entry(time: int, status: str = "graded", score: int = 1) -> Entry:
    return Entry(f"{time:04}", f"id {time % 7}", status, Decimal(score))


def in_order(nodes: Nodes, name: str = ROOT) -> list[Entry]:
    """All entries, after checking every sum, bound and size on the way."""
    node = nodes.get(name)
    assert node is not None
    if isinstance(node, Leaf):
        assert len(node.entries) <= tree.LEAF_MOST
        return list(node.entries)
    assert 0 < len(node.children) <= tree.BRANCH_MOST
    entries = []
    for at, child in enumerate(node.children):
        below = in_order(nodes, child.node)
        assert below, "an emptied node goes away"
        assert child.sum == tree.total(Leaf(tuple(below)))
        if at:
            assert all(entry.key >= child.low for entry in below)
        if at + 1 < len(node.children):
            assert all(entry.key < node.children[at + 1].low for entry in below)
        entries += below
    return entries


changes = st.lists(
    st.tuples(
        st.booleans(), st.integers(0, 60), st.sampled_from(["graded", "submitted"]), st.integers(0, 100)
    ),
    max_size=150,
)


@given(changes)
def test_it_is_the_sorted_set_of_what_was_put_in(steps: list[tuple[bool, int, str, int]]) -> None:
    nodes: Nodes = {}
    expected: dict[Key, Entry] = {}
    names = Names()
    for inserts, time, status, score in steps:
        changed = entry(time, status, score)
        if inserts:
            tree.insert(nodes, changed, names)
            expected[changed.key] = changed
        else:
            tree.remove(nodes, changed.key, names)
            expected.pop(changed.key, None)
    nodes.setdefault(ROOT, EMPTY)
    assert in_order(nodes) == [expected[key] for key in sorted(expected)]


def test_repeating_a_change_changes_nothing() -> None:
    nodes: Nodes = {}
    names = Names()
    for time in range(20):
        tree.insert(nodes, entry(time), names)
    before = dict(nodes)
    tree.insert(nodes, entry(5), names)
    tree.remove(nodes, entry(99).key, names)
    assert nodes == before


def test_the_total_counts_by_status_and_sums_scores() -> None:
    nodes: Nodes = {}
    names = Names()
    for time in range(30):
        tree.insert(nodes, entry(time, "graded" if time % 3 else "submitted", time), names)
    root = nodes[ROOT]
    assert isinstance(root, Branch)
    assert tree.total(root) == Sum({"graded": 20, "submitted": 10}, Decimal(sum(range(30))))
    assert tree.total(root).of(lambda label: label == "graded") == 20
    assert tree.total(root).of(lambda label: True) == 30


def test_rows_appended_in_order_fill_their_leaves() -> None:
    nodes: Nodes = {}
    names = Names()
    for time in range(12):
        tree.insert(nodes, entry(time), names)
    leaves = [node for node in nodes.values() if isinstance(node, Leaf)]
    assert [len(leaf.entries) for leaf in leaves] == [3, 4, 4, 1]


def test_a_lost_node_is_named() -> None:
    nodes: Nodes = {}
    names = Names()
    for time in range(20):
        tree.insert(nodes, entry(time), names)
    path, _ = tree.descend(nodes, entry(0).key)
    lost = path[-1].branch.children[path[-1].at].node
    nodes[lost] = None
    with pytest.raises(MissingNode, match=lost):
        tree.insert(nodes, entry(0, score=2), names)


def test_resum_brings_sums_in_line_with_the_leaf() -> None:
    nodes: Nodes = {}
    names = Names()
    for time in range(20):
        tree.insert(nodes, entry(time), names)
    path, _ = tree.descend(nodes, entry(7).key)
    leaf = path[-1].branch.children[path[-1].at].node
    nodes[leaf] = Leaf((entry(7, "submitted", 50),))
    for damaged in in_order_unchecked(nodes):
        tree.resum(nodes, damaged.key, names)
    root = nodes[ROOT]
    assert root
    assert tree.total(root) == tree.total(Leaf(tuple(in_order(nodes))))


def in_order_unchecked(nodes: Nodes, name: str = ROOT) -> list[Entry]:
    node = nodes.get(name)
    if isinstance(node, Branch):
        return [entry for child in node.children for entry in in_order_unchecked(nodes, child.node)]
    return list((node or EMPTY).entries)
