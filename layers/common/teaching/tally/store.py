"""Reading the count trees: what lists and statistics ask of them."""

from collections.abc import Collection, Iterable, Sequence
from functools import partial

from teaching.errors import Unavailable
from teaching.tally import tree
from teaching.tally.nodes import NodeName
from teaching.tally.nodes import read_nodes as read_stored
from teaching.tally.pages import MissingNode, Window, window
from teaching.tally.tree import EMPTY, ROOT, Entry, Leaf, Node, Sum, Wanted


def read_nodes(names: Collection[NodeName], *, consistent: bool = False) -> dict[NodeName, Node]:
    """Nodes by their names, in one round trip; what is not there is left out.

    Raises `MissingNode` for what cannot be read.
    """
    found = {}
    for name, stored in read_stored(names, consistent=consistent).items():
        if stored.node is None:
            raise MissingNode(*name)
        found[name] = stored.node
    return found


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
