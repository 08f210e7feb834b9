"""The count trees in DynamoDB: read by the lists and the statistics, changed by what follows the streams.

The table holds two kinds of rows. A node of a tree (`list`, `node`) carries a `version` and its
content, zlib-compressed JSON. A ledger row (`ledger#<kind>#<id>`, `ledger`) says which lists one
submission or session is counted in now, and as what.

`apply` is the only way in which a tree changes. It is told which ids changed, not how: it reads their
ledgers, then their current state, and moves each from the one to the other, ledger and nodes in one
transaction that names the version of every row it relies on. So a change that is told twice, late or
out of order comes to the same: after the last telling, the trees hold the current state.
"""

import json
import zlib
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple
from uuid import uuid4

from teaching import dynamo
from teaching.dynamo import ConditionFailed
from teaching.errors import Unavailable
from teaching.settings import settings
from teaching.tally import tree
from teaching.tally.pages import NodeName, Window, window
from teaching.tally.tree import EMPTY, ROOT, Branch, Child, Entry, Key, Leaf, MissingNode, Node, Sum

TRIES = 12
BLOCK = 100
LEDGER = "ledger"


class Counted(NamedTuple):
    """What something counts as: the same entry in each of the lists."""

    lists: tuple[str, ...]
    entry: Entry


Current = Callable[[Sequence[str]], Mapping[str, Counted]]
"""Reads (consistently) what ids count as now; an id that counts as nothing is left out."""


def totals(list_name: str) -> Sum:
    """Rows by status and the sum of graded scores. One round trip, one unit or less."""
    root = dynamo.get(settings().tallies_table, _key(list_name, ROOT))
    return tree.total(_decoded(root["content"]) if root else EMPTY)


def rows_at(
    lists: Sequence[str], status: str | None, offset: int, limit: int, extra: Iterable[Entry] = ()
) -> Window:
    """The page of the merged lists, in a round trip for each level of the deepest (`pages.window`).

    Raises `Unavailable` when the trees change faster than they can be read.
    """
    given = list(extra)
    for consistent in (False, True, True):
        try:
            return window(lists, status, offset, limit, partial(_read, consistent=consistent), given)
        except MissingNode:
            continue
    raise Unavailable()


def entries(lists: Sequence[str]) -> dict[str, list[Entry]]:
    """Every entry of some short lists: one round trip where each is a single node (192 rows)."""
    found: dict[str, list[Entry]] = {name: [] for name in lists}
    wanted = [(name, ROOT) for name in lists]
    while wanted:
        nodes = _read(wanted, False)
        for (name, _), node in nodes.items():
            if isinstance(node, Leaf):
                found[name] += node.entries
        wanted = [
            (name, child.node)
            for (name, _), node in nodes.items()
            if isinstance(node, Branch)
            for child in node.children
        ]
    return found


def _read(names: Sequence[NodeName], consistent: bool) -> dict[NodeName, Node]:
    table = settings().tallies_table
    found = dynamo.batch_get({table: [_key(*name) for name in names]}, consistent=consistent)
    return {(row["list"], row["node"]): _decoded(row["content"]) for row in found[table]}


def apply(ids: Sequence[str], current: Current, *, repair: bool = False) -> int:
    """Brings every list to what the ids (`<kind>#<id>`) count as now; answers how many had drifted.

    With `repair` the trees are mended even where the ledger claims that all is well. Raises
    `Unavailable` when others keep changing the same rows.
    """
    return sum(_apply_block(block, current, repair) for block in dynamo.chunked(dict.fromkeys(ids), BLOCK))


def _apply_block(ids: Sequence[str], current: Current, repair: bool) -> int:
    remaining, drifted = list(ids), 0
    for attempt in range(TRIES):
        work = _Work(graft=attempt > 2)
        try:
            drifted += work.run(remaining, current, repair)
            return drifted
        except (ConditionFailed, Unavailable, MissingNode):
            remaining = [identity for identity in remaining if identity not in work.done]
            drifted += work.drifted
            dynamo.pause(attempt)
    raise Unavailable()


