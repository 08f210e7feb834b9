"""One list as a counted B+ tree: its nodes and what may be done with them, pure and in memory.

A list is a set of small entries in the order of their keys. Leaves hold the entries; branches hold, for each
child, where it begins, which version of it they speak of, and the sum of what is below it (drawn in the
package's docstring).

All leaves are equally deep. A node that has grown over its size is cut in two or more; one that has
become thin is merged with its neighbour. Even when every node is but half full, as the worst order of
insertion leaves them, three levels hold 22 * 80 * 640 = 1.13 million rows.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

ROOT = "root"
LEAF_MOST = 44
"""Entries of a leaf, 1 KB mostly, for every change writes one in each list."""
WHOLE_MOST = 80
"""Those of a leaf whose entries have tags: a list that is read whole, which should be one node."""
BRANCH_MOST = 160
ROOT_OF_LEAVES_MOST = 200
"""Children of a root, 3 KB: beyond that a level more costs less to write, and a read."""
ROOT_MOST = 640
"""Children of a root that are branches: that many only where there are more than a million rows."""
COUNTS_MOST = 50_000
"""Labels by children of a branch, 90 KB at most: where there are many labels it has fewer children."""
CHILDREN_LEAST = 8
"""That many children a branch may have in any case."""

Key = tuple[str, str]
"""(time, id): the total order of a list."""

LOWEST: Key = ("", "")
HIGHEST: Key = ("\U0010ffff", "")


class Entry(NamedTuple):
    """One row of a list."""

    time: str
    id: str
    label: str
    """What it is counted as. Behind a `#` it may name a group; in a list either all labels do or none."""
    score: Decimal = Decimal(0)
    """What it adds to the sum of its list."""
    tags: tuple[str, ...] = ()
    """What a short list that is read whole is filtered by."""
    version: int = 0
    """Of the row that it speaks of: an older one does not replace a newer one."""

    @property
    def key(self) -> Key:
        return self.time, self.id


class Sum(NamedTuple):
    """What is below a node: entries by label, and their scores added up."""

    counts: Mapping[str, int]
    scores: Decimal
    """Of all."""
    scores_of: Mapping[str, Decimal] = {}
    """Of each group that its labels name."""

    def of(self, wanted: "Wanted") -> int:
        """The rows whose label is wanted."""
        return sum(count for label, count in self.counts.items() if wanted(label))

    def by_group(self) -> Mapping[str, Decimal]:
        """The scores of each group; where none is named, of the one without a name."""
        return self.scores_of or {"": self.scores}


Wanted = Callable[[str], bool]
"""Tells the labels that are asked for."""


class Leaf(NamedTuple):
    entries: tuple[Entry, ...]


class Child(NamedTuple):
    """What a branch knows of a node below it; of the first one, `low` does not count."""

    low: Key
    node: str
    version: int
    sum: Sum


class Branch(NamedTuple):
    children: tuple[Child, ...]


Node = Leaf | Branch

EMPTY = Leaf(())


class Change(NamedTuple):
    """What shall stand at a key: the entry, or nothing."""

    key: Key
    entry: Entry | None
    version: int
    """Of the row that asks for it."""
    force: bool = False
    """Also where an entry of a newer version stands: the row was deleted and begins anew."""
    fences: bool = False
    """The leaf is put even if it stays as it is, so that nobody puts it who has read it before."""


def group_of(label: str) -> str:
    """The group that a label names; empty where it names none."""
    return label.partition("#")[2]


def total(node: Node) -> Sum:
    """The sum of all that is at or below the node."""
    counts: dict[str, int] = {}
    scores: dict[str, Decimal] = {}
    if isinstance(node, Leaf):
        for entry in node.entries:
            counts[entry.label] = counts.get(entry.label, 0) + 1
            group = group_of(entry.label)
            scores[group] = scores.get(group, Decimal(0)) + entry.score
    else:
        for child in node.children:
            for label, count in child.sum.counts.items():
                counts[label] = counts.get(label, 0) + count
            for group, score in child.sum.by_group().items():
                scores[group] = scores.get(group, Decimal(0)) + score
    return sum_of(counts, scores)


def sum_of(counts: Mapping[str, int], scores: Mapping[str, Decimal]) -> Sum:
    """Of the scores of each group. They are added up in one order, for the same sum once they were stored."""
    of_all = sum((scores[group] for group in sorted(scores)), Decimal(0))
    return Sum(counts, of_all, {group: score for group, score in scores.items() if group})


def size(node: Node) -> int:
    """Entries of a leaf, children of a branch."""
    return len(node.entries) if isinstance(node, Leaf) else len(node.children)


def most(node: Node, name: str = "") -> int:
    """The size beyond which a node of this name is to be cut."""
    if isinstance(node, Leaf):
        return WHOLE_MOST if any(entry.tags for entry in node.entries) else LEAF_MOST
    labels = max(len(child.sum.counts) for child in node.children) or 1
    return min(ROOT_MOST if name == ROOT else BRANCH_MOST, max(CHILDREN_LEAST, COUNTS_MOST // labels))


def lies_within(node: Node, low: Key, high: Key) -> bool:
    """Whether all of a node's keys are from `low` up to and without `high`."""
    keys = (
        [entry.key for entry in node.entries]
        if isinstance(node, Leaf)
        else [child.low for child in node.children[1:]]
    )
    return not keys or low <= keys[0] <= keys[-1] < high


