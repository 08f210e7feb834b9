"""What may be done with nodes, each with small sizes so that few entries already cut them."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teaching.tally import tree
from teaching.tally.tree import LOWEST, ROOT, Branch, Change, Child, Entry, Key, Leaf, Node, Sum

HALF_FULL = (tree.LEAF_MOST // 2) * (tree.BRANCH_MOST // 2) * tree.ROOT_MOST
"""Rows in three levels whose nodes are all just cut, as the worst order of insertion leaves them."""


def test_three_levels_hold_more_than_a_million_rows_after_any_order_of_insertion() -> None:
    assert HALF_FULL >= 1_100_000


@pytest.fixture(autouse=True, scope="module")
def _small_nodes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "LEAF_MOST", 4)
        patch.setattr(tree, "WHOLE_MOST", 4)
        patch.setattr(tree, "BRANCH_MOST", 3)
        patch.setattr(tree, "ROOT_MOST", 3)
        patch.setattr(tree, "ROOT_OF_LEAVES_MOST", 3)
        yield


def entry(time: int, status: str = "graded", score: int = 1, version: int = 1) -> Entry:
    return Entry(f"{time:04}", f"id {time % 7}", status, Decimal(score), version=version)


def put(of: Entry, *, force: bool = False) -> Change:
    return Change(of.key, of, of.version, force)


changes = st.lists(
    st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 5), st.booleans()).map(
        lambda drawn: (drawn[0], entry(drawn[1], version=drawn[2]), drawn[3])
    ),
    max_size=30,
)


@given(changes)
def test_a_leaf_is_the_sorted_set_of_what_was_put_in(steps: list[tuple[bool, Entry, bool]]) -> None:
    leaf = Leaf(())
    expected: dict[Key, Entry] = {}
    for puts, of, force in steps:
        change = Change(of.key, of if puts else None, of.version, force)
        leaf = tree.change_leaf(leaf, [change])
        assert tree.change_leaf(leaf, [change]) == leaf
        present = expected.get(of.key)
        if force or not present or present.version <= of.version:
            expected.pop(of.key, None)
            expected |= {of.key: of} if puts else {}
    assert leaf == Leaf(tuple(expected[key] for key in sorted(expected)))


def test_what_speaks_of_an_older_row_changes_nothing() -> None:
    leaf = tree.change_leaf(Leaf(()), [put(entry(1, "graded", version=5))])
    assert tree.change_leaf(leaf, [put(entry(1, "submitted", version=4))]) == leaf
    assert tree.change_leaf(leaf, [Change(entry(1).key, None, 4)]) == leaf
    anew = entry(1, "submitted", version=1)
    assert tree.change_leaf(leaf, [put(anew, force=True)]) == Leaf((anew,))


def test_the_total_counts_by_label_and_sums_scores() -> None:
    leaf = Leaf(tuple(entry(time, "graded" if time % 3 else "submitted", time) for time in range(30)))
    found = tree.total(leaf)
    assert found == Sum({"submitted": 10, "graded": 20}, Decimal(sum(range(30))))
    assert found.of(lambda label: label == "graded") == 20
    built = tree.build(leaf.entries, names())
    assert tree.total(built[ROOT]) == found


groups = st.lists(
    st.tuples(st.sampled_from(["graded", "submitted"]), st.sampled_from("abc"), st.integers(0, 9)),
    max_size=60,
)


@given(groups)
def test_scores_are_added_up_by_the_groups_that_labels_name(rows: list[tuple[str, str, int]]) -> None:
    entries = [entry(time, f"{label}#{group}", score) for time, (label, group, score) in enumerate(rows)]
    expected: dict[str, Decimal] = {}
    for _, group, score in rows:
        expected[group] = expected.get(group, Decimal(0)) + score
    nodes = tree.build(entries, names())
    assert in_order(nodes) == entries
    found = tree.total(nodes[ROOT])
    assert found.scores == sum(expected.values())
    assert found.scores_of == expected


def test_a_branch_of_many_labels_has_fewer_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "BRANCH_MOST", 9)
    monkeypatch.setattr(tree, "ROOT_MOST", 9)
    monkeypatch.setattr(tree, "COUNTS_MOST", 20)
    monkeypatch.setattr(tree, "CHILDREN_LEAST", 3)
    for labels, most in ((1, 9), (4, 5), (100, 3)):
        entries = [entry(time, f"graded#{time % labels}") for time in range(400)]
        nodes = tree.build(entries, names())
        assert in_order(nodes) == entries
        above = [node for node in nodes.values() if isinstance(node, Branch) and not over_leaves(nodes, node)]
        assert max(map(tree.size, above)) <= most
        root = nodes[ROOT]
        for pieces in (tree.cut(root, least=2), tree.cut_at_end(root)):
            assert [child for piece in pieces for child in children_of(piece)] == children_of(root)
            assert max(map(tree.size, pieces)) <= most


def over_leaves(nodes: dict[str, Node], branch: Branch) -> bool:
    return isinstance(nodes[branch.children[0].node], Leaf)


def children_of(node: Node) -> list[Child]:
    assert isinstance(node, Branch)
    return list(node.children)


def test_a_branch_takes_only_what_is_newer_than_what_it_knows() -> None:
    empty = Sum({}, Decimal(0))
    branch = Branch((Child(LOWEST, "a", 3, empty), Child(("5", ""), "b", 3, empty)))
    more = Sum({"graded": 1}, Decimal(1))
    news = {
        "a": Child(LOWEST, "a", 4, more),
        "b": Child(LOWEST, "b", 3, more),
        "c": Child(LOWEST, "c", 9, more),
    }
    assert tree.note_children(branch, news) == Branch((Child(LOWEST, "a", 4, more), branch.children[1]))


@given(st.integers(0, 60))
def test_pieces_are_the_whole_and_none_is_too_large(length: int) -> None:
    leaf = Leaf(tuple(map(entry, range(length))))
    for pieces in (tree.cut(leaf), tree.cut_at_end(leaf)):
        assert [of for piece in pieces for of in entries_of(piece)] == list(leaf.entries)
        assert max(map(tree.size, pieces)) <= tree.LEAF_MOST
        assert length == 0 or min(map(tree.size, pieces)) > 0
    assert all(tree.size(piece) == tree.LEAF_MOST for piece in tree.cut_at_end(leaf)[:-1])
    sizes = [tree.size(piece) for piece in tree.cut(leaf)]
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(0, 120), st.sampled_from([1.0, 0.69, 0.5]))
def test_a_built_tree_holds_its_entries_in_order(length: int, fill: float) -> None:
    entries = [entry(time) for time in range(length)]
    nodes = tree.build(entries, names(), fill=fill)
    assert in_order(nodes) == entries


def names() -> "Names":
    return Names()


class Names:
    def __init__(self) -> None:
        self._numbers = count()

    def __call__(self) -> str:
        return f"{next(self._numbers):012x}"


def entries_of(node: Node) -> list[Entry]:
    assert isinstance(node, Leaf)
    return list(node.entries)


def in_order(nodes: dict[str, Node], name: str = ROOT) -> list[Entry]:
    """All entries, after checking every sum, bound and size on the way."""
    node = nodes[name]
    assert tree.size(node) <= tree.most(node, name)
    if isinstance(node, Leaf):
        return list(node.entries)
    entries: list[Entry] = []
    for at, child in enumerate(node.children):
        below = in_order(nodes, child.node)
        assert below
        assert child.sum == tree.total(Leaf(tuple(below)))
        assert not at or all(entry.key >= child.low for entry in below)
        later = node.children[at + 1 : at + 2]
        assert not later or all(entry.key < later[0].low for entry in below)
        entries += below
    return entries
