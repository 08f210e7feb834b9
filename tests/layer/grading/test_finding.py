"""Which way a search goes to what it finds."""

from math import inf

import pytest

from teaching.errors import InvalidQuery
from teaching.grading import finding
from teaching.grading.finding import ASKED_MOST, ITEMS_LOOKED_MOST, ROWS_LOOKED_MOST, Plan, plan

SEVEN, MODUL, ALL = frozenset({"7"}), frozenset({"modul"}), frozenset({"modul", "7"})


def people(first: int, last: int) -> set[str]:
    return {f"p{number}" for number in range(first, last)}


def test_items_are_grouped_by_what_their_titles_lack() -> None:
    titles = {"a": "modul 7", "b": "modul 17", "c": "modul 3", "d": "modul 4", "e": "esai", "f": ""}
    expected = {frozenset(): ["a", "b"], SEVEN: ["c", "d"], ALL: ["e", "f"]}
    assert finding.groups(titles, ["modul", "7"]) == expected


def test_few_people_are_asked_and_few_submissions_looked_through() -> None:
    holders = {SEVEN: people(0, 1000), ALL: people(0, 3)}
    groups = {SEVEN: ["c"], ALL: []}
    assert plan(groups, {SEVEN: 200}, holders.get, limited=True) == Plan(people(0, 3), {"c"})
    assert plan(groups, {SEVEN: 20_000}, holders.get, limited=True) == Plan(people(0, 1000), set())
    assert plan(groups, {}, holders.get, limited=True) == Plan(people(0, 1000), set())


def test_who_is_asked_anyway_costs_nothing_more() -> None:
    holders = {SEVEN: people(0, 1010), ALL: people(0, 1000)}
    groups = {ALL: [], SEVEN: ["c"]}
    assert plan(groups, {SEVEN: 200}, holders.get, limited=True) == Plan(people(0, 1010), set())


def test_people_who_are_too_many_to_be_known_are_not_asked() -> None:
    assert plan({SEVEN: ["c"]}, {SEVEN: 200}, lambda _: None, limited=True) == Plan(set(), {"c"})


@pytest.mark.parametrize(
    ("holders", "size"), [(None, None), (None, ROWS_LOOKED_MOST + 1), (ASKED_MOST + 1, None)]
)
def test_what_has_no_way_is_too_much(holders: int | None, size: int | None) -> None:
    sizes = {} if size is None else {SEVEN: size}
    known = None if holders is None else people(0, holders)
    with pytest.raises(InvalidQuery, match="more specific"):
        plan({SEVEN: ["c"]}, sizes, lambda _: known, limited=True)


def test_the_limits_are_those_of_all_groups_together() -> None:
    groups = {SEVEN: ["c"], MODUL: ["d"]}
    sizes = dict.fromkeys(groups, ROWS_LOOKED_MOST // 2 + 1)
    with pytest.raises(InvalidQuery):
        plan(groups, sizes, lambda _: None, limited=True)
    many = {SEVEN: people(0, ASKED_MOST), MODUL: people(1, ASKED_MOST + 1)}
    with pytest.raises(InvalidQuery):
        plan(groups, {}, many.get, limited=True)
    assert plan(groups, {}, many.get, limited=False) == Plan(people(0, ASKED_MOST + 1), set())


@pytest.mark.parametrize(
    ("items", "holders", "worth"),
    [
        (0, inf, False),
        (1, finding.FEW, False),
        (1, finding.FEW + 1, True),
        (1, inf, True),
        (100, 300, False),
        (100, 301, True),
        (ITEMS_LOOKED_MOST, inf, True),
        (ITEMS_LOOKED_MOST + 1, inf, False),
    ],
)
def test_whether_submissions_are_worth_counting(items: int, holders: float, worth: bool) -> None:
    known = None if holders == inf else people(0, int(holders))
    assert finding.may_be_looked_through([""] * items, known) is worth
