"""Indexes of tables that are there already, brought to what the template says; rows stay as they are."""

import time
from collections.abc import Mapping
from typing import Any

Table = Mapping[str, Any]
"""What CreateTable takes, or DescribeTable tells."""


def differs(wanted: Table, found: Table) -> str | None:
    """What of the table itself is otherwise, and can't be changed while it has rows."""
    if wanted["KeySchema"] != found["KeySchema"] or _types(wanted, wanted) != _types(found, found):
        return "keys"
    if wanted.get("StreamSpecification") != found.get("StreamSpecification"):
        return "stream"
    return None


def update(dynamo: Any, wanted: Table, found: Table) -> list[str]:
    """Removes the indexes that the template has not, adds those that it has, and makes changed ones anew.
    Gives the names of what was added, in which a row is as far as it has the attributes.
    """
    there, here = _indexes(wanted), _indexes(found)
    for name in here:
        if here[name] != there.get(name):
            _change(dynamo, wanted, {"Delete": {"IndexName": name}})
    added = [name for name in there if there[name] != here.get(name)]
    for index in wanted.get("GlobalSecondaryIndexes", []):
        if index["IndexName"] in added:
            _change(dynamo, wanted, {"Create": index})
    return added


def _indexes(table: Table) -> dict[str, Any]:
    """By name, all that makes one index another."""
    return {
        index["IndexName"]: (
            index["KeySchema"],
            _types(table, index),
            index["Projection"]["ProjectionType"],
            sorted(index["Projection"].get("NonKeyAttributes", [])),
        )
        for index in table.get("GlobalSecondaryIndexes", [])
    }


def _types(table: Table, keyed: Table) -> dict[str, str]:
    """The types of the attributes that are keys of the table, or of an index of it."""
    names = {part["AttributeName"] for part in keyed["KeySchema"]}
    return {
        definition["AttributeName"]: definition["AttributeType"]
        for definition in table["AttributeDefinitions"]
        if definition["AttributeName"] in names
    }


def _change(dynamo: Any, table: Table, change: Mapping[str, Any]) -> None:
    """One index at a time, as DynamoDB wants it."""
    name = table["TableName"]
    types = {"AttributeDefinitions": table["AttributeDefinitions"]} if "Create" in change else {}
    dynamo.update_table(TableName=name, GlobalSecondaryIndexUpdates=[change], **types)
    while _is_changing(dynamo.describe_table(TableName=name)["Table"]):
        time.sleep(0.1)


def _is_changing(table: Table) -> bool:
    statuses = [index["IndexStatus"] for index in table.get("GlobalSecondaryIndexes", [])]
    return {table["TableStatus"], *statuses} != {"ACTIVE"}
