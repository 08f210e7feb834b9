"""The rows of the tallies table: nodes of the trees, and ledgers.

A node (`list`, `node`) has a `version`, `columns` and `ids`. Columns are JSON, zlib-compressed, with one
list for each thing that entries or children have, as equal things beside each other take least room. The
ids (of a leaf's rows 16 bytes, of a branch's children 6) stand apart as bytes, for they don't compress.

Beside the root of a list stands, from its first version on, the row `made`: a list with that row and without
a root has lost it, and one without both is new.

A ledger (`ledger#<id>`, `ledger`) has a `version` and says which lists one row is counted in now and as
what, which version of the row that was (`of`), and where it may be besides (`claimed`).
"""

import json
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from teaching import clock, dynamo
from teaching.dynamo import Item
from teaching.settings import settings
from teaching.tally import tree
from teaching.tally.tree import ROOT, Branch, Child, Entry, Leaf, Node, Sum

LEDGER = "ledger"
MADE = "made"
NAME_BYTES = 6

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

NodeName = tuple[str, str]
"""(list, node)"""


class Counted(NamedTuple):
    """What a row counts as: its entry in each of the lists that hold it."""

    version: int
    """Of the row."""
    entries: Mapping[str, Entry]


NOTHING = Counted(0, {})


Place = tuple[str, tree.Key]
"""(list, key)"""


class Ledger(NamedTuple):
    version: int
    """Of the ledger; 0 where there is none."""
    counted: Counted
    claimed: frozenset[Place] = frozenset()
    """Where somebody has begun to put the row, and has not come to the end."""


class Stored(NamedTuple):
    """A node as it was read; None where what is stored cannot be read."""

    node: Node | None
    version: int


def table() -> str:
    """The name of the table of all nodes and ledgers."""
    return settings().tallies_table


def new_name() -> str:
    """A node's name; no two of a list are ever the same."""
    return uuid4().hex[: 2 * NAME_BYTES]


def read_nodes(names: Collection[NodeName], *, consistent: bool) -> dict[NodeName, Stored]:
    """One round trip; what is not there is left out."""
    keys = [{"list": list_name, "node": name} for list_name, name in names]
    found = dynamo.batch_get({table(): keys}, consistent=consistent)[table()]
    return {(row["list"], row["node"]): Stored(_node(row), row["version"]) for row in found}


def read_list(list_name: str) -> dict[NodeName, Stored] | None:
    """All nodes of a list, not of one moment; None of one that was never made. One round trip up to 1 MB."""
    rows = list(dynamo.query(table(), "#list = :list", {":list": list_name}))
    if not rows:
        return None
    return {
        (list_name, row["node"]): Stored(_node(row), row["version"]) for row in rows if row["node"] != MADE
    }


def node_row(name: NodeName, node: Node, version: int) -> Item:
    """The table's row of a node."""
    columns, ids = _branch_columns(node) if isinstance(node, Branch) else _leaf_columns(node)
    key = {"list": name[0], "node": name[1]}
    return {**key, "version": version, "columns": _packed(columns), "ids": ids}


def put_node(name: NodeName, node: Node, version: int) -> None:
    """Puts a node over the version before it (0: there is none yet), a first root with what says that it was
    made. Raises `ConditionFailed`, `Unavailable`.
    """
    row = node_row(name, node, version + 1)
    if version or name[1] != ROOT:
        dynamo.put_from(table(), row, version)
        return
    puts = [dynamo.put_from_arguments(table(), row, 0), dynamo.put_arguments(table(), _made(name[0]))]
    dynamo.transact([{"Put": put} for put in puts])


def _made(list_name: str) -> Item:
    return {"list": list_name, "node": MADE}


def once_made(lists: Collection[str], *, consistent: bool) -> set[str]:
    """Those of the lists that have had a root. One round trip, or none for no lists."""
    keys: list[dynamo.Key] = [{"list": list_name, "node": MADE} for list_name in lists]
    return {row["list"] for row in dynamo.batch_get({table(): keys}, consistent=consistent)[table()]}


def rows_of(list_name: str, entries: Sequence[Entry], *, fill: float = 1) -> Iterator[Item]:
    """Every row of a list that holds these entries, in order; its nodes filled to a part of their size."""
    for name, node in tree.build(entries, new_name, fill=fill).items():
        yield node_row((list_name, name), node, 1)
    yield _made(list_name)


