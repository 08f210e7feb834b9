"""Checking lists against the rows that they are of, and mending what differs.

A list is walked from its newest row down, leaf by leaf, beside the index that holds the same rows. A
difference is only a suspicion, for rows go on changing: `apply` reads anew and puts right. What can never
be, however things change meanwhile, is damage: a node that is lost or cannot be read, entries outside
their leaf's bounds, a branch that is wrong about the very version of a child that is there. Then the
node, and all below it, is built anew from the rows.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from teaching import dynamo
from teaching.dynamo import ConditionFailed
from teaching.errors import Unavailable
from teaching.tally import tree
from teaching.tally.apply import Applied, apply
from teaching.tally.nodes import MADE, Place, Stored, new_name, node_row, put_node, read_nodes, table
from teaching.tally.source import Listed, Source
from teaching.tally.tree import HIGHEST, LOWEST, ROOT, Branch, Change, Child, Entry, Key, Leaf, Node
from teaching.tally.writer import write_lists

NODES_AT_ONCE = 100
MENDS_MOST = 1000
"""Damaged places that one call mends."""


class Checked(NamedTuple):
    applied: Applied
    below: Key | None
    """The key below which to go on; None when the list came to its end."""


def check_list(source: Source, list_name: str, below: Key, has_time: Callable[[], bool]) -> Checked:
    """Checks a list from a key downwards for as long as there is time, and mends what differs."""
    drifted, failed, damaged = 0, frozenset[str](), frozenset[str]()
    for stretch in walk(list_name, below):
        if stretch.damage:
            mend_list(source, list_name)
            damaged = frozenset({list_name})
        if stretch.behind:
            # A writer that comes by, though it changes nothing, tells the branches above.
            write_lists({list_name: {stretch.low: Change(stretch.low, None, 0)}})
            drifted += 1
            continue
        applied = _check_stretch(source, list_name, stretch)
        drifted += applied.drifted
        failed |= applied.failed
        if not has_time() and stretch.low != LOWEST:
            return Checked(Applied(drifted, failed, damaged), stretch.low)
    return Checked(Applied(drifted, failed, damaged), None)


def _check_stretch(source: Source, list_name: str, stretch: "Stretch") -> Applied:
    known: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in stretch.entries:
        known[entry.id].append(entry)
    suspects: dict[str, set[Place]] = {}
    for listed in source.listed(list_name, stretch.low, stretch.high):
        entries = known.pop(listed.id, [])
        if not entries and listed.key is None and not stretch.is_whole:
            # It may well be in another part of the list.
            continue
        if len(entries) != 1 or _differs(entries[0], listed):
            suspects[source.counted_id(listed.id)] = {(list_name, entry.key) for entry in entries}
    for identity, entries in known.items():
        suspects[source.counted_id(identity)] = {(list_name, entry.key) for entry in entries}
    return apply(suspects, source.current, repair=suspects)


def _differs(entry: Entry, listed: Listed) -> bool:
    pairs = (
        (listed.key, entry.key),
        (listed.label, entry.label),
        (listed.score, entry.score),
        (listed.tags, entry.tags),
    )
    return any(told is not None and told != known for told, known in pairs)


class Damage(NamedTuple):
    """A node that has to be built anew: the way to it, and how high above the leaves it stands."""

    way: tuple[str, ...]
    """The names from the root to the node."""
    height: int


class Stretch(NamedTuple):
    """Some neighbouring leaves of a list, and the keys that belong there: from `low` up to without `high`."""

    low: Key
    high: Key
    entries: tuple[Entry, ...]
    damage: Damage | None
    behind: bool = False
    """Nothing but a word that the node here is newer than its branch knows, and counts otherwise: its writer
    was cut short, or is at it."""

    @property
    def is_whole(self) -> bool:
        return (self.low, self.high) == (LOWEST, HIGHEST)


class _Below(NamedTuple):
    """A child on the way down, and the keys that belong there."""

    low: Key
    high: Key
    child: Child
    way: tuple[str, ...]


def walk(list_name: str, below: Key = HIGHEST, *, consistent: bool = False) -> Iterator[Stretch]:
    """A list downwards from a key, as many leaves at once as one request reads."""
    root = read_nodes([(list_name, ROOT)], consistent=consistent).get((list_name, ROOT))
    if root is None or root.node is None:
        yield Stretch(LOWEST, HIGHEST, (), Damage((ROOT,), 0))
    elif isinstance(root.node, Leaf):
        yield Stretch(LOWEST, HIGHEST, root.node.entries, None)
    else:
        yield from _walk_children(list_name, root.node, LOWEST, HIGHEST, (ROOT,), below, consistent)


def _walk_children(
    list_name: str,
    branch: Branch,
    low: Key,
    high: Key,
    way: tuple[str, ...],
    below: Key,
    consistent: bool,
) -> Iterator[Stretch]:
    lows = [low, *(child.low for child in branch.children[1:])]
    children = [
        _Below(begins, ends, child, (*way, child.node))
        for begins, ends, child in zip(lows, [*lows[1:], high], branch.children, strict=True)
        if begins < below
    ]
    for some in dynamo.chunked(reversed(children), NODES_AT_ONCE):
        names = [(list_name, each.child.node) for each in some]
        found = read_nodes(names, consistent=consistent)
        nodes = [_sound(each, found.get((list_name, each.child.node))) for each in some]
        for each in some:
            stored = found.get((list_name, each.child.node))
            if stored and stored.version > each.child.version and _counts_otherwise(stored, each.child):
                yield Stretch(each.low, each.high, (), None, behind=True)
        height = next((_height(list_name, node) for node in nodes if node), 0)
        if height or None in nodes:
            for each, node in zip(some, nodes, strict=True):
                if node is None:
                    yield Stretch(each.low, each.high, (), Damage(each.way, height))
                elif isinstance(node, Leaf):
                    yield Stretch(each.low, each.high, node.entries, None)
                else:
                    yield from _walk_children(
                        list_name, node, each.low, each.high, each.way, below, consistent
                    )
        else:
            entries = [entry for node in reversed(nodes) if isinstance(node, Leaf) for entry in node.entries]
            yield Stretch(some[-1].low, some[0].high, tuple(entries), None)


def _counts_otherwise(stored: Stored, child: Child) -> bool:
    return stored.node is not None and tree.total(stored.node) != child.sum


def _sound(below: _Below, stored: Stored | None) -> Node | None:
    """The node of a child, if it can be what its branch says that it is."""
    if stored is None or stored.node is None:
        return None
    if stored.version == below.child.version and tree.total(stored.node) != below.child.sum:
        return None
    return stored.node if tree.lies_within(stored.node, below.low, below.high) else None


def _height(list_name: str, node: Node) -> int:
    """How many levels above the leaves a node stands, as far as one can see; 0 for a leaf."""
    height = 0
    while isinstance(node, Branch):
        height += 1
        names = [(list_name, child.node) for child in node.children]
        found = read_nodes(names, consistent=True)
        below = next((stored.node for stored in found.values() if stored.node), None)
        if below is None:
            break
        node = below
    return height


def mend_list(source: Source, list_name: str) -> None:
    """Builds every damaged node of a list anew. Raises `Unavailable` when others keep changing it."""
    for attempt in range(MENDS_MOST):
        damage = next((stretch for stretch in walk(list_name, consistent=True) if stretch.damage), None)
        if damage is None:
            return
        try:
            _rebuild(source, list_name, damage)
        except ConditionFailed:
            dynamo.pause(min(attempt, 8))
    raise Unavailable()


def _rebuild(source: Source, list_name: str, stretch: Stretch) -> None:
    """Puts new nodes, made of the rows, in the place of a damaged one. Raises `ConditionFailed`."""
    assert stretch.damage
    *above, name = stretch.damage.way
    entries = _entries_of(source, list_name, stretch.low, stretch.high)
    if not above:
        _rebuild_root(list_name, entries)
        return
    parent = read_nodes([(list_name, above[-1])], consistent=True).get((list_name, above[-1]))
    if parent is None or not isinstance(parent.node, Branch):
        raise ConditionFailed
    if all(child.node != name for child in parent.node.children):
        raise ConditionFailed
    nodes: dict[str, Node] = {}
    children = tree.build_children(entries, stretch.low, stretch.damage.height, nodes, new_name)
    _put_nodes(list_name, nodes)
    branch = tree.replace_children(parent.node, [name], children)
    row = node_row((list_name, above[-1]), branch, parent.version + 1)
    dynamo.put_from(table(), row, parent.version)
    dynamo.delete(table(), {"list": list_name, "node": name})
    # What is above the branch is told of its new version as by any writer.
    write_lists({list_name: {stretch.low: Change(stretch.low, None, 0)}})


def _rebuild_root(list_name: str, entries: list[Entry]) -> None:
    """The whole list; what stood below the old root goes away."""
    old = [
        row["node"] for row in dynamo.query(table(), "#list = :list", {":list": list_name}, consistent=True)
    ]
    root = read_nodes([(list_name, ROOT)], consistent=True).get((list_name, ROOT), Stored(None, 0))
    nodes = tree.build(entries, new_name, fill=0.7)
    top = nodes.pop(ROOT)
    _put_nodes(list_name, nodes)
    put_node((list_name, ROOT), top, root.version)
    gone = [{"list": list_name, "node": node} for node in old if node not in (ROOT, MADE)]
    dynamo.at_once(*[partial(dynamo.delete, table(), key) for key in gone])


def _entries_of(source: Source, list_name: str, low: Key, high: Key) -> list[Entry]:
    """What the rows say that a list holds between two keys."""
    ids = [source.counted_id(listed.id) for listed in source.listed(list_name, low, high)]
    entries = []
    for some in dynamo.chunked(ids, 1000):
        for counted in source.current(some).values():
            entry = counted.entries.get(list_name)
            if entry and low <= entry.key < high:
                entries.append(entry)
    return sorted(entries, key=lambda entry: entry.key)


def _put_nodes(list_name: str, nodes: dict[str, Node]) -> None:
    rows = [node_row((list_name, name), node, 1) for name, node in nodes.items()]
    dynamo.at_once(*[partial(dynamo.put, table(), row) for row in rows])
