"""What the meter counts, with a client that answers everything at once."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock, patch

import pytest

from benchmarks.meter import metered
from teaching import dynamo

TABLE = "SubmissionsTable"


@pytest.fixture(autouse=True)
def client() -> Iterator[Mock]:
    consumed = {"TableName": TABLE, "CapacityUnits": 1.5}
    client = Mock()
    client.query.return_value = {"Items": [], "ConsumedCapacity": consumed}
    client.batch_get_item.return_value = {"Responses": {}, "ConsumedCapacity": [consumed, consumed]}
    client.put_item.return_value = {"ConsumedCapacity": consumed}
    with patch.object(dynamo, "client", lambda: client):
        yield client


def ask() -> Any:
    return list(dynamo.query(TABLE, "id = :id", {":id": "1"}))


def ask_twice() -> list[Any]:
    return [ask(), ask()]


def test_requests_one_after_the_other_are_a_trip_each() -> None:
    with metered() as cost:
        ask_twice()
    assert (cost.requests, cost.trips) == (2, 2)


def test_requests_at_once_take_the_trips_of_the_longest() -> None:
    with metered() as cost:
        ask()
        dynamo.at_once(ask, ask_twice, lambda: dynamo.both(ask_twice, ask))
    assert (cost.requests, cost.trips) == (7, 3)


def test_units_are_counted_by_table_and_apart_for_writes() -> None:
    with metered() as cost:
        ask()
        dynamo.batch_get({TABLE: [{"id": "1"}]})
        dynamo.put(TABLE, {"id": "1"})
    assert (cost.reads_of, cost.read_units) == ({TABLE: 4.5}, 4.5)
    assert (cost.writes, cost.write_units) == (1, 1.5)


def test_capacity_is_asked_for_while_the_meter_runs_only(client: Mock) -> None:
    with metered():
        ask()
    assert client.query.call_args.kwargs["ReturnConsumedCapacity"] == "TOTAL"
    ask()
    assert "ReturnConsumedCapacity" not in client.query.call_args.kwargs
