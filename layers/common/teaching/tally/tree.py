"""One list as a counted B+ tree: pure, in memory, over nodes that somebody else loads and stores.

The idea: a list (all submissions, those of one asesor, …) is a sorted set of small entries. Leaves
hold the entries, branches hold for each child where it begins and the sum of what is below it: rows
by status, and the scores of the graded ones. So the root alone gives every total and average, and
one node of each level leads to the row at any offset: with nodes two thirds full, three levels reach a
million rows, wherever in time they bunch.

Nodes are immutable. `insert` and `remove` are set operations, so repeating one changes nothing. A
node that overflows is split: evenly in the middle, but at the end where rows are appended in order,
so that an ever-growing list has full leaves. An emptied node goes away; nothing is ever rebalanced.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, MutableMapping
from decimal import Decimal
from typing import NamedTuple

ROOT = "root"
LEAF_MOST = 192
BRANCH_MOST = 160
"""Chosen so that a full node is read with one unit (8 KB) or less, and"""
ROOT_MOST = 80
"""children or entries of a root with half a unit: every request reads one."""

Key = tuple[str, str]
"""(sort text, id): the total order of a list. The sort text is a time."""


class Entry(NamedTuple):
    time: str
    id: str
    label: str
    """What it is counted as: a status, in some lists with more that they are filtered by."""
    score: Decimal = Decimal(0)
    """What counts towards the average: the score of a graded submission, else 0."""
    tags: tuple[str, ...] = ()
    """What a short list that is read whole is filtered by."""

    @property
    def key(self) -> Key:
        return self.time, self.id


class Sum(NamedTuple):
    """What is below a node."""

    counts: Mapping[str, int]
    scores: Decimal

    def of(self, wanted: "Wanted") -> int:
        """The rows whose label is wanted."""
        return sum(count for label, count in self.counts.items() if wanted(label))


Wanted = Callable[[str], bool]
"""Tells the labels that are asked for."""


class Leaf(NamedTuple):
    entries: tuple[Entry, ...]


class Child(NamedTuple):
    low: Key
    node: str
    sum: Sum


class Branch(NamedTuple):
    children: tuple[Child, ...]


Node = Leaf | Branch
Nodes = MutableMapping[str, Node | None]
"""Nodes by their name; None marks one that was removed."""

EMPTY = Leaf(())


class MissingNode(Exception):
    """A branch names a node that is not there: it was read while it changed, or is damaged."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def total(node: Node) -> Sum:
    """The sum of all that is at or below the node."""
    counts: dict[str, int] = {}
    scores = Decimal(0)
    if isinstance(node, Leaf):
        for entry in node.entries:
            counts[entry.label] = counts.get(entry.label, 0) + 1
            scores += entry.score
    else:
        for child in node.children:
            for label, count in child.sum.counts.items():
                counts[label] = counts.get(label, 0) + count
            scores += child.sum.scores
    return Sum(counts, scores)


def child_at(branch: Branch, key: Key) -> int:
    """Which child holds the key; the first child reaches down without end."""
    return max(0, bisect_right(branch.children, key, key=lambda child: child.low) - 1)


def insert(nodes: Nodes, entry: Entry, new_name: Callable[[], str]) -> None:
    """Raises `MissingNode`."""
    path, leaf = descend(nodes, entry.key)
    at = bisect_left(leaf.entries, entry.key)
    known = at < len(leaf.entries) and leaf.entries[at].key == entry.key
    entries = (*leaf.entries[:at], entry, *leaf.entries[at + known :])
    if entries != leaf.entries:
        last = entries[-1] is entry and all(step.at == len(step.branch.children) - 1 for step in path)
        _put_back(nodes, path, Leaf(entries), new_name, last)


def remove(nodes: Nodes, key: Key, new_name: Callable[[], str]) -> None:
    """Raises `MissingNode`."""
    path, leaf = descend(nodes, key)
    at = bisect_left(leaf.entries, key)
    if at < len(leaf.entries) and leaf.entries[at].key == key:
        _put_back(nodes, path, Leaf((*leaf.entries[:at], *leaf.entries[at + 1 :])), new_name, False)


def resum(nodes: Nodes, key: Key, new_name: Callable[[], str]) -> None:
    """Brings the sums on the way to the key's leaf in line with that leaf. Raises `MissingNode`."""
    path, leaf = descend(nodes, key)
    _put_back(nodes, path, leaf, new_name, False)


class Step(NamedTuple):
    """One branch on the way to a leaf, and which of its children the way takes."""

    branch: Branch
    at: int


def descend(nodes: Mapping[str, Node | None], key: Key) -> tuple[list[Step], Leaf]:
    """The way to the leaf that is the key's place. Raises `MissingNode`."""
    path: list[Step] = []
    node: Node | None = nodes.get(ROOT) or EMPTY
    while isinstance(node, Branch):
        path.append(Step(node, child_at(node, key)))
        name = node.children[path[-1].at].node
        node = nodes.get(name)
        if node is None:
            raise MissingNode(name)
    return path, node or EMPTY


def _put_back(nodes: Nodes, path: list[Step], node: Node, new_name: Callable[[], str], last: bool) -> None:
    """Stores the changed leaf and, up to the root, the branches whose sums change with it."""
    for branch, at in reversed(path):
        child = branch.children[at]
        nodes[child.node] = None
        pieces = _pieces(node, last, LEAF_MOST if isinstance(node, Leaf) else BRANCH_MOST)
        names = [child.node, *(new_name() for _ in pieces[1:])]
        node = Branch(
            (*branch.children[:at], *_shelve(nodes, child.low, names, pieces), *branch.children[at + 1 :])
        )
    pieces = _pieces(node, last, ROOT_MOST)
    if len(pieces) > 1:
        nodes[ROOT] = Branch(_shelve(nodes, ("", ""), [new_name() for _ in pieces], pieces))
    else:
        nodes[ROOT] = pieces[0] if pieces else EMPTY


def _shelve(nodes: Nodes, low: Key, names: list[str], pieces: list[Node]) -> tuple[Child, ...]:
    """Stores the pieces, the first of which begins at `low`, and says how a branch names them."""
    children: list[Child] = []
    for name, piece in zip(names, pieces, strict=False):
        nodes[name] = piece
        begins = _between(pieces[len(children) - 1], piece) if children else low
        children.append(Child(begins, name, total(piece)))
    return tuple(children)


def _between(left: Node, right: Node) -> Key:
    """A key above all of the left node and not above any of the right one, as short as can be."""
    if isinstance(left, Leaf) and isinstance(right, Leaf):
        first = right.entries[0]
        return (first.time, "") if left.entries[-1].time < first.time else first.key
    assert isinstance(right, Branch)
    return right.children[0].low


def _pieces(node: Node, last: bool, most: int) -> list[Node]:
    """The node, in two where it overflows, none where it is empty; the last of a list leaves a full one."""
    length = len(node.entries) if isinstance(node, Leaf) else len(node.children)
    cut = length if length <= most else most if last else length // 2
    if isinstance(node, Leaf):
        return [Leaf(part) for part in (node.entries[:cut], node.entries[cut:]) if part]
    return [Branch(part) for part in (node.children[:cut], node.children[cut:]) if part]