def read_ledgers(ids: Collection[str]) -> dict[str, Ledger]:
    """The ledgers of all the ids, read consistently; one that was never counted has version 0."""
    keys = [ledger_key(identity) for identity in ids]
    ledgers = dict.fromkeys(ids, Ledger(0, NOTHING))
    for row in dynamo.batch_get({table(): keys}, consistent=True)[table()]:
        ledgers[ledger_id(row)] = Ledger(row["version"], ledger_counted(row), _claimed(row))
    return ledgers


def ledger_key(identity: str) -> dynamo.Key:
    return {"list": f"{LEDGER}#{identity}", "node": LEDGER}


def ledger_id(row: Item) -> str:
    return str(row["list"]).removeprefix(f"{LEDGER}#")


def ledger_counted(row: Item) -> Counted:
    """What a ledger says; one that cannot be read says nothing, until its row is counted again."""
    try:
        entries = {
            list_name: Entry(time, identity, label, Decimal(score), tuple(tags), row["of"])
            for list_name, time, identity, label, score, tags in _unpacked(row["counted"])
        }
    except (ArithmeticError, KeyError, TypeError, ValueError, zlib.error):
        return NOTHING
    return Counted(row["of"], entries)


def _claimed(row: Item) -> frozenset[Place]:
    if "claimed" not in row:
        return frozenset()
    try:
        return frozenset(
            (list_name, (time, identity)) for list_name, time, identity in _unpacked(row["claimed"])
        )
    except (TypeError, ValueError, zlib.error):
        return frozenset()


def ledger_row(identity: str, counted: Counted, version: int = 1, claimed: Collection[Place] = ()) -> Item:
    """The table's row of a ledger."""
    plain = [
        [list_name, entry.time, entry.id, entry.label, str(entry.score), entry.tags]
        for list_name, entry in counted.entries.items()
    ]
    row = {**ledger_key(identity), "version": version, "of": counted.version, "counted": _packed(plain)}
    if claimed:
        row["claimed"] = _packed(sorted([list_name, *key] for list_name, key in claimed))
    return row


def _packed(plain: object) -> bytes:
    return zlib.compress(json.dumps(plain, separators=(",", ":")).encode())


def _unpacked(packed: bytes) -> Any:
    return json.loads(zlib.decompress(packed))


def _leaf_columns(leaf: Leaf) -> tuple[dict[str, Any], bytes]:
    entries = leaf.entries
    ids = [_id_bytes(entry.id) for entry in entries]
    columns: dict[str, Any] = {
        "times": _times_column([entry.time for entry in entries]),
        "labels": _texts_column([entry.label for entry in entries]),
        "scores": _scores_column([entry.score for entry in entries]),
        "versions": [entry.version for entry in entries],
    }
    if any(entry.tags for entry in entries):
        columns["tags"] = [_texts_column(list(column)) for column in _tag_columns(entries)]
    if None in ids:
        return columns | {"ids": [entry.id for entry in entries]}, b""
    return columns, b"".join(identity for identity in ids if identity)


def _tag_columns(entries: Sequence[Entry]) -> Iterator[tuple[str, ...]]:
    """The first tags of all entries, the second, …; every entry of a list has as many."""
    return zip(*(entry.tags for entry in entries), strict=True)


def _branch_columns(branch: Branch) -> tuple[dict[str, Any], bytes]:
    children = branch.children
    labels = sorted({label for child in children for label in child.sum.counts})
    columns = {
        "first": children[0].low,
        "times": _times_column([child.low[0] for child in children[1:]]),
        "ids": [child.low[1] for child in children[1:]],
        "versions": [child.version for child in children],
        "labels": labels,
        "counts": [[child.sum.counts.get(label, 0) for child in children] for label in labels],
        "scores": "|".join(
            _scores_column([child.sum.by_group().get(group, Decimal(0)) for child in children])
            for group in _groups(labels)
        ),
    }
    return columns, b"".join(bytes.fromhex(child.node) for child in children)


