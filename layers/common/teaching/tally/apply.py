"""Keeping the count trees up to date: the only way in which a tree changes.

`apply` is told which ids changed, not how. It reads their ledgers, then their current state, and
moves each from the one to the other: ledger and nodes in one transaction that names the version of
every row it relies on. So a change that is told twice, late or out of order comes to the same: after
the last telling, the trees hold the current state. A ledger's version moves on even when nothing
else does: whoever read the state earlier can then no longer write it.
"""

from collections import ChainMap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import uuid4

from teaching import dynamo
from teaching.dynamo import ConditionFailed
from teaching.errors import Unavailable
from teaching.tally import tree
from teaching.tally.nodes import Counted, Ledger, ledger_write, node_write, read_ledgers, read_versions
from teaching.tally.pages import NodeName
from teaching.tally.tree import EMPTY, ROOT, Entry, Key, MissingNode, Node

TRIES = 12
GRAFT_AFTER = 3
BLOCK = 1000
"""Rows that are moved with the same nodes in memory: the more, the more of them share a write."""

Current = Callable[[Sequence[str]], Mapping[str, Counted]]
"""Reads (consistently) what ids count as now; one that counts as nothing may be left out."""

Place = tuple[str, Key]
"""(list, key)"""

Places = Mapping[str, Collection[Place]]
"""For ids, the places in the trees where they were seen and may not belong."""


class Applied(NamedTuple):
    drifted: int
    failed: frozenset[str]
    """The ids (`<kind>#<id>`) that could not be applied."""


def apply(ids: Iterable[str], current: Current, *, repair: Places | None = None) -> Applied:
    """Brings every list to what the ids (`<kind>#<id>`) count as now; what fails keeps no other from it.

    With `repair` the trees are mended even where the ledger claims that all is well.
    """
    drifted = 0
    failed: set[str] = set()
    for block in dynamo.chunked(dict.fromkeys(ids), BLOCK):
        try:
            drifted += _apply_block(block, current, repair)
        except Exception:
            for identity in block:
                try:
                    drifted += _apply_block([identity], current, repair)
                except Exception:
                    failed.add(identity)
    return Applied(drifted, frozenset(failed))


def _apply_block(ids: Sequence[str], current: Current, repair: Places | None) -> int:
    remaining, drifted = list(ids), 0
    for attempt in range(TRIES):
        work = _Work(repair, graft=attempt >= GRAFT_AFTER)
        try:
            return drifted + work.move(remaining, current)
        except (ConditionFailed, Unavailable, MissingNode):
            remaining = [identity for identity in remaining if identity not in work.done]
            drifted += work.drifted
            dynamo.pause(attempt)
    raise Unavailable()


def resum(list_name: str, key: Key) -> None:
    """Brings the sums on the way to the key's leaf in line with that leaf, unless somebody else just did."""
    try:
        _Work(None, graft=True).resum(list_name, key)
    except (ConditionFailed, Unavailable):
        return


