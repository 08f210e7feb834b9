"""What a write, or reading an index, costs by AWS's rules: pure, over items in DynamoDB's typed form.

The rules are those of the DynamoDB Developer Guide:

- "Item sizes and formats": names and texts as UTF-8, a number a byte for two significant digits and one
  more, a list or a map 3 bytes and one for each element.
- "Read and write operations": a write costs the item's KB, rounded up, of before or after, whichever is
  larger; deleting what is not there costs 1; a condition that fails costs what is there, at least 1.
- "Using global secondary indexes": every index whose entry a write changes costs a write of the entry's
  size; two, of the old and of the new entry, where the entry's key changes; none where nothing that
  is projected changes. Reading an index costs the size of its entries, not of the table's items.
- "Amazon DynamoDB transactions": every item is written twice, to prepare and to commit.

DynamoDB Local follows all but the last, where it takes four units for the two.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from math import ceil
from typing import Any, NamedTuple

from local import template

Item = Mapping[str, Mapping[str, Any]]

KB = 1024
TRANSACTION = 2


class Index(NamedTuple):
    keys: tuple[str, ...]
    attributes: frozenset[str] | None
    """What an entry holds; None: all of the item."""


class Table(NamedTuple):
    keys: tuple[str, ...]
    indexes: tuple[Index, ...]


@cache
def tables() -> dict[str, Table]:
    """The template's, by the names that they have on this machine."""
    return {name: _table(arguments) for name, arguments in template.read().tables.items()}


def _table(arguments: Mapping[str, Any]) -> Table:
    keys = _key_names(arguments)
    return Table(keys, tuple(_index(keys, index) for index in arguments.get("GlobalSecondaryIndexes", ())))


def _index(table_keys: tuple[str, ...], arguments: Mapping[str, Any]) -> Index:
    keys, projection = _key_names(arguments), arguments["Projection"]
    if projection["ProjectionType"] == "ALL":
        return Index(keys, None)
    return Index(keys, frozenset({*table_keys, *keys, *projection.get("NonKeyAttributes", ())}))


def _key_names(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(part["AttributeName"] for part in arguments["KeySchema"])


def size_of(item: Item) -> int:
    """In bytes."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(typed: Mapping[str, Any]) -> int:
    ((kind, value),) = typed.items()
    match kind:
        case "S":
            return len(value.encode())
        case "B":
            return len(value)
        case "N":
            digits = "".join(map(str, Decimal(value).as_tuple().digits)).strip("0")
            return ceil(len(digits) / 2) + 1
        case "BOOL" | "NULL":
            return 1
        case "L":
            return 3 + sum(1 + _value_size(element) for element in value)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(element) for name, element in value.items())
    raise TypeError(f"not a value that we write: {kind}")


def of_item(item: Item | None) -> int:
    """Units to write so much; the least is 1, also where nothing is."""
    return max(1, ceil(size_of(item or {}) / KB))


def of_entries(entries: Sequence[Item]) -> float:
    """Units to read entries of an index together, as they are projected."""
    return ceil(sum(map(size_of, entries)) / (4 * KB)) / 2


def of_write(table: Table, before: Item | None, after: Item | None) -> int:
    """Units of one write outside a transaction, indexes included; None: there is no item."""
    of_indexes = sum(
        _of_change(index, _entry(index, before), _entry(index, after)) for index in table.indexes
    )
    return max(of_item(before), of_item(after)) + of_indexes


def _entry(index: Index, item: Item | None) -> Item | None:
    if item is None or any(key not in item for key in index.keys):
        return None
    if index.attributes is None:
        return item
    return {name: value for name, value in item.items() if name in index.attributes}


def _of_change(index: Index, before: Item | None, after: Item | None) -> int:
    if before == after:
        return 0
    if before is None or after is None:
        return of_item(before or after)
    if any(before[key] != after[key] for key in index.keys):
        return of_item(before) + of_item(after)
    return max(of_item(before), of_item(after))