def _groups(labels: Iterable[str]) -> list[str]:
    """The groups that labels name, in order; where they name none, the one without a name."""
    return sorted({tree.group_of(label) for label in labels}) or [""]


def _node(row: Item) -> Node | None:
    """The node in a row; None where it cannot be read."""
    try:
        columns = _unpacked(row["columns"])
        return _branch(columns, row["ids"]) if "first" in columns else _leaf(columns, row["ids"])
    except (ArithmeticError, IndexError, KeyError, TypeError, ValueError, zlib.error):
        return None


def _leaf(columns: Mapping[str, Any], packed_ids: bytes) -> Leaf:
    times = _times(columns["times"])
    ids = columns["ids"] if "ids" in columns else _ids(packed_ids)
    tags = zip(*map(_texts, columns["tags"]), strict=True) if "tags" in columns else [()] * len(times)
    columns_of_entries = zip(
        times,
        ids,
        _texts(columns["labels"]),
        _scores(columns["scores"], len(times)),
        tags,
        columns["versions"],
        strict=True,
    )
    return Leaf(tuple(Entry(*fields) for fields in columns_of_entries))


def _branch(columns: Mapping[str, Any], packed_names: bytes) -> Branch:
    length = len(columns["versions"])
    hexed = packed_names.hex()
    digits = 2 * NAME_BYTES
    names = [hexed[start : start + digits] for start in range(0, len(hexed), digits)]
    first_time, first_id = columns["first"]
    lows = zip([first_time, *_times(columns["times"])], [first_id, *columns["ids"]], strict=True)
    counts = dict(zip(columns["labels"], columns["counts"], strict=True))
    of_groups = zip(_groups(counts), columns["scores"].split("|"), strict=True)
    scores = {group: _scores(column, length) for group, column in of_groups}
    sums = [_sum_at(at, counts, scores) for at in range(length)]
    children = zip(lows, names, columns["versions"], sums, strict=True)
    return Branch(tuple(Child(*fields) for fields in children))


def _sum_at(at: int, counts: Mapping[str, Sequence[int]], scores: Mapping[str, Sequence[Decimal]]) -> Sum:
    of_child = {label: column[at] for label, column in counts.items() if column[at]}
    return tree.sum_of(of_child, {group: scores[group][at] for group in map(tree.group_of, of_child)})


def _id_bytes(identity: str) -> bytes | None:
    """A UUID's 16 bytes; None for any other text."""
    try:
        known = UUID(identity)
    except ValueError:
        return None
    return known.bytes if str(known) == identity else None


def _ids(packed: bytes) -> list[str]:
    if len(packed) % 16:
        raise ValueError("ids that were cut")
    return [str(UUID(bytes=packed[start : start + 16])) for start in range(0, len(packed), 16)]


def _times_column(times: Sequence[str]) -> list[Any]:
    """Times in order as milliseconds, each after the one before it; as texts where one is no such time."""
    moments = [_milliseconds(time) for time in times]
    if any(moment is None for moment in moments):
        return list(times)
    known = [moment for moment in moments if moment is not None]
    return [moment - before for before, moment in zip([0, *known], known, strict=False)]


def _times(column: Sequence[Any]) -> list[str]:
    times: list[str] = []
    moment = 0
    for step in column:
        if isinstance(step, str):
            times.append(step)
        else:
            moment += step
            times.append(clock.utc_text(_EPOCH + moment * _MILLISECOND))
    return times


def _milliseconds(time: str) -> int | None:
    """Since 1970; None for a text that is not exactly how times are written."""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return None
    if moment.tzinfo is None or clock.utc_text(moment) != time:
        return None
    return (moment - _EPOCH) // _MILLISECOND


def _texts_column(texts: Sequence[str]) -> list[Any]:
    """The different texts, and which of them each one is."""
    different = list(dict.fromkeys(texts))
    number = {text: at for at, text in enumerate(different)}
    return [different, [number[text] for text in texts]]


def _texts(column: Sequence[Any]) -> list[str]:
    different, which = column
    return [different[at] for at in which]


def _scores_column(scores: Sequence[Decimal]) -> str:
    return ",".join(str(score) if score else "" for score in scores)


def _scores(column: str, length: int) -> list[Decimal]:
    if not length:
        return []
    return [Decimal(text or 0) for text in column.split(",")]
