"""DynamoDB in memory: the operations that the layer asks for, on the template's tables.

`Store.execute` is an operation at one moment, all of it or nothing. What is read without
`ConsistentRead`, and every index, lags behind: a `View` has changes to come, and `Store.catch_up` is
asked, before each such read, how many of them have come by now. test_dynamodb.py compares all of it
with DynamoDB Local.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from local.template import Template
from tests.simulation import expressions
from tests.simulation.expressions import Wrong, plain

Typed = dict[str, Any]
RowKey = tuple[Any, ...]

BATCH_GET_MOST = 100
BATCH_WRITE_MOST = 25
TRANSACTION_MOST = 100


class Write(NamedTuple):
    """One row's change, as the table made it."""

    number: int
    table: str
    key: Typed
    before: Typed | None
    after: Typed | None


class View:
    """A table's rows, or those of one of its indexes: by the value of the hash key, then by the row's key.

    `to_come` are changes that are made in the table and not here.
    """

    def __init__(
        self, keys: Sequence[str], table_keys: Sequence[str], carried: frozenset[str] | None
    ) -> None:
        self.keys = keys
        self.to_come: list[Write] = []
        self._carried = carried
        self._table_keys = table_keys
        self._rows: dict[Any, dict[RowKey, Typed]] = {}
        self._hash_of: dict[RowKey, Any] = {}

    def copy(self) -> "View":
        copied = View(self.keys, self._table_keys, self._carried)
        copied._rows = {value: dict(rows) for value, rows in self._rows.items()}
        copied._hash_of = dict(self._hash_of)
        return copied

    def put(self, key: RowKey, row: Typed | None) -> None:
        if key in self._hash_of:
            value = self._hash_of.pop(key)
            del self._rows[value][key]
        if row is None or any(name not in row for name in self.keys):
            return
        if self._carried is not None:
            row = {name: value for name, value in row.items() if name in self._carried}
        value = plain(row[self.keys[0]])
        self._hash_of[key] = value
        self._rows.setdefault(value, {})[key] = row

    def get(self, key: RowKey) -> Typed | None:
        value = self._hash_of.get(key)
        return None if value is None else self._rows[value][key]

    def rows(self) -> Iterator[Typed]:
        """All, hash key by hash key as DynamoDB scatters them."""
        for value in sorted(self._rows, key=_scattered):
            yield from self.of(value)

    def of(self, value: Any) -> list[Typed]:
        """Those of one value of the hash key, in the order of the range key."""
        return sorted(self._rows.get(value, {}).values(), key=self.place)

    def place(self, row: Typed) -> tuple[Any, ...]:
        """Where in the order of its hash key a row stands."""
        return tuple(plain(row[name]) for name in (*self.keys[1:], *self._table_keys))


class Table:
    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self.name: str = arguments["TableName"]
        self.keys = _key_names(arguments)
        self.types = {
            each["AttributeName"]: each["AttributeType"] for each in arguments["AttributeDefinitions"]
        }
        self.has_stream = "StreamSpecification" in arguments
        self.rows = View(self.keys, self.keys, None)
        self.replica = View(self.keys, self.keys, None)
        self.indexes = {
            index["IndexName"]: View(_key_names(index), self.keys, self._carried(index))
            for index in arguments.get("GlobalSecondaryIndexes", ())
        }

    def _carried(self, index: Mapping[str, Any]) -> frozenset[str] | None:
        projection = index["Projection"]
        if projection["ProjectionType"] == "ALL":
            return None
        return frozenset({*_key_names(index), *self.keys, *projection.get("NonKeyAttributes", ())})

    def views(self) -> list[View]:
        return [self.replica, *self.indexes.values()]

    def key(self, typed: Mapping[str, Any]) -> RowKey:
        return tuple(plain(typed[name]) for name in self.keys)


def _key_names(arguments: Mapping[str, Any]) -> list[str]:
    by_type = {part["KeyType"]: part["AttributeName"] for part in arguments["KeySchema"]}
    return [by_type[kind] for kind in ("HASH", "RANGE") if kind in by_type]


def _scattered(value: Any) -> bytes:
    return hashlib.md5(str(value).encode(), usedforsecurity=False).digest()


