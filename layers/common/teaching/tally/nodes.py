"""The rows of the tallies table: nodes of the trees, and ledger rows.

A node (`list`, `node`) has a `version` and its content, zlib-compressed JSON. A ledger row
(`ledger#<kind>#<id>`, `ledger`) has a `version` and says which lists one submission or session is
counted in now, and as what.
"""

import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from teaching import dynamo
from teaching.dynamo import Item, Key
from teaching.settings import settings
from teaching.tally import tree
from teaching.tally.pages import NodeName
from teaching.tally.tree import Branch, Child, Entry, Leaf, Node, Sum

LEDGER = "ledger"


Counted = Mapping[str, Entry]
"""What something counts as: its entry in each of the lists that hold it."""


class Listed(NamedTuple):
    """What an index says of one row of a list; the score is None where it does not count or is not known."""

    key: tree.Key
    label: str
    score: Decimal | None


class Ledger(NamedTuple):
    version: int
    counted: Counted


def read_nodes(names: Collection[NodeName], *, consistent: bool = False) -> dict[NodeName, Node]:
    """One round trip; what is not there is left out."""
    return {name: node for name, (node, _) in read_versions(names, consistent=consistent).items()}


def read_versions(names: Collection[NodeName], *, consistent: bool) -> dict[NodeName, tuple[Node, int]]:
    table = settings().tallies_table
    found = dynamo.batch_get({table: [_key(*name) for name in names]}, consistent=consistent)[table]
    return {(row["list"], row["node"]): (_decoded(row["content"]), row["version"]) for row in found}


def read_ledgers(ids: Sequence[str], *, consistent: bool = True) -> dict[str, Ledger]:
    """The ledgers of all the ids (`<kind>#<id>`); one that was never counted has version 0."""
    table = settings().tallies_table
    keys = [_key(f"{LEDGER}#{identity}", LEDGER) for identity in ids]
    ledgers = dict.fromkeys(ids, Ledger(0, {}))
    for row in dynamo.batch_get({table: keys}, consistent=consistent)[table]:
        ledgers[ledger_id(row)] = Ledger(row["version"], ledger_counted(row))
    return ledgers


def ledger_id(row: Item) -> str:
    return str(row["list"]).removeprefix(f"{LEDGER}#")


def ledger_counted(row: Item) -> Counted:
    counted = _unpacked(row["counted"])
    return {list_name: _entry(entry) for list_name, entry in counted.items()}


def ledger_write(identity: str, ledger: Ledger) -> dict[str, Any]:
    """Part of a transaction: what is counted now, if the ledger is still of this version."""
    counted = {list_name: _plain(entry) for list_name, entry in ledger.counted.items()}
    key = _key(f"{LEDGER}#{identity}", LEDGER)
    return dynamo.versioned_put(settings().tallies_table, key, ledger.version, {"counted": _packed(counted)})


def node_write(name: NodeName, node: Node | None, version: int) -> dict[str, Any] | None:
    """Part of a transaction: the node as it is now (None: gone), if it is still of this version."""
    table, key = settings().tallies_table, _key(*name)
    if node is not None:
        return dynamo.versioned_put(table, key, version, {"content": _encoded(node)})
    if not version:
        return None
    condition, values = "version = :version", {":version": version}
    return {"Delete": dynamo.delete_arguments(table, key, condition=condition, values=values)}


def _key(list_name: str, node: str) -> Key:
    return {"list": list_name, "node": node}


def _encoded(node: Node) -> bytes:
    plain: dict[str, Any]
    if isinstance(node, Branch):
        children = [[*low, name, dict(below.counts), str(below.scores)] for low, name, below in node.children]
        plain = {"children": children}
    else:
        plain = {"entries": [_plain(entry) for entry in node.entries]}
    return _packed(plain)


def _packed(plain: object) -> bytes:
    return zlib.compress(json.dumps(plain, separators=(",", ":")).encode())


def _unpacked(content: bytes) -> Any:
    """What cannot be read counts as empty until the recompute has mended it."""
    try:
        return json.loads(zlib.decompress(content))
    except (zlib.error, ValueError):
        return {}


def _decoded(content: bytes) -> Node:
    plain = _unpacked(content)
    if "children" in plain:
        return Branch(
            tuple(
                Child((time, identity), name, Sum(counts, Decimal(scores)))
                for time, identity, name, counts, scores in plain["children"]
            )
        )
    return Leaf(tuple(map(_entry, plain.get("entries", ()))))


def _plain(entry: Entry) -> list[str]:
    return [entry.time, entry.id, entry.label, str(entry.score), *entry.tags]


def _entry(plain: Sequence[str]) -> Entry:
    time, identity, label, score, *tags = plain
    return Entry(time, identity, label, Decimal(score), tuple(tags))