class _Ledger(NamedTuple):
    revision: int
    counted: Counted | None


class _Work:
    """One attempt at a block: nodes as read, changed in memory, written in as few transactions as fit."""

    def __init__(self, graft: bool) -> None:
        self.done: set[str] = set()
        self.drifted = 0
        self._graft = graft
        self._nodes: dict[str, dict[str, Node | None]] = {}
        self._versions: dict[NodeName, int] = {}
        self._changed: set[NodeName] = set()
        self._ledgers: dict[str, _Ledger] = {}

    def run(self, ids: Sequence[str], current: Current, repair: bool) -> int:
        ledgers = _ledgers(ids)
        after = current(ids)
        moves = [(identity, ledgers[identity], after.get(identity)) for identity in ids]
        self._load(moves, repair)
        for identity, ledger, counted in moves:
            self._move(identity, ledger, counted, repair)
        self._commit()
        return self.drifted

    def _move(self, identity: str, ledger: _Ledger, counted: Counted | None, repair: bool) -> None:
        changes = self._changes(ledger.counted, counted, repair)
        if len(changes) >= dynamo.TRANSACTION_LIMIT and ledger.counted and counted:
            self._move(identity, ledger, None, repair)
            self._commit()
            ledger = _Ledger(ledger.revision + 1, None)
            changes = self._changes(None, counted, repair)
        if len(self._changed | changes.keys()) + len(self._ledgers) >= dynamo.TRANSACTION_LIMIT:
            self._commit()
        for (list_name, name), node in changes.items():
            self._nodes[list_name][name] = node
        self._changed |= changes.keys()
        self._ledgers[identity] = _Ledger(ledger.revision, counted)
        self.drifted += bool(changes) or ledger.counted != counted

    def _changes(
        self, before: Counted | None, after: Counted | None, repair: bool
    ) -> dict[NodeName, Node | None]:
        if before == after and not repair:
            return {}
        changes: dict[NodeName, Node | None] = {}
        for list_name in {*(before.lists if before else ()), *(after.lists if after else ())}:
            fresh: dict[str, Node | None] = {}
            nodes = ChainMap(fresh, self._nodes[list_name])
            stays = after and list_name in after.lists
            if (
                before
                and list_name in before.lists
                and not (stays and after and before.entry.key == after.entry.key)
            ):
                tree.remove(nodes, before.entry.key, _new_name)
            if after and stays:
                tree.insert(nodes, after.entry, _new_name)
            changes |= {(list_name, name): node for name, node in fresh.items()}
        return changes

    def _load(self, moves: Iterable[tuple[str, _Ledger, Counted | None]], repair: bool) -> None:
        """Reads every node on the way to every key that moves, a level of all lists at a time."""
        ways: dict[str, set[Key]] = {}
        for _, ledger, counted in moves:
            if ledger.counted != counted or repair:
                for side in filter(None, (ledger.counted, counted)):
                    for list_name in side.lists:
                        ways.setdefault(list_name, set()).add(side.entry.key)
        table = settings().tallies_table
        self._nodes = {list_name: {} for list_name in ways}
        wanted = [(list_name, ROOT) for list_name in ways]
        while wanted:
            rows = dynamo.batch_get({table: [_key(*name) for name in wanted]}, consistent=True)[table]
            for row in rows:
                self._nodes[row["list"]][row["node"]] = _decoded(row["content"])
                self._versions[row["list"], row["node"]] = row["version"]
            if self._graft:
                for list_name, name in wanted:
                    self._nodes[list_name].setdefault(name, EMPTY)
            wanted = [
                (list_name, name)
                for list_name, keys in ways.items()
                for name in {_next(self._nodes[list_name], key) for key in keys}
                if name and (list_name, name) not in wanted
            ]

    def _commit(self) -> None:
        if not self._ledgers:
            return
        writes = [_ledger_write(identity, ledger) for identity, ledger in self._ledgers.items()]
        for list_name, name in self._changed:
            if write := self._node_write(list_name, name):
                writes.append(write)
        dynamo.transact(writes)
        for list_name, name in self._changed:
            self._versions[list_name, name] = self._versions.get((list_name, name), 0) + 1
        self.done |= self._ledgers.keys()
        self._changed, self._ledgers = set(), {}

    def _node_write(self, list_name: str, name: str) -> dict[str, Any] | None:
        table, node = settings().tallies_table, self._nodes[list_name][name]
        version = self._versions.get((list_name, name), 0)
        condition, values = ("version = :version", {":version": version}) if version else (_ABSENT, None)
        if node is not None:
            row = _key(list_name, name) | {"version": version + 1, "content": _encoded(node)}
            return {"Put": dynamo.put_arguments(table, row, condition=condition, values=values)}
        if values:
            key = _key(list_name, name)
            return {"Delete": dynamo.delete_arguments(table, key, condition=condition, values=values)}
        return None


