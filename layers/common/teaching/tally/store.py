"""Reading the count trees: what lists and statistics ask of them."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from teaching.errors import Unavailable
from teaching.tally import tree
from teaching.tally.nodes import read_nodes
from teaching.tally.pages import HIGHEST, LOWEST, Window, window
from teaching.tally.tree import EMPTY, ROOT, Branch, Entry, Key, Leaf, MissingNode, Sum, Wanted


def totals(list_name: str) -> Sum:
    """Rows by status and the sum of graded scores. One round trip, one unit or less."""
    return tree.total(read_nodes([(list_name, ROOT)]).get((list_name, ROOT), EMPTY))


def rows_at(
    lists: Sequence[str], wanted: Wanted, offset: int, limit: int, extra: Iterable[Entry] = ()
) -> Window:
    """The page of the merged lists, in a round trip for each level of the deepest (`pages.window`).

    Raises `Unavailable` when the trees change faster than they can be read.
    """
    given = list(extra)
    for consistent in (False, True, True):
        try:
            return window(lists, wanted, offset, limit, partial(read_nodes, consistent=consistent), given)
        except MissingNode:
            continue
    raise Unavailable()


def entries(lists: Sequence[str]) -> dict[str, list[Entry]]:
    """Every entry of some short lists: one round trip where each is a single node (`tree.ROOT_MOST`)."""
    found: dict[str, list[Entry]] = {name: [] for name in lists}
    wanted = [(name, ROOT) for name in lists]
    while wanted:
        nodes = read_nodes(wanted)
        wanted = []
        for (name, _), node in nodes.items():
            if isinstance(node, Leaf):
                found[name] += node.entries
            else:
                wanted += [(name, child.node) for child in node.children]
    return found


class Stretch(NamedTuple):
    """One leaf of a list, and the keys that belong there: from `low` up to and without `high`."""

    low: Key
    high: Key
    entries: tuple[Entry, ...]
    agrees: bool
    """Whether the sums in the branches above are those of what is below them."""


def stretches(list_name: str, below: Key = HIGHEST) -> Iterator[Stretch]:
    """A list leaf by leaf, downwards, where it begins below a key; a lost node counts as an empty leaf."""
    waiting: list[tuple[Key, Key, str, Sum | None, bool]] = [(LOWEST, HIGHEST, ROOT, None, True)]
    while waiting:
        low, high, name, expected, agrees = waiting.pop()
        if low >= below:
            continue
        node = read_nodes([(list_name, name)], consistent=True).get((list_name, name), EMPTY)
        agrees &= expected in (None, tree.total(node))
        if isinstance(node, Branch):
            lows = [low, *(child.low for child in node.children[1:])]
            for child, begin, end in zip(node.children, lows, [*lows[1:], high], strict=True):
                waiting.append((begin, end, child.node, child.sum, agrees))
        else:
            yield Stretch(low, high, node.entries, agrees)