class Store:
    """Every table. Operations raise `ClientError` as the client does."""

    def __init__(self, facts: Template) -> None:
        self._facts = facts
        self.tables = {name: Table(arguments) for name, arguments in facts.tables.items()}
        self.number = 0
        """Of the last write."""
        self.catch_up: Callable[[View], int] = lambda view: len(view.to_come)
        """How many changes have come to a view by now."""
        self.page_size: Callable[[], int | None] = lambda: None
        """How many rows a page of a query or a scan has room for; None: all."""
        self.written: Callable[[Write], None] = lambda write: None
        """Told of each change, once for each operation's last state of a row."""

    def copy(self) -> "Store":
        """The same rows, with nothing to come, told to nobody."""
        copied = Store(self._facts)
        copied.number = self.number
        self.settle()
        for name, table in self.tables.items():
            copied.tables[name].rows = table.rows.copy()
            copied.tables[name].replica = table.replica.copy()
            copied.tables[name].indexes = {index: view.copy() for index, view in table.indexes.items()}
        return copied

    def settle(self, number: int | None = None) -> None:
        """What was written (up to and with a number) comes to every view."""
        for table in self.tables.values():
            for view in table.views():
                due = [write for write in view.to_come if number is None or write.number <= number]
                view.to_come = view.to_come[len(due) :]
                for write in due:
                    view.put(table.key(write.key), write.after)

    def execute(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        operations: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "get_item": self._get_item,
            "batch_get_item": self._batch_get_item,
            "query": self._query,
            "scan": self._scan,
            "put_item": self._put_item,
            "update_item": self._update_item,
            "delete_item": self._delete_item,
            "batch_write_item": self._batch_write_item,
            "transact_write_items": self._transact_write_items,
        }
        try:
            return operations[operation](arguments)
        except Wrong as wrong:
            raise error("ValidationException", operation, str(wrong)) from None

    def _get_item(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        row = self._read(arguments["TableName"], arguments["Key"], arguments.get("ConsistentRead"))
        return {"Item": row} if row is not None else {}

    def _batch_get_item(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        requests = arguments["RequestItems"]
        keys = [(name, self.tables[name].key(key)) for name, of in requests.items() for key in of["Keys"]]
        if not 0 < len(keys) <= BATCH_GET_MOST or len(set(keys)) < len(keys):
            raise Wrong("too many keys, none, or one twice")
        responses: dict[str, list[Typed]] = {}
        for name, of in requests.items():
            rows = [self._read(name, key, of.get("ConsistentRead")) for key in of["Keys"]]
            responses[name] = [row for row in rows if row is not None]
        return {"Responses": responses, "UnprocessedKeys": {}}

    def _read(self, name: str, key: Typed, consistent: bool | None) -> Typed | None:
        table = self.tables[name]
        self._check_key(table, key)
        return (table.rows if consistent else self._caught_up(table.replica, table)).get(table.key(key))

    def _caught_up(self, view: View, table: Table) -> View:
        if view.to_come:
            come = self.catch_up(view)
            for write in view.to_come[:come]:
                view.put(table.key(write.key), write.after)
            view.to_come = view.to_come[come:]
        return view

    def _view(self, arguments: Mapping[str, Any]) -> View:
        table = self.tables[arguments["TableName"]]
        index = arguments.get("IndexName")
        if index:
            if arguments.get("ConsistentRead"):
                raise Wrong("an index is never read consistently")
            return self._caught_up(table.indexes[index], table)
        return table.rows if arguments.get("ConsistentRead") else self._caught_up(table.replica, table)

    def _query(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        view = self._view(arguments)
        names, values = arguments.get("ExpressionAttributeNames", {}), arguments["ExpressionAttributeValues"]
        text = arguments["KeyConditionExpression"]
        hash_name, hash_value = text.split(" AND ")[0].split(" = ")
        if expressions.attribute(hash_name, names) != view.keys[0]:
            raise Wrong(f"{text} does not begin with the hash key")
        _check_used(text, names, values)
        holds = expressions.condition(text)
        rows = [row for row in view.of(plain(values[hash_value])) if holds(row, names, values)]
        if not arguments.get("ScanIndexForward", True):
            rows.reverse()
        start = arguments.get("ExclusiveStartKey")
        if start:
            place, forward = view.place(start), arguments.get("ScanIndexForward", True)
            rows = [row for row in rows if (view.place(row) > place if forward else view.place(row) < place)]
        return self._page(arguments, view, rows)

    def _scan(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        view = self._view(arguments)
        segment, segments = arguments.get("Segment", 0), arguments.get("TotalSegments", 1)

        def place(row: Typed) -> tuple[bytes, Any]:
            return _scattered(plain(row[view.keys[0]])), view.place(row)

        rows = [row for row in view.rows() if place(row)[0][0] % segments == segment]
        start = arguments.get("ExclusiveStartKey")
        if start:
            rows = [row for row in rows if place(row) > place(start)]
        return self._page(arguments, view, rows)

    def _page(self, arguments: Mapping[str, Any], view: View, rows: list[Typed]) -> dict[str, Any]:
        sizes = [size for size in (arguments.get("Limit"), self.page_size()) if size is not None]
        if not sizes or len(rows) < min(sizes):
            return {"Items": rows}
        items = rows[: min(sizes)]
        names = {*view.keys, *self.tables[arguments["TableName"]].keys}
        return {"Items": items, "LastEvaluatedKey": {name: items[-1][name] for name in names}}

    def _put_item(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        self._write_one("Put", arguments)
        return {}

    def _delete_item(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        self._write_one("Delete", arguments)
        return {}

    def _update_item(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        row = self._write_one("Update", arguments)
        return {"Attributes": row} if arguments.get("ReturnValues") == "ALL_NEW" else {}

    def _write_one(self, kind: str, arguments: Mapping[str, Any]) -> Typed | None:
        table, key, after, holds = self._planned(kind, arguments)
        if not holds:
            raise error("ConditionalCheckFailedException", kind)
        self._commit([(table, key, after)])
        return after

    def _batch_write_item(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        writes = []
        for name, requests in arguments["RequestItems"].items():
            for request in requests:
                ((kind, content),) = request.items()
                of = {"TableName": name, **content}
                table, key, after, _ = self._planned("Put" if kind == "PutRequest" else "Delete", of)
                writes.append((table, key, after))
        self._check_together(writes, BATCH_WRITE_MOST)
        for write in writes:
            self._commit([write])
        return {"UnprocessedItems": {}}

    def _transact_write_items(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        planned = [
            self._planned(kind, of) for each in arguments["TransactItems"] for kind, of in each.items()
        ]
        self._check_together([(table, key, after) for table, key, after, _ in planned], TRANSACTION_MOST)
        if not all(holds for _, _, _, holds in planned):
            codes = ["None" if holds else "ConditionalCheckFailed" for _, _, _, holds in planned]
            raise cancelled(codes)
        kinds = [kind for each in arguments["TransactItems"] for kind in each]
        self._commit(
            [
                (table, key, after)
                for kind, (table, key, after, _) in zip(kinds, planned, strict=True)
                if kind != "ConditionCheck"
            ]
        )
        return {}

    def _check_together(self, writes: Sequence[tuple[Table, Typed, Typed | None]], most: int) -> None:
        keys = {(table.name, table.key(key)) for table, key, _ in writes}
        if not 0 < len(writes) <= most or len(keys) < len(writes):
            raise Wrong("too many writes, none, or two of one row")

    def _planned(self, kind: str, arguments: Mapping[str, Any]) -> tuple[Table, Typed, Typed | None, bool]:
        """The row's key, what it will be, and whether the condition holds now."""
        table = self.tables[arguments["TableName"]]
        given = arguments["Item"] if kind == "Put" else arguments["Key"]
        if kind != "Put" or any(name not in given for name in table.keys):
            self._check_key(table, given)
        key = {name: given[name] for name in table.keys}
        before = table.rows.get(table.key(key))
        names = arguments.get("ExpressionAttributeNames", {})
        values = arguments.get("ExpressionAttributeValues", {})
        texts = [arguments.get("ConditionExpression", ""), arguments.get("UpdateExpression", "")]
        _check_used(" ".join(texts), names, values)
        holds = not texts[0] or expressions.condition(texts[0])(before or {}, names, values)
        after: Typed | None = before
        if kind == "Put":
            after = _normal(given)
        elif kind == "Update":
            after = _normal(expressions.updated(texts[1], before or key, names, values))
        elif kind == "Delete":
            after = None
        if holds and after is not None and kind in ("Put", "Update"):
            self._check_row(table, after, key)
        return table, key, after, holds

    def _check_key(self, table: Table, key: Mapping[str, Any]) -> None:
        if set(key) != set(table.keys):
            raise Wrong("the key does not match the schema")

    def _check_row(self, table: Table, row: Typed, key: Typed) -> None:
        if any(row.get(name) != key[name] for name in table.keys):
            raise Wrong("a key is never changed")
        for name, kind in table.types.items():
            if name in row and (kind not in row[name] or row[name][kind] == ""):
                raise Wrong(f"{name}: not what the key of an index can be")

    def _commit(self, writes: Iterable[tuple[Table, Typed, Typed | None]]) -> None:
        """All at one moment; a row that stays as it was is no change."""
        made = []
        for table, key, after in writes:
            row_key = table.key(key)
            before = table.rows.get(row_key)
            if before == after:
                continue
            self.number += 1
            write = Write(self.number, table.name, key, before, after)
            table.rows.put(row_key, after)
            for view in table.views():
                view.to_come.append(write)
            made.append(write)
        for write in made:
            self.written(write)


def _check_used(text: str, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
    used = set(expressions._TOKEN.findall(text))
    if set(values) != {each for each in used if each[0] == ":"}:
        raise Wrong("values that are not used, or not given")
    if set(names) != {each for each in used if each[0] == "#"}:
        raise Wrong("names that are not used, or not given")


def _normal(row: Mapping[str, Any]) -> Typed:
    """Numbers written as DynamoDB answers them."""
    return {name: {"N": _number(value["N"])} if "N" in value else dict(value) for name, value in row.items()}


def _number(text: str) -> str:
    number = Decimal(text)
    return f"{number.normalize():f}" if number else "0"


def error(code: str, operation: str, message: str = "", status: int = 400, **more: Any) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response | more, operation)


def cancelled(codes: Sequence[str]) -> ClientError:
    """A transaction that was not made, and why, of each of its parts."""
    reasons = [{"Code": code} for code in codes]
    return error("TransactionCanceledException", "TransactWriteItems", CancellationReasons=reasons)
