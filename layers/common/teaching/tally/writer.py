"""Changing the trees in the table: node by node from the leaves up, each put on the version that was read.

There is no transaction about a change, and none is needed:

- A leaf is put with its changes; making them again changes nothing.
- Then its branch notes the leaf's new version and sum, then the root the branch's. A branch takes only
  what is newer than what it knows, so the order in which several writers come to it does not matter.
- Whoever is cut short in between has left a branch that speaks of an older version than the node below
  it has. Everybody who comes that way sees it and brings the branch up to date.

Only where children of a branch change (a node is cut, neighbours are merged) the new rows are written,
the old ones deleted and the branch put in one transaction. The new ones have new names: a node's keys
never change hands, so whoever comes by an older branch finds the right node or none, never a wrong one.
"""

import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from teaching import dynamo
from teaching.dynamo import ConditionFailed
from teaching.errors import Damaged, Unavailable
from teaching.tally import tree
from teaching.tally.nodes import (
    NodeName,
    Place,
    Stored,
    new_name,
    node_row,
    once_made,
    put_node,
    read_nodes,
    table,
)
from teaching.tally.tree import EMPTY, LOWEST, ROOT, Branch, Change, Child, Entry, Key, Leaf, Node

TRIES = 12
"""How often in a row a list may be overtaken by others, or its table not answer, without any progress."""
TRIES_OF_DAMAGED = 8
"""How often a way that leads nowhere is tried: a node may just have been cut or merged."""
LISTS_AT_ONCE = 64
"""Lists that are read together and then written: the more, the fewer requests; the fewer, the less time
in which others may change what was read."""
THIN = 4
"""A node of less than this part of its size is merged with its neighbour."""

Changes = Mapping[str, Mapping[Key, Change]]
"""By list, what shall stand at which keys."""


class Written(NamedTuple):
    faults: dict[str, Exception]
    """The lists where it failed, and why."""
    changed: set[Place]
    """Where something else stood before."""


Outdated = Callable[[Collection[Place]], Collection[Place]]
"""Of the places where leaves, as they were just read, hold nothing and shall hold an entry: those where they
shall not any more.
"""


def write_lists(changes: Changes, outdated: Outdated = lambda added: ()) -> Written:
    """Makes the changes in every list, as far as that is possible, but for those that become outdated.

    The lists are taken in random order, so that several writers seldom come to one at the same time.
    """
    written = Written({}, set())
    names = random.sample(list(changes), len(changes))
    for some in dynamo.chunked(names, LISTS_AT_ONCE):
        _write_some({name: changes[name] for name in some}, outdated, written)
    return written


def _write_some(changes: Changes, outdated: Outdated, written: Written) -> None:
    """What fails for another reason than being overtaken is looked for list by list."""
    try:
        written.faults.update(_write_together(changes, outdated, written.changed))
    except Exception as fault:
        if len(changes) == 1:
            written.faults.update(dict.fromkeys(changes, fault))
            return
        for name, of_list in changes.items():
            _write_some({name: of_list}, outdated, written)


def _write_together(changes: Changes, outdated: Outdated, changed: set[Place]) -> dict[str, Exception]:
    """Reads all that is touched, writes it, and goes on with what others were faster at."""
    waiting = {name: dict(of_list) for name, of_list in changes.items()}
    without_progress = 0
    while waiting:
        before = sum(map(len, waiting.values()))
        ways, failing = _read_ways(waiting, consistent=without_progress > 0)
        added = {place for way in ways for place in _added(way, waiting[way.list_name])}
        for list_name, key in outdated(added) if added else ():
            del waiting[list_name][key]
        for way in ways:
            changed |= _differing(way, waiting[way.list_name])
        waiting = _write_ways(ways, waiting) | {name: waiting[name] for name in failing}
        if sum(map(len, waiting.values())) < before:
            without_progress = 0
            continue
        without_progress += 1
        if without_progress == (TRIES if waiting.keys() - failing.keys() else TRIES_OF_DAMAGED):
            return {name: failing.get(name, Unavailable()) for name in waiting}
        dynamo.pause(without_progress)
    return {}


class Way(NamedTuple):
    """What was read of one list: the root, and on each level below it the nodes that lead to the keys."""

    list_name: str
    nodes: dict[str, Stored]
    levels: list[dict[str, list[Key]]]
    """The names on each level, and the keys below each; the last level are leaves."""


