"""Reading the count trees: what lists and statistics ask of them.

Readers go beside writers: a node may be cut or merged between the reading of its branch and its own. Then
it is read again, at last consistently. What is wrong even so is damage, and is told as such rather than
answered: `Damaged`, which is 503 and makes for the list's mending.
"""

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from teaching import dynamo
from teaching.errors import Damaged
from teaching.tally import tree
from teaching.tally.nodes import NodeName, Stored, once_made, read_list, read_nodes
from teaching.tally.pages import EVERYTHING, Bounds, Window, window
from teaching.tally.tree import ROOT, Entry, Leaf, Sum, Wanted

TRIES = 3
"""How often a list is read while it changes too fast, before it counts as damaged."""


def totals(list_name: str) -> Sum | None:
    """The rows of a list by label and the sum of their scores; None where there is no such list (yet).

    One round trip, one unit or less up to a million rows; another where there is no root. Raises `Damaged`.
    """
    root = (list_name, ROOT)
    try:
        stored = _read([root], consistent=False).get(root)
    except Damaged:
        stored = _read([root], consistent=True).get(root)
    if stored is None:
        return None
    if stored.node is None:
        raise Damaged(list_name, ROOT)
    return tree.total(stored.node)


def rows_at(
    lists: Sequence[str],
    wanted: Wanted,
    offset: int,
    limit: int,
    extra: Iterable[Entry] = (),
    bounds: Bounds = EVERYTHING,
) -> Window:
    """The page of the merged lists, in a round trip for each level of the deepest (`pages.window`), and one
    more where some have no root.

    Raises `Damaged`.
    """
    given = list(extra)
    for attempt in range(TRIES):
        read = partial(_read, consistent=attempt > 0)
        with suppress(Damaged):
            return window(lists, wanted, offset, limit, read, given, bounds)
        dynamo.pause(attempt)
    return window(lists, wanted, offset, limit, partial(_read, consistent=True), given, bounds)


def entries(lists: Sequence[str]) -> dict[str, list[Entry]]:
    """Every entry of some short lists: one round trip where each is a single node (`tree.WHOLE_MOST`).

    Raises `Damaged`.
    """
    try:
        return _whole(lists, consistent=False)
    except Damaged:
        return _whole(lists, consistent=True)


def whole(list_name: str) -> list[Entry] | None:
    """Every entry of one list, newest first; None where there is no such list (yet).

    One round trip for some ten thousand rows, half a unit for 100 of them; one for each level more where a
    node was cut meanwhile. Raises `Damaged`.
    """
    nodes = read_list(list_name)
    if nodes is None:
        return None
    with suppress(Damaged):
        if (list_name, ROOT) in nodes:
            return window([list_name], _any, 0, sys.maxsize, partial(_among, nodes)).rows
    return rows_at([list_name], _any, 0, sys.maxsize).rows


def _among(nodes: Mapping[NodeName, Stored], names: Collection[NodeName]) -> dict[NodeName, Stored]:
    return {name: nodes[name] for name in names if name in nodes}


def _any(label: str) -> bool:
    return True


def _whole(lists: Sequence[str], *, consistent: bool) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {name: [] for name in lists}
    wanted: list[NodeName] = [(name, ROOT) for name in lists]
    while wanted:
        nodes = _read(wanted, consistent=consistent)
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


def _read(names: Collection[NodeName], *, consistent: bool) -> dict[NodeName, Stored]:
    """`read_nodes`; where a root is not there, one more round trip tells whether it is lost.

    Raises `Damaged`.
    """
    found = read_nodes(names, consistent=consistent)
    rootless = [name[0] for name in names if name[1] == ROOT and name not in found]
    for list_name in once_made(rootless, consistent=consistent):
        raise Damaged(list_name, ROOT)
    return found
