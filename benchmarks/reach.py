"""How many rows a list may have until some page of it takes five trips, by the order in which they came.

A tree of three levels costs three trips, and the rows a fourth. The tree is grown in memory, insert by
insert, until it has a fourth level; nothing here asks DynamoDB.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import chain, count, islice, pairwise
from random import Random
from uuid import UUID

from benchmarks.load import END, SEED
from teaching import clock
from teaching.tally import tree
from teaching.tally.tree import EMPTY, LOWEST, ROOT, Branch, Change, Entry, Leaf, Node

LEVELS = 3
WANTED = 1_100_000
MOST = 1_200_000
_WINDOW = 10_000

Places = Iterator[int]
"""Where in the list each row belongs, in the order in which the rows come."""


def ascending(rng: Random) -> Places:
    return count()


def descending(rng: Random) -> Places:
    return count(0, -1)


def behind_a_newer_row(rng: Random) -> Places:
    """In order, but for one that lies ahead of them all."""
    return chain([MOST], count())


def shuffled_in_windows(rng: Random) -> Places:
    """In order from afar: those of a day or so in any order."""
    for start in count(0, _WINDOW):
        yield from rng.sample(range(start, start + _WINDOW), _WINDOW)


def at_random(rng: Random) -> Places:
    return (rng.randrange(-(10**9), 10**9) for _ in count())


ORDERS: dict[str, Callable[[Random], Places]] = {
    "in order": ascending,
    "newest first": descending,
    "in order behind one newer row": behind_a_newer_row,
    "shuffled in windows of 10,000": shuffled_in_windows,
    "at random": at_random,
}


def most_rows(order: Callable[[Random], Places], most: int = MOST) -> int:
    """The rows up to which the tree has no level more than `LEVELS`; no more than `most` are tried."""
    rng = Random(SEED)
    nodes: dict[str, Node] = {ROOT: EMPTY}
    names = (f"{number:012x}" for number in count())
    for number, place in enumerate(islice(order(rng), most)):
        identity = str(UUID(int=rng.getrandbits(128), version=4))
        entry = Entry(clock.utc_text(END + timedelta(milliseconds=place)), identity, "submitted")
        if _grow(nodes, entry, names.__next__) > LEVELS:
            return number
    return most


def _grow(nodes: dict[str, Node], entry: Entry, new_name: Callable[[], str]) -> int:
    """Inserts an entry and cuts what it makes too large, as `tally.writer` does; the levels there are."""
    way = [ROOT]
    while isinstance(node := nodes[way[-1]], Branch):
        way.append(tree.child_at(node, entry.key).node)
    leaf = nodes[way[-1]]
    assert isinstance(leaf, Leaf)
    nodes[way[-1]] = tree.change_leaf(leaf, [Change(entry.key, entry, 1)])
    for parent, name in reversed(list(pairwise(way))):
        node, branch = nodes[name], nodes[parent]
        if tree.size(node) <= tree.most(node, name):
            break
        assert isinstance(branch, Branch)
        at_end = branch.children[-1].node == name
        pieces = tree.cut_at_end(node) if at_end else tree.cut(node)
        low = next(child.low for child in branch.children if child.node == name)
        children = tree.name_pieces(low, pieces, nodes, new_name)
        nodes[parent] = tree.replace_children(branch, [name], children)
        del nodes[name]
    root = nodes[ROOT]
    most = tree.ROOT_OF_LEAVES_MOST if len(way) == 2 else tree.most(root, ROOT)
    if tree.size(root) <= most:
        return len(way)
    nodes[ROOT] = Branch(tuple(tree.name_pieces(LOWEST, tree.cut(root, least=2), nodes, new_name)))
    return len(way) + 1