def _read_ways(
    keys: Mapping[str, Collection[Key]], *, consistent: bool
) -> tuple[list[Way], dict[str, Exception]]:
    """The ways to all the keys, a level of all lists at a time; and the lists where one leads nowhere."""
    ways = {name: Way(name, {}, [{ROOT: sorted(of_list)}]) for name, of_list in keys.items()}
    failing: dict[str, Exception] = {}
    open_ways = list(ways.values())
    while open_ways:
        wanted = [(way.list_name, name) for way in open_ways for name in way.levels[-1]]
        branches = {name for way in open_ways for name in ([] if consistent else _branches(way))}
        found = _read_level(wanted, branches)
        rootless = [name[0] for name in wanted if name[1] == ROOT and name not in found]
        lost = once_made(rootless, consistent=True)
        for list_name, name in wanted:
            new = name == ROOT and list_name not in lost
            stored = found.get((list_name, name)) or Stored(EMPTY if new else None, 0)
            ways[list_name].nodes[name] = stored
            if stored.node is None:
                failing[list_name] = Damaged(list_name, name)
        open_ways = [way for way in open_ways if way.list_name not in failing and _goes_on(way)]
    return [way for name, way in ways.items() if name not in failing], failing


def _read_level(wanted: Collection[NodeName], branches: Set[NodeName]) -> dict[NodeName, Stored]:
    """The nodes, read consistently but for branches: an old one leads to the right node or to none, and is
    not put over a newer one. Leaves say what stands already, so one that was taken for a branch is read
    again.
    """
    if not branches:
        return read_nodes(wanted, consistent=True)
    found, cheap = dynamo.both(
        lambda: read_nodes([name for name in wanted if name not in branches], consistent=True),
        lambda: read_nodes(branches, consistent=False),
    )
    found |= {name: stored for name, stored in cheap.items() if isinstance(stored.node, Branch)}
    return found | read_nodes(branches - found.keys(), consistent=True)


def _branches(way: Way) -> set[NodeName]:
    """Those of the nodes to be read that must be branches, for more is below them than a leaf holds."""
    above = [way.nodes[name].node for name in way.levels[-2]] if len(way.levels) > 1 else []
    return {
        (way.list_name, child.node)
        for parent in above
        if isinstance(parent, Branch)
        for child in parent.children
        if child.node in way.levels[-1] and sum(child.sum.counts.values()) > tree.WHOLE_MOST
    }


def _goes_on(way: Way) -> bool:
    """Adds the next level of the way, unless the last one are leaves."""
    below: dict[str, list[Key]] = {}
    for name, keys in way.levels[-1].items():
        node = way.nodes[name].node
        if isinstance(node, Branch):
            for key in keys:
                below.setdefault(tree.child_at(node, key).node, []).append(key)
    if below:
        way.levels.append(below)
    return bool(below)


def _entries(way: Way) -> dict[Key, Entry]:
    entries: dict[Key, Entry] = {}
    for name in way.levels[-1]:
        node = way.nodes[name].node
        assert isinstance(node, Leaf)
        entries |= {entry.key: entry for entry in node.entries}
    return entries


def _added(way: Way, changes: Mapping[Key, Change]) -> set[Place]:
    """Where the leaves hold nothing and shall hold an entry."""
    entries = _entries(way)
    return {(way.list_name, key) for key, change in changes.items() if change.entry and key not in entries}


def _differing(way: Way, changes: Mapping[Key, Change]) -> set[Place]:
    """Where the leaves hold something else than they shall."""
    entries = _entries(way)
    return {
        (way.list_name, key)
        for key, change in changes.items()
        if _meaning(entries.get(key)) != _meaning(change.entry)
    }


def _meaning(entry: Entry | None) -> Entry | None:
    """An entry, of whatever version of its row."""
    return entry and entry._replace(version=0)


class _Put(NamedTuple):
    """A node to be put, and the version that it was read in."""

    way: Way
    level: int
    name: str
    node: Node
    version: int
    """0: there is none yet."""


def _write_ways(ways: Sequence[Way], changes: Changes) -> dict[str, dict[Key, Change]]:
    """Puts what changes on the ways, all leaves at once, then all that is above them, level by level.

    Answers the changes that have to be made again, for others changed the same nodes first.
    """
    again: dict[str, dict[Key, Change]] = {}
    for height in range(max((len(way.levels) for way in ways), default=0)):
        puts = [
            put
            for way in ways
            if len(way.levels) > height
            for put in _puts_of(way, len(way.levels) - 1 - height, changes[way.list_name])
        ]
        made = dynamo.at_once(*[partial(_try_put, put) for put in puts])
        for put, done in zip(puts, made, strict=True):
            if not done:
                keys = put.way.levels[put.level][put.name]
                of_list = again.setdefault(put.way.list_name, {})
                of_list |= _of_keys(changes[put.way.list_name], keys)
        dynamo.at_once(
            *[
                partial(_restructure, way, level, changes[way.list_name])
                for way in ways
                if (level := len(way.levels) - 1 - height) >= 0
                and _wants_restructuring(way, level, changes[way.list_name])
            ]
        )
    return again


