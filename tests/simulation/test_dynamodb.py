"""The store in memory answers as DynamoDB Local does, so that what is seen with it can be believed."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.store import client
from local.template import Template
from teaching import dynamo
from tests.simulation import expressions
from tests.simulation.dynamodb import Store

Operation = tuple[str, dict[str, Any]]

IDS = [f"row-{number}" for number in range(5)]
TABLES = ("SubmissionsTable", "PresencesTable", "HistoryTable", "TalliesTable")


def key_of(table: str, random: Random) -> dict[str, Any]:
    one, other = random.choice(IDS), random.choice(IDS)
    keys: dict[str, dict[str, Any]] = {
        "SubmissionsTable": {"id": one},
        "PresencesTable": {"session_id": one, "participant_id": other},
        "HistoryTable": {"subject": one, "version": random.randrange(12)},
        "TalliesTable": {"list": one, "node": other},
    }
    return keys[table]


def values_of(table: str, random: Random) -> dict[str, Any]:
    """Attributes other than keys, some of them keys of indexes."""
    if table == "HistoryTable":
        return {"score": Decimal(random.choice(["90", "90.50", "0", "1E+2"]))}
    values: dict[str, Any] = {
        "note": random.choice(["a", "b", None, True, ["x", {"y": 1}], b"\x00\xff"]),
        "score": Decimal(random.choice(["90", "90.50", "0", "1E+2", "0.000001"])),
    }
    if table == "SubmissionsTable":
        values |= {
            name: random.choice(["p", "q#1", "q#2", "ß", "\U00010000"])
            for name in ("status", "order_key", "user_id", "asesor_id", "asesor_item")
            if random.random() < 0.7
        }
    if table == "PresencesTable":
        values |= {"name_key": random.choice(["ani#1", "budi#2"]), "invited": True}
    if random.random() < 0.6:
        values["version"] = random.randrange(3)
    return values


def conditional(random: Random) -> tuple[str | None, dict[str, Any] | None]:
    return random.choice(
        [
            (None, None),
            ("attribute_not_exists(version)", None),
            ("attribute_exists(version)", None),
            ("version = :version", {":version": random.randrange(3)}),
            ("version < :version OR attribute_not_exists(version)", {":version": 2}),
            ("#status = :status", {":status": "p"}),
            (
                "note <> :note AND (score >= :score OR begins_with(#status, :q))",
                {":note": "a", ":score": 90, ":q": "q"},
            ),
        ]
    )


def update(table: str, key: dict[str, Any], random: Random) -> dict[str, Any]:
    changes = values_of(table, random)
    changes = {name: value for name, value in changes.items() if name not in ("version", "invited")}
    if random.random() < 0.4:
        changes[random.choice(sorted(changes))] = None
    condition, values = conditional(random)
    return dynamo.update_arguments(table, key, changes, condition=condition, values=values)


def write(table: str, random: Random) -> dict[str, Any]:
    """Part of a transaction. The version of a row of the history is its key, and so never changed."""
    key = key_of(table, random)
    condition, values = conditional(random)
    match random.randrange(4):
        case 1 if table != "HistoryTable":
            return {"Update": update(table, key, random)}
        case 0 | 1:
            item = {**values_of(table, random), **key}
            return {"Put": dynamo.put_arguments(table, item, condition=condition, values=values)}
        case 2:
            return {"Delete": dynamo.delete_arguments(table, key, condition=condition, values=values)}
        case _:
            return dynamo.check(table, key, "version = :version", {":version": random.randrange(3)})


def an_operation(random: Random) -> Operation:
    table = random.choice(TABLES)
    key = key_of(table, random)
    condition, values = conditional(random)
    match random.randrange(9):
        case 2 | 3 if table != "HistoryTable":
            return "update_item", update(table, key, random) | {"ReturnValues": "ALL_NEW"}
        case 0 | 1 | 2 | 3:
            item = {**values_of(table, random), **key}
            return "put_item", dynamo.put_arguments(table, item, condition=condition, values=values)
        case 4:
            return "delete_item", dynamo.delete_arguments(table, key, condition=condition, values=values)
        case 5:
            return "get_item", {"TableName": table, "Key": dynamo.to_item(key), "ConsistentRead": True}
        case 6:
            keys = [dynamo.to_item(key_of(table, random)) for _ in range(3)]
            return "batch_get_item", {"RequestItems": {table: {"Keys": keys, "ConsistentRead": True}}}
        case 7:
            puts: list[dict[str, Any]] = [
                {
                    "PutRequest": {
                        "Item": dynamo.to_item({**values_of(table, random), **key_of(table, random)})
                    }
                }
                for _ in range(3)
            ]
            deletes = [{"DeleteRequest": {"Key": dynamo.to_item(key)}}]
            return "batch_write_item", {"RequestItems": {table: puts + deletes}}
        case _:
            tables = random.sample(TABLES, random.randrange(1, 4))  # No row twice.
            return "transact_write_items", {"TransactItems": [write(name, random) for name in tables]}


def queries(random: Random) -> Iterator[Operation]:
    """Reads of every index, in both orders, cut into pages, and scans of all and of segments."""
    for index, (name, begin) in {
        "by_status": ("status", "order_key"),
        "by_participant": ("user_id", "id"),
        "by_asesor_item": ("asesor_item", "order_key"),
    }.items():
        for value in ("p", "q#1", "ß"):
            yield (
                "query",
                {
                    "TableName": "SubmissionsTable",
                    "IndexName": index,
                    "KeyConditionExpression": f"#{name} = :value AND {begin} BETWEEN :low AND :high",
                    "ExpressionAttributeNames": {f"#{name}": name},
                    "ExpressionAttributeValues": dynamo.to_item(
                        {":value": value, ":low": "a", ":high": "\U0010ffff"}
                    ),
                    "ScanIndexForward": random.random() < 0.5,
                    "Limit": random.randrange(1, 4),
                },
            )
    for row in IDS:
        yield (
            "query",
            {
                "TableName": "HistoryTable",
                "KeyConditionExpression": "subject = :subject",
                "ExpressionAttributeValues": dynamo.to_item({":subject": row}),
                "ConsistentRead": True,
                "ScanIndexForward": random.random() < 0.5,
                "Limit": random.randrange(1, 4),
            },
        )
    for table in TABLES:
        yield "scan", {"TableName": table, "Limit": 2}
    yield "scan", {"TableName": "SubmissionsTable", "IndexName": "by_status"}


def answer(execute: Callable[..., Any], operation: str, arguments: Mapping[str, Any]) -> Any:
    """What is answered, over all pages; rows that come in no order, in one."""
    items: list[str] = []
    start: dict[str, Any] = {}
    while True:
        try:
            found = execute(operation, {**arguments, **start})
        except ClientError as error:
            codes = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
            return dynamo.code_of(error), codes
        items += map(shown, found.get("Items", ()))
        if "LastEvaluatedKey" not in found:
            break
        start = {"ExclusiveStartKey": found["LastEvaluatedKey"]}
    if "Items" in found:
        in_order = operation == "query" and "IndexName" not in arguments
        return items if in_order else sorted(items)
    if "Responses" in found:
        return {table: sorted(map(shown, rows)) for table, rows in found["Responses"].items()}
    return {name: shown(value) for name, value in found.items() if name in ("Item", "Attributes")}


def shown(item: Mapping[str, Any]) -> str:
    """An item whatever the order of its attributes; numbers by what they are, for an update's answer in
    DynamoDB Local has them as they were given.
    """
    plain = {name: expressions.plain(value) for name, value in item.items()}
    numbers = {name: value.normalize() for name, value in plain.items() if isinstance(value, Decimal)}
    return str(sorted((plain | numbers).items()))


def in_order(execute: Callable[..., Any], arguments: Mapping[str, Any]) -> list[str]:
    """The range keys of a query's rows; those that share one come in any order."""
    name = arguments["KeyConditionExpression"].split(" AND ")[-1].split(" ")[0]
    return [item[name]["S"] for item in execute("query", arguments)["Items"] if name in item]