_ABSENT = "attribute_not_exists(version)"


def _next(nodes: Mapping[str, Node | None], key: Key) -> str | None:
    """The first node on the way to the key that has not been read; None when the leaf has."""
    try:
        tree.descend(nodes, key)
    except MissingNode as missing:
        return str(missing)
    return None


def _new_name() -> str:
    return uuid4().hex[:12]


def _key(list_name: str, node: str) -> dynamo.Key:
    return {"list": list_name, "node": node}


def _ledgers(ids: Sequence[str]) -> dict[str, _Ledger]:
    table = settings().tallies_table
    keys = [_key(f"{LEDGER}#{identity}", LEDGER) for identity in ids]
    ledgers = dict.fromkeys(ids, _Ledger(0, None))
    for row in dynamo.batch_get({table: keys}, consistent=True)[table]:
        counted = json.loads(row["counted"])
        ledgers[row["list"].removeprefix(f"{LEDGER}#")] = _Ledger(
            row["version"], Counted(tuple(counted["lists"]), _entry(counted["entry"])) if counted else None
        )
    return ledgers


def _ledger_write(identity: str, ledger: _Ledger) -> dict[str, Any]:
    counted = ledger.counted and {"lists": ledger.counted.lists, "entry": _plain(ledger.counted.entry)}
    row = _key(f"{LEDGER}#{identity}", LEDGER) | {
        "version": ledger.revision + 1,
        "counted": json.dumps(counted),
    }
    condition, values = (
        ("version = :version", {":version": ledger.revision}) if ledger.revision else (_ABSENT, None)
    )
    return {"Put": dynamo.put_arguments(settings().tallies_table, row, condition=condition, values=values)}


def _encoded(node: Node) -> bytes:
    plain: Any
    if isinstance(node, Branch):
        plain = {
            "children": [
                [*low, name, dict(below.counts), str(below.scores)] for low, name, below in node.children
            ]
        }
    else:
        plain = {"entries": [_plain(entry) for entry in node.entries]}
    return zlib.compress(json.dumps(plain, separators=(",", ":")).encode())


def _decoded(content: bytes) -> Node:
    plain = json.loads(zlib.decompress(content))
    if "children" in plain:
        return Branch(
            tuple(
                Child((time, identity), name, Sum(counts, Decimal(scores)))
                for time, identity, name, counts, scores in plain["children"]
            )
        )
    return Leaf(tuple(map(_entry, plain["entries"])))


def _plain(entry: Entry) -> list[str]:
    return [entry.time, entry.id, entry.status, str(entry.score), *entry.tags]


def _entry(plain: Sequence[str]) -> Entry:
    time, identity, status, score, *tags = plain
    return Entry(time, identity, status, Decimal(score), tuple(tags))