def _puts_of(way: Way, level: int, changes: Mapping[Key, Change]) -> list[_Put]:
    """The nodes of one level that change, given what is known of the level below."""
    puts = []
    for name, keys in way.levels[level].items():
        stored = way.nodes[name]
        assert stored.node is not None
        if isinstance(stored.node, Leaf):
            of_leaf = _of_keys(changes, keys).values()
            node: Node = tree.change_leaf(stored.node, of_leaf)
            fenced = any(change.fences for change in of_leaf)
        else:
            node = tree.note_children(stored.node, _known_children(way, level, stored.node))
            fenced = False
        if node != stored.node or fenced:
            puts.append(_Put(way, level, name, node, stored.version))
    return puts


def _of_keys(changes: Mapping[Key, Change], keys: Iterable[Key]) -> dict[Key, Change]:
    """The changes at the keys; what is outdated is no more among them."""
    return {key: changes[key] for key in keys if key in changes}


def _known_children(way: Way, level: int, branch: Branch) -> dict[str, Child]:
    """What is known by now of those children of a branch that are on the way."""
    known = {}
    for child in branch.children:
        stored = way.nodes[child.node] if child.node in way.levels[level + 1] else None
        if stored and stored.node is not None:
            known[child.node] = Child(child.low, child.node, stored.version, tree.total(stored.node))
    return known


def _try_put(put: _Put) -> bool:
    """Puts the node; whether that worked. A branch that others have put meanwhile is brought up to date."""
    name = (put.way.list_name, put.name)
    node, version = put.node, put.version
    for attempt in range(TRIES):
        try:
            put_node(name, node, version)
        except (ConditionFailed, Unavailable):
            fresh = _fresh_branch(put)
            if fresh is None:
                return False
            branch, version = fresh
            node = tree.note_children(branch, _known_children(put.way, put.level, branch))
            if node == branch:
                put.way.nodes[put.name] = Stored(node, version)
                return True
            dynamo.pause(attempt)
        else:
            put.way.nodes[put.name] = Stored(node, version + 1)
            return True
    return False


def _fresh_branch(put: _Put) -> tuple[Branch, int] | None:
    """The branch as it is now; None for a leaf, or where it no longer has the children on the way."""
    if isinstance(put.node, Leaf):
        return None
    name = (put.way.list_name, put.name)
    stored = read_nodes([name], consistent=True).get(name)
    if stored is None or not isinstance(stored.node, Branch):
        return None
    keys = put.way.levels[put.level][put.name]
    if any(tree.child_at(stored.node, key).node not in put.way.levels[put.level + 1] for key in keys):
        return None
    return stored.node, stored.version


def _node(way: Way, name: str) -> Node:
    node = way.nodes[name].node
    assert node is not None
    return node


def _wants_restructuring(way: Way, level: int, changes: Mapping[Key, Change]) -> bool:
    return any(
        _is_too_large(way, name) or _has_become_thin(way, level, name, changes) for name in way.levels[level]
    )


def _is_too_large(way: Way, name: str) -> bool:
    node = _node(way, name)
    if name == ROOT and len(way.levels) == 2:
        return tree.size(node) > tree.ROOT_OF_LEAVES_MOST
    return tree.size(node) > tree.most(node, name)


def _has_become_thin(way: Way, level: int, name: str, changes: Mapping[Key, Change]) -> bool:
    """Whether something was taken out of a node of which little is left; of a root, all but one child."""
    node = _node(way, name)
    if name == ROOT:
        return isinstance(node, Branch) and len(node.children) == 1
    here = _of_keys(changes, way.levels[level][name]).values()
    removed = any(change.entry is None for change in here)
    return removed and tree.size(node) < tree.most(node, name) // THIN


def _restructure(way: Way, level: int, changes: Mapping[Key, Change]) -> None:
    """Cuts what has grown over its size and merges what has become thin, as far as others allow.

    What does not work now is done by the next one who comes that way.
    """
    with suppress(ConditionFailed, Unavailable):
        if level == 0:
            _restructure_root(way)
            return
        for parent in list(way.levels[level - 1]):
            _restructure_children(way, level, parent, changes)


