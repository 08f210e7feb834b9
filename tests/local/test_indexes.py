"""A table of an old data folder under a template that says something else."""

from copy import deepcopy
from typing import Any

import pytest

from local import store
from local.store import StoreError
from local.template import Template
from tests.support import new_id

Table = dict[str, Any]


def index(name: str, key: str, **projection: Any) -> Table:
    keys = [{"AttributeName": key, "KeyType": "HASH"}]
    return {"IndexName": name, "KeySchema": keys, "Projection": projection}


@pytest.fixture
def table(store: str) -> Table:
    """Not made yet: a table of a name of its own, with one index."""
    return {
        "TableName": f"T-{new_id()}",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("id", "a")],
        "GlobalSecondaryIndexes": [index("by_a", "a", ProjectionType="KEYS_ONLY")],
    }


class Made:
    """The table as it is at the store, and what templates make of it."""

    def __init__(self, endpoint: str, facts: Template, table: Table) -> None:
        self.endpoint, self.facts, self.table = endpoint, facts, table
        self.dynamo = store.client("dynamodb", endpoint)
        self.dynamo.create_table(**table)

    def under(self, table: Table) -> dict[str, Table]:
        """The indexes, by name, after a start with this table in the template."""
        facts = deepcopy(self.facts)
        facts.__dict__["tables"] = {self.table["TableName"]: table}
        store.create_tables(self.endpoint, facts)
        described = self.dynamo.describe_table(TableName=self.table["TableName"])["Table"]
        return {found["IndexName"]: found for found in described.get("GlobalSecondaryIndexes", [])}


@pytest.fixture
def made(store: str, facts: Template, table: Table) -> Made:
    return Made(store, facts, table)


def test_an_index_that_is_new_has_the_rows_that_were_there(made: Made) -> None:
    row = {"id": {"S": "1"}, "a": {"S": "x"}, "b": {"S": "y"}}
    made.dynamo.put_item(TableName=made.table["TableName"], Item=row)
    table = deepcopy(made.table)
    table["AttributeDefinitions"].append({"AttributeName": "b", "AttributeType": "S"})
    table["GlobalSecondaryIndexes"].append(index("by_b", "b", ProjectionType="ALL"))
    assert made.under(table).keys() == {"by_a", "by_b"}
    found = made.dynamo.query(
        TableName=made.table["TableName"],
        IndexName="by_b",
        KeyConditionExpression="b = :b",
        ExpressionAttributeValues={":b": {"S": "y"}},
    )
    assert found["Items"] == [row]


def test_an_index_that_is_gone_is_removed(made: Made) -> None:
    table = {key: value for key, value in made.table.items() if key != "GlobalSecondaryIndexes"}
    table["AttributeDefinitions"] = table["AttributeDefinitions"][:1]
    assert made.under(table) == {}


def test_an_index_that_has_changed_is_made_anew(made: Made) -> None:
    table = deepcopy(made.table)
    table["GlobalSecondaryIndexes"] = [
        index("by_a", "a", ProjectionType="INCLUDE", NonKeyAttributes=["c", "d"])
    ]
    projection = made.under(table)["by_a"]["Projection"]
    assert (projection["ProjectionType"], set(projection["NonKeyAttributes"])) == ("INCLUDE", {"c", "d"})
    table["GlobalSecondaryIndexes"][0]["Projection"]["NonKeyAttributes"] = ["d", "c"]
    at_the_store = made.dynamo.describe_table(TableName=table["TableName"])["Table"]
    assert made.under(table)["by_a"]["IndexArn"] == at_the_store["GlobalSecondaryIndexes"][0]["IndexArn"]


def test_keys_that_have_changed_are_told(made: Made) -> None:
    table = made.table | {"KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}]}
    with pytest.raises(StoreError, match=r"the keys of T-.* `make reset` forgets the data"):
        made.under(table)


def test_a_stream_that_has_changed_is_told(made: Made) -> None:
    stream = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}}
    with pytest.raises(StoreError, match=r"the stream of T-.* `make reset` forgets the data"):
        made.under(made.table | stream)