def child_at(branch: Branch, key: Key) -> Child:
    """The child that holds the key; the first one reaches down without end."""
    at = bisect_right(branch.children, key, key=lambda child: child.low)
    return branch.children[max(0, at - 1)]


def change_leaf(leaf: Leaf, changes: Iterable[Change]) -> Leaf:
    """The leaf with the changes made; making them again changes nothing."""
    entries = {entry.key: entry for entry in leaf.entries}
    for change in changes:
        present = entries.get(change.key)
        if present and present.version > change.version and not change.force:
            continue
        if change.entry:
            entries[change.key] = change.entry
        elif present:
            del entries[change.key]
    return Leaf(tuple(entries[key] for key in sorted(entries)))


def note_children(branch: Branch, news: Mapping[str, Child]) -> Branch:
    """The branch with what is known of its children by now; what is older than it knows changes nothing."""
    children = []
    for child in branch.children:
        new = news.get(child.node, child)
        is_newer = new.version > child.version
        children.append(child._replace(version=new.version, sum=new.sum) if is_newer else child)
    return Branch(tuple(children))


def replace_children(branch: Branch, gone: Sequence[str], new: Sequence[Child]) -> Branch:
    """The branch with some neighbouring children replaced by others."""
    at = next(at for at, child in enumerate(branch.children) if child.node == gone[0])
    return Branch((*branch.children[:at], *new, *branch.children[at + len(gone) :]))


def cut(node: Node, least: int = 1) -> list[Node]:
    """The node in as few pieces of equal size as are not too large, but at least so many."""
    length = size(node)
    pieces = max(least, -(-length // most(node)))
    ends = [length * piece // pieces for piece in range(pieces + 1)]
    return [_part(node, start, end) for start, end in pairwise(ends)]


def cut_at_end(node: Node) -> list[Node]:
    """The node in pieces of full size, the rest last: for a list that grows at its end."""
    return _cut_filled(node, most(node))


def _part(node: Node, start: int, end: int) -> Node:
    if isinstance(node, Leaf):
        return Leaf(node.entries[start:end])
    return Branch(node.children[start:end])


def merged(left: Node, right: Node) -> Node:
    """Two neighbours of one level as one."""
    if isinstance(left, Leaf) and isinstance(right, Leaf):
        return Leaf((*left.entries, *right.entries))
    assert isinstance(left, Branch)
    assert isinstance(right, Branch)
    return Branch((*left.children, *right.children))


def build(entries: Sequence[Entry], new_name: Callable[[], str], *, fill: float = 1) -> dict[str, Node]:
    """A whole tree of entries in order, by the names of its nodes, each filled to a part of its size."""
    nodes: dict[str, Node] = {}
    top: Node = Leaf(tuple(entries))
    level = build_leaves(entries, fill) if size(top) > most(top) else [top]
    most_of_root = ROOT_OF_LEAVES_MOST
    while len(level) > 1:
        top = Branch(tuple(name_pieces(LOWEST, level, nodes, new_name)))
        fits = size(top) <= min(most_of_root, most(top, ROOT))
        level = [top] if fits else _cut_filled(top, max(2, int(most(top) * fill)))
        most_of_root = ROOT_MOST
    nodes[ROOT] = level[0]
    return nodes


def build_leaves(entries: Sequence[Entry], fill: float = 1) -> list[Node]:
    """Entries in order as leaves, each filled to a part of its size; an empty one where there are none."""
    leaf = Leaf(tuple(entries))
    return _cut_filled(leaf, max(1, int(most(leaf) * fill)))


def build_children(
    entries: Sequence[Entry], low: Key, height: int, nodes: dict[str, Node], new_name: Callable[[], str]
) -> list[Child]:
    """Entries in order as children of a branch, so many levels above the leaves; their nodes join `nodes`."""
    children = name_pieces(low, build_leaves(entries, 0.7), nodes, new_name)
    for _ in range(height):
        branch = Branch(tuple(children))
        level = _cut_filled(branch, most(branch) * 7 // 10)
        children = name_pieces(low, level, nodes, new_name)
    return children


def name_pieces(
    low: Key, pieces: Sequence[Node], nodes: dict[str, Node], new_name: Callable[[], str]
) -> list[Child]:
    """New nodes (of version 1), the first of which begins at `low`, as their branch names them."""
    names = [new_name() for _ in pieces]
    nodes |= zip(names, pieces, strict=True)
    lows = [low, *(_between(left, right) for left, right in pairwise(pieces))]
    return [
        Child(begins, name, 1, total(piece)) for begins, name, piece in zip(lows, names, pieces, strict=True)
    ]


def _between(left: Node, right: Node) -> Key:
    """A key above all of the left node and not above any of the right one, as short as can be."""
    if isinstance(left, Leaf) and isinstance(right, Leaf):
        first = right.entries[0]
        return (first.time, "") if left.entries[-1].time < first.time else first.key
    assert isinstance(right, Branch)
    return right.children[0].low


def _cut_filled(node: Node, largest: int) -> list[Node]:
    return [_part(node, start, start + largest) for start in range(0, max(1, size(node)), largest)]
