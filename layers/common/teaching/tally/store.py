"""Reading the count trees: what lists and statistics ask of them.

Readers go beside writers: a node may be cut or merged between the reading of its branch and its own. Then
it is read again, at last consistently. What is wrong even so is damage, and is told as such rather than
answered: `Damaged`, which is 503 and makes for the list's mending.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial

from teaching import dynamo
from teaching.errors import Damaged
from teaching.tally import tree
from teaching.tally.nodes import NodeName, read_nodes
from teaching.tally.pages import Window, window
from teaching.tally.tree import ROOT, Entry, Leaf, Sum, Wanted

TRIES = 3
"""How often a list is read while it changes too fast, before it counts as damaged."""


def totals(list_name: str) -> Sum | None:
    """The rows of a list by label and the sum of their scores; None where there is no such list (yet).

    One round trip, one unit or less. Raises `Damaged`.
    """
    stored = read_nodes([(list_name, ROOT)], consistent=False).get((list_name, ROOT))
    if stored is None:
        return None
    if stored.node is None:
        raise Damaged(list_name, ROOT)
    return tree.total(stored.node)


def rows_at(
    lists: Sequence[str], wanted: Wanted, offset: int, limit: int, extra: Iterable[Entry] = ()
) -> Window:
    """The page of the merged lists, in a round trip for each level of the deepest (`pages.window`).

    Raises `Damaged`.
    """
    given = list(extra)
    for attempt in range(TRIES):
        read = partial(read_nodes, consistent=attempt > 0)
        with suppress(Damaged):
            return window(lists, wanted, offset, limit, read, given)
        dynamo.pause(attempt)
    return window(lists, wanted, offset, limit, partial(read_nodes, consistent=True), given)


def entries(lists: Sequence[str]) -> dict[str, list[Entry]]:
    """Every entry of some short lists: one round trip where each is a single node (`tree.LEAF_MOST`).

    Raises `Damaged`.
    """
    try:
        return _whole(lists, consistent=False)
    except Damaged:
        return _whole(lists, consistent=True)


def _whole(lists: Sequence[str], *, consistent: bool) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {name: [] for name in lists}
    wanted: list[NodeName] = [(name, ROOT) for name in lists]
    while wanted:
        nodes = read_nodes(wanted, consistent=consistent)
        below: list[NodeName] = []
        for list_name, name in wanted:
            stored = nodes.get((list_name, name))
            if stored is None and name == ROOT:
                continue
            if stored is None or stored.node is None:
                raise Damaged(list_name, name)
            if isinstance(stored.node, Leaf):
                found[list_name] += stored.node.entries
            else:
                below += [(list_name, child.node) for child in stored.node.children]
        wanted = below
    return found
