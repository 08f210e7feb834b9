"""What the meter counts of the layer's requests, by figures worked out by hand, on DynamoDB Local."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from benchmarks.meter import metered
from teaching import dynamo
from teaching.dynamo import ConditionFailed, Item

TALLIES, USERS, SUBMISSIONS = "TalliesTable", "UsersTable", "SubmissionsTable"

pytestmark = pytest.mark.usefixtures("tables")


def node(name: str, size: int = 10) -> Item:
    """A row of the list `all`."""
    return {"list": "all", "node": name, "content": b"x" * size}


def key(name: str) -> dynamo.Key:
    return {"list": "all", "node": name}


def ask() -> Any:
    return list(dynamo.query(TALLIES, "#list = :list", {":list": "none"}))


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


def test_threads_add_up_but_for_their_trips() -> None:
    with metered() as cost, ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: ask_twice(), range(8)))
    assert (cost.requests, cost.reads) == (16, 8)
    assert cost.trips < 16


def test_the_meter_stops_with_its_block() -> None:
    with metered() as cost:
        ask()
    ask()
    assert cost.requests == 1


@pytest.mark.parametrize(("consistent", "least"), [(False, 0.5), (True, 1)])
def test_what_is_not_there_costs_as_the_smallest_item(consistent: bool, least: float) -> None:
    with metered() as cost:
        dynamo.get(TALLIES, key("1"), consistent=consistent)
    assert cost.reads == least
    with metered() as cost:
        dynamo.batch_get({TALLIES: [key("1"), key("2")], USERS: [{"id": "1"}]}, consistent=consistent)
    assert cost.reads_of == {TALLIES: 2 * least, USERS: least}
    with metered() as cost:
        list(dynamo.query(TALLIES, "#list = :list", {":list": "none"}, consistent=consistent))
    assert cost.reads == least
    with metered() as cost:
        dynamo.scan(TALLIES)
    assert cost.reads == 0.5


def test_a_batch_rounds_every_item_up_and_a_query_their_sum() -> None:
    for name in ("1", "2"):
        dynamo.put(TALLIES, node(name, 5000))
    with metered() as cost:
        dynamo.batch_get({TALLIES: [key("1"), key("2"), key("3")]})
    assert cost.reads == 1 + 1 + 0.5
    with metered() as cost:
        list(dynamo.query(TALLIES, "#list = :list", {":list": "all"}))
    assert cost.reads == 1.5


def test_an_index_is_read_at_the_size_of_its_entries() -> None:
    """By AWS's rules, by Scan as by Query, however large the rows are."""
    for number in range(8):
        row = {"id": str(number), "user_id": "2", "asesor_id": "3" * 1000, "feedback": "x" * 20_000}
        dynamo.put(SUBMISSIONS, row)
    with metered() as cost:
        dynamo.scan(SUBMISSIONS, index="by_participant")
    assert cost.reads == 1
    with metered() as cost:
        list(dynamo.query(SUBMISSIONS, "user_id = :user", {":user": "2"}, index="by_participant"))
    assert cost.reads == 1


def test_writes_are_counted_by_table_and_by_list() -> None:
    with metered() as cost:
        dynamo.put(TALLIES, node("1", 2000))
        dynamo.put(TALLIES, {**node("1"), "list": "other"})
        dynamo.put(USERS, {"id": "1"})
    assert cost.writes_of == {TALLIES: 3, USERS: 1}
    assert cost.writes_of_key == {"all": 2, "other": 1}
    assert (cost.writes, cost.write_requests, cost.wasted) == (4, 3, 0)


def test_a_put_and_a_delete_cost_what_was_there() -> None:
    dynamo.put(TALLIES, node("1", 3000))
    with metered() as cost:
        dynamo.put(TALLIES, node("1"))
    assert cost.writes == 3
    with metered() as cost:
        dynamo.delete(TALLIES, key("1"))
        dynamo.delete(TALLIES, key("1"))
    assert cost.writes == 2


def test_an_update_costs_the_row_and_the_indexes_that_it_touches() -> None:
    """Of the grade that is new and of its new key only `by_status` knows, of the key twice."""
    row = {"id": "1", "status": "submitted", "order_key": "submitted#1", "user_id": "2", "version": 1}
    dynamo.put(SUBMISSIONS, row)
    with metered() as cost:
        dynamo.update_from(SUBMISSIONS, {"id": "1"}, row, {"score": 90})
    assert cost.writes == 1 + 1
    row["version"] = 2
    with metered() as cost:
        dynamo.update_from(SUBMISSIONS, {"id": "1"}, row, {"order_key": "submitted#2"})
    assert cost.writes == 1 + 2


def test_a_transaction_doubles_every_unit() -> None:
    row = {"id": "1", "status": "submitted", "order_key": "submitted#1", "user_id": "2"}
    with metered() as cost:
        dynamo.transact(
            [
                {"Put": dynamo.put_arguments(TALLIES, node("1", 2000))},
                {"Put": dynamo.put_arguments(SUBMISSIONS, row)},
                {"Delete": dynamo.delete_arguments(TALLIES, key("2"))},
            ]
        )
    assert cost.writes_of == {TALLIES: 2 * (2 + 1), SUBMISSIONS: 2 * (1 + 1 + 1)}


def test_rows_of_a_batch_cost_what_they_would_alone() -> None:
    puts = [{"PutRequest": {"Item": dynamo.to_item(node(name, 1500))}} for name in "12"]
    deletes = [{"DeleteRequest": {"Key": dynamo.to_item(key("3"))}}]
    with metered() as cost:
        dynamo.call("batch_write_item", RequestItems={TALLIES: [*puts, *deletes]})
    assert (cost.writes, cost.write_requests) == (5, 1)


def test_a_condition_that_fails_wastes_what_is_there() -> None:
    dynamo.put(TALLIES, node("1", 3000))
    with metered() as cost, pytest.raises(ConditionFailed):
        dynamo.update(TALLIES, key("1"), {"content": b"y"}, condition="version = :v", values={":v": 7})
    assert (cost.writes, cost.wasted) == (3, 3)
    with metered() as cost, pytest.raises(ConditionFailed):
        dynamo.update(TALLIES, key("2"), {"content": b"y"}, condition="version = :v", values={":v": 7})
    assert (cost.writes, cost.wasted) == (1, 1)


def test_a_cancelled_transaction_wastes_all_of_it() -> None:
    stale = {"Put": dynamo.put_arguments(TALLIES, node("1"), condition="attribute_exists(version)")}
    other = {"Put": dynamo.put_arguments(TALLIES, node("2", 1500))}
    with metered() as cost, pytest.raises(ConditionFailed):
        dynamo.transact([stale, other])
    assert cost.writes == cost.wasted == 2 * (1 + 2)