class _Work:
    """One attempt at a block: nodes as read, changed in memory, written in as few transactions as fit."""

    def __init__(self, repair: Places | None, *, graft: bool) -> None:
        """`graft` puts an empty leaf where a node is lost, for want of which nothing could change there."""
        self.done: set[str] = set()
        self.drifted = 0
        self._repair = repair
        self._graft = graft
        self._nodes: dict[str, dict[str, Node | None]] = {}
        self._versions: dict[NodeName, int] = {}
        self._changed: set[NodeName] = set()
        self._ledgers: dict[str, Ledger] = {}

    def move(self, ids: Sequence[str], current: Current) -> int:
        ledgers = read_ledgers(ids)
        after = current(ids)
        ways: dict[str, set[Key]] = {}
        for identity in ids:
            before = ledgers[identity].counted
            if before != after.get(identity, {}) or self._repair is not None:
                for list_name, key in self._known(identity, before) | _places(after.get(identity, {})):
                    ways.setdefault(list_name, set()).add(key)
        self._load(ways)
        for identity in sorted(ids, key=lambda identity: list(after.get(identity, {}).items())):
            self._move(identity, ledgers[identity], after.get(identity, {}))
        self._commit()
        return self.drifted

    def resum(self, list_name: str, key: Key) -> None:
        self._load({list_name: {key}})
        before = dict(self._nodes[list_name])
        tree.resum(self._nodes[list_name], key, _new_name)
        for name, node in self._nodes[list_name].items():
            if before.get(name) != node:
                self._changed.add((list_name, name))
        self._commit()

    def _move(self, identity: str, ledger: Ledger, after: Counted) -> None:
        changes = self._changes(identity, ledger.counted, after)
        if len(changes) >= dynamo.TRANSACTION_LIMIT and ledger.counted and after:
            self._move(identity, ledger, {})
            self._commit()
            ledger = Ledger(ledger.version + 1, {})
            changes = self._changes(identity, {}, after)
        if len(self._changed | changes.keys()) + len(self._ledgers) >= dynamo.TRANSACTION_LIMIT:
            self._commit()
        for (list_name, name), node in changes.items():
            self._nodes[list_name][name] = node
        self._changed |= changes.keys()
        self._ledgers[identity] = Ledger(ledger.version, after)
        self.drifted += bool(changes) or ledger.counted != after

    def _changes(self, identity: str, before: Counted, after: Counted) -> dict[NodeName, Node | None]:
        """The nodes that differ once the id has moved."""
        if before == after and self._repair is None:
            return {}
        changes: dict[NodeName, Node | None] = {}
        wanted = _places(after)
        for list_name, key in self._known(identity, before) | wanted:
            made = {name: node for (of_list, name), node in changes.items() if of_list == list_name}
            entry = after[list_name] if (list_name, key) in wanted else None
            self._change(list_name, made, key, entry)
            changes |= {(list_name, name): node for name, node in made.items()}
        return changes

    def _change(self, list_name: str, made: dict[str, Node | None], key: Key, entry: Entry | None) -> None:
        """Puts the entry at its key, or takes away what is there; the nodes that change join `made`."""
        nodes = ChainMap(made, self._nodes[list_name])
        while True:
            try:
                if entry:
                    tree.insert(nodes, entry, _new_name)
                else:
                    tree.remove(nodes, key, _new_name)
                return
            except MissingNode as missing:
                # A leaf that emptied leaves its keys to a neighbour, which nobody had asked for.
                if missing.name in nodes:
                    raise
                self._read({(list_name, missing.name)})

    def _known(self, identity: str, before: Counted) -> set[Place]:
        return _places(before) | set((self._repair or {}).get(identity, ()))

    def _load(self, ways: Mapping[str, Collection[Key]]) -> None:
        """Reads every node on the way to every key, a level of all lists at a time."""
        self._nodes = {list_name: {} for list_name in ways}
        wanted = {(list_name, ROOT) for list_name in ways}
        asked: set[NodeName] = set()
        while wanted:
            asked |= wanted
            self._read(wanted)
            wanted = {
                (list_name, missing)
                for list_name, keys in ways.items()
                for key in keys
                if (missing := _unread(self._nodes[list_name], key))
            } - asked

    def _read(self, names: Collection[NodeName]) -> None:
        found = read_versions(names, consistent=True)
        for list_name, name in names:
            node, version = found.get((list_name, name), (EMPTY if self._graft else None, 0))
            self._nodes[list_name][name] = node
            self._versions[list_name, name] = version

    def _commit(self) -> None:
        if not self._ledgers and not self._changed:
            return
        writes = [ledger_write(identity, ledger) for identity, ledger in self._ledgers.items()]
        for list_name, name in self._changed:
            version = self._versions.get((list_name, name), 0)
            if write := node_write((list_name, name), self._nodes[list_name][name], version):
                writes.append(write)
            self._versions[list_name, name] = version + 1
        dynamo.transact(writes)
        self.done |= self._ledgers.keys()
        self._changed, self._ledgers = set(), {}


def _places(counted: Counted) -> set[Place]:
    return {(list_name, entry.key) for list_name, entry in counted.items()}


def _unread(nodes: Mapping[str, Node | None], key: Key) -> str | None:
    """The first node on the way to the key that has not been read; None when the leaf has."""
    try:
        tree.descend(nodes, key)
    except MissingNode as missing:
        return missing.name
    return None


def _new_name() -> str:
    return uuid4().hex[:12]