@pytest.mark.parametrize("seed", range(6))
def test_random_operations_are_answered_as_dynamodb_local_answers_them(
    tables: str, facts: Template, seed: int
) -> None:
    random = Random(seed)
    real, store = client("dynamodb", tables), Store(facts)

    def really(operation: str, arguments: Mapping[str, Any]) -> Any:
        return getattr(real, operation)(**arguments)

    for _ in range(120):
        operation, arguments = an_operation(random)
        expected = answer(really, operation, arguments)
        assert answer(store.execute, operation, arguments) == expected, (operation, arguments)
    for operation, arguments in queries(random):
        assert answer(store.execute, operation, arguments) == answer(really, operation, arguments), arguments
        if "IndexName" in arguments and operation == "query":
            assert in_order(store.execute, arguments) == in_order(really, arguments), arguments


def test_segments_of_a_scan_hold_everything_once(facts: Template) -> None:
    store = Store(facts)
    for number in range(40):
        store.execute("put_item", dynamo.put_arguments("UsersTable", {"id": str(number)}))
    found = [
        row["id"]["S"]
        for segment in range(3)
        for row in store.execute("scan", {"TableName": "UsersTable", "Segment": segment, "TotalSegments": 3})[
            "Items"
        ]
    ]
    assert sorted(map(int, found)) == list(range(40))
