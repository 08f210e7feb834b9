"""AWS's rules, by figures worked out by hand."""

from typing import Any

import pytest

from benchmarks import units
from benchmarks.units import Index, Item, Table

TABLE = Table(
    ("id",),
    (
        Index(("status", "order"), frozenset({"id", "status", "order", "score"})),
        Index(("owner",), None),
    ),
)


def item(**values: str) -> Item:
    return {name: {"S": value} for name, value in values.items()}


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "abc"}, 3),
        ({"S": "é"}, 2),
        ({"B": b"1234"}, 4),
        ({"N": "0"}, 1),
        ({"N": "7"}, 2),
        ({"N": "90.5"}, 3),
        ({"N": "1000"}, 2),
        ({"N": "0.0012"}, 2),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"L": []}, 3),
        ({"L": [{"S": "ab"}, {"S": "c"}]}, 3 + 1 + 2 + 1 + 1),
        ({"M": {"name": {"S": "ab"}}}, 3 + 1 + 4 + 2),
    ],
)
def test_the_size_of_a_value_joins_that_of_its_name(value: Any, size: int) -> None:
    assert units.size_of({"é": value}) == 2 + size


@pytest.mark.parametrize(("length", "spent"), [(1, 1), (1018, 1), (1019, 2), (4000, 4)])
def test_a_write_costs_its_kilobytes_rounded_up(length: int, spent: int) -> None:
    """The names and the id take 6 bytes of the first 1,024."""
    row = item(id="123", x="a" * length)
    assert units.of_write(TABLE, None, row) == spent
    assert units.of_write(TABLE, row, None) == spent


def test_of_before_and_after_the_larger_counts() -> None:
    small, large = item(id="1"), item(id="1", x="a" * 3000)
    assert units.of_write(TABLE, small, large) == units.of_write(TABLE, large, small) == 3


def test_deleting_what_is_not_there_costs_one() -> None:
    assert units.of_write(TABLE, None, None) == 1


def test_an_index_whose_key_is_not_there_costs_nothing() -> None:
    assert units.of_write(TABLE, None, item(id="1", status="new")) == 1


def test_a_new_entry_costs_what_is_projected_of_it() -> None:
    row = item(id="1", status="new", order="1", x="a" * 3000)
    assert units.of_write(TABLE, None, row) == 3 + 1


def test_an_index_of_all_attributes_costs_the_whole_item() -> None:
    assert units.of_write(TABLE, None, item(id="1", owner="me", x="a" * 3000)) == 3 + 3


def test_an_entry_whose_key_changes_is_deleted_and_put() -> None:
    before = item(id="1", status="new", order="1", score="a" * 1500)
    after = item(id="1", status="old", order="1")
    assert units.of_write(TABLE, before, after) == 2 + (2 + 1)


def test_a_projected_attribute_that_changes_is_one_write_of_the_larger_entry() -> None:
    before = item(id="1", status="new", order="1", score="a" * 1500)
    after = item(id="1", status="new", order="1", score="9")
    assert units.of_write(TABLE, before, after) == 2 + 2


def test_what_is_not_projected_costs_an_index_nothing() -> None:
    before = item(id="1", status="new", order="1", x="1")
    after = item(id="1", status="new", order="1", x="2")
    assert units.of_write(TABLE, before, after) == 1


def test_an_entry_that_loses_its_key_is_deleted() -> None:
    before = item(id="1", status="new", order="1")
    assert units.of_write(TABLE, before, item(id="1", status="new")) == 1 + 1


def test_the_tables_are_the_templates() -> None:
    tallies, submissions = units.tables()["TalliesTable"], units.tables()["SubmissionsTable"]
    assert tallies == Table(("list", "node"), ())
    by_grader = Index(("grader_id", "id"), frozenset({"grader_id", "id"}))
    assert by_grader in submissions.indexes
