"""STAND-IN for what `teaching.tally.nodes` is going to provide itself: `build` and `ledger_row`.

To be deleted once it does; `benchmarks.load` is the only one to import it.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from random import Random
from typing import TypeVar

from teaching import dynamo
from teaching.dynamo import Item
from teaching.tally import tree
from teaching.tally.nodes import Counted, Ledger, ledger_write, node_write
from teaching.tally.pages import LOWEST
from teaching.tally.tree import BRANCH_MOST, LEAF_MOST, ROOT, ROOT_MOST, Branch, Child, Entry, Key, Leaf, Node

Thing = TypeVar("Thing")


def build(list_name: str, entries: Sequence[Entry]) -> Iterator[Item]:
    """The rows of a list's nodes, its entries sorted: as full as random growth leaves them."""
    rng = Random(list_name)
    if len(entries) <= ROOT_MOST:
        yield _row(list_name, ROOT, Leaf(tuple(entries)))
        return
    nodes: dict[str, Node] = {}

    def child(low: Key, node: Node) -> Child:
        name = f"{rng.getrandbits(48):012x}"
        nodes[name] = node
        return Child(low, name, tree.total(node))

    parts = list(_parts(entries, LEAF_MOST, rng))
    begins = [
        (after[0].time, "" if before[-1].time < after[0].time else after[0].id)
        for before, after in pairwise(parts)
    ]
    children = [child(low, Leaf(tuple(part))) for low, part in zip([LOWEST, *begins], parts, strict=True)]
    while len(children) > ROOT_MOST:
        children = [child(part[0].low, Branch(tuple(part))) for part in _parts(children, BRANCH_MOST, rng)]
    for name, node in nodes.items():
        yield _row(list_name, name, node)
    yield _row(list_name, ROOT, Branch(tuple(children)))


def ledger_row(identity: str, counted: Counted) -> Item:
    return dynamo.from_item(ledger_write(identity, Ledger(0, counted))["Put"]["Item"])


def _row(list_name: str, name: str, node: Node) -> Item:
    write = node_write((list_name, name), node, 0)
    assert write
    return dynamo.from_item(write["Put"]["Item"])


def _parts(things: Sequence[Thing], most: int, rng: Random) -> Iterator[Sequence[Thing]]:
    """For nodes between half full and full, 69 % on average: as they are when rows come in any order."""
    start = 0
    while start < len(things):
        length = int(most / (2 - rng.random()))
        yield things[start : start + length]
        start += length