def _restructure_children(way: Way, level: int, parent: str, changes: Mapping[Key, Change]) -> None:
    """Cuts the children of one branch, or else merges one of them."""
    branch = way.nodes[parent].node
    assert isinstance(branch, Branch)
    on_way = [child for child in branch.children if child.node in way.levels[level]]
    large = [child for child in on_way if _is_too_large(way, child.node)]
    for child in large:
        stored = way.nodes[child.node]
        assert stored.node is not None
        at_end = child is branch.children[-1]
        pieces = tree.cut_at_end(stored.node) if at_end else tree.cut(stored.node)
        _replace(way, level, parent, [(child.node, stored)], pieces)
    growing = branch.children[-1].node if level == len(way.levels) - 1 else None
    thin = [
        child
        for child in on_way
        if _has_become_thin(way, level, child.node, changes)
        and (child.node != growing or not tree.size(_node(way, growing)))
    ]
    if thin and not large:
        _merge(way, level, parent, thin[0])


def _merge(way: Way, level: int, parent: str, thin: Child) -> None:
    """Makes one node of a thin one and a neighbour, where they have room in one."""
    branch = way.nodes[parent].node
    assert isinstance(branch, Branch)
    at = [child.node for child in branch.children].index(thin.node)
    left = max(0, at - 1)
    pair = [child.node for child in branch.children[left : left + 2]]
    if len(pair) < 2:
        return
    names = [(way.list_name, name) for name in pair]
    found = read_nodes(names, consistent=True)
    gone = [(name, found[way.list_name, name]) for name in pair if (way.list_name, name) in found]
    nodes = [stored.node for _, stored in gone if stored.node is not None]
    if len(nodes) < 2:
        return
    both = tree.merged(*nodes)
    if tree.size(both) <= tree.most(both, thin.node) * 3 // 4 or not all(map(tree.size, nodes)):
        _replace(way, level, parent, gone, [both])


def _replace(
    way: Way, level: int, parent: str, gone: Sequence[tuple[str, Stored]], pieces: Sequence[Node]
) -> None:
    """Puts pieces in the place of neighbouring children, and their branch, in one transaction.

    `gone` is as it was read. Raises `ConditionFailed`, `Unavailable`.
    """
    branch, version = way.nodes[parent]
    assert isinstance(branch, Branch)
    low = next(child.low for child in branch.children if child.node == gone[0][0])
    new: dict[str, Node] = {}
    children = tree.name_pieces(low, pieces, new, new_name)
    noted = tree.note_children(branch, _known_children(way, level - 1, branch))
    above = tree.replace_children(noted, [name for name, _ in gone], children)
    dynamo.transact(
        [
            *[_put_write(way, name, piece, 0) for name, piece in new.items()],
            *[_delete_write(way, name, stored.version) for name, stored in gone],
            _put_write(way, parent, above, version),
        ]
    )
    way.nodes[parent] = Stored(above, version + 1)


def _restructure_root(way: Way) -> None:
    """A root that is too large becomes a branch of its pieces; one with a single child becomes that child."""
    root, version = way.nodes[ROOT]
    assert root is not None
    if _is_too_large(way, ROOT):
        new: dict[str, Node] = {}
        above = Branch(tuple(tree.name_pieces(LOWEST, tree.cut(root, least=2), new, new_name)))
        writes = [_put_write(way, name, piece, 0) for name, piece in new.items()]
        dynamo.transact([*writes, _put_write(way, ROOT, above, version)])
    elif isinstance(root, Branch) and len(root.children) == 1:
        only = root.children[0].node
        stored = way.nodes.get(only)
        if stored and stored.node is not None:
            below = stored.node
            if isinstance(below, Branch):
                below = Branch((below.children[0]._replace(low=LOWEST), *below.children[1:]))
            writes = [_delete_write(way, only, stored.version), _put_write(way, ROOT, below, version)]
            dynamo.transact(writes)


def _put_write(way: Way, name: str, node: Node, version: int) -> dict[str, Any]:
    row = node_row((way.list_name, name), node, version + 1)
    return {"Put": dynamo.put_from_arguments(table(), row, version)}


def _delete_write(way: Way, name: str, version: int) -> dict[str, Any]:
    key = {"list": way.list_name, "node": name}
    condition, values = "version = :version", {":version": version}
    return {"Delete": dynamo.delete_arguments(table(), key, condition=condition, values=values)}
