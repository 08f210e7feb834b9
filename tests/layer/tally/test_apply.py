"""Keeping the trees on DynamoDB Local: repeats, disorder, races, splits and moves."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from teaching import dynamo
from teaching.settings import settings
from teaching.tally import store, tree
from teaching.tally.apply import apply
from teaching.tally.nodes import Counted, read_ledgers
from teaching.tally.tree import Entry, Sum

pytestmark = pytest.mark.usefixtures("tables")


def any_label(label: str) -> bool:
    return True


class State:
    """What rows count as now, as the base tables would tell."""

    def __init__(self) -> None:
        self.counted: dict[str, Counted] = {}

    def set(self, identity: str, time: int, status: str = "submitted", score: int = 0, *lists: str) -> None:
        entry = Entry(f"{time:04}", identity, status, Decimal(score))
        self.counted[f"row#{identity}"] = dict.fromkeys(("all", *lists), entry)

    def __call__(self, ids: Sequence[str]) -> dict[str, Counted]:
        return {identity: self.counted[identity] for identity in ids if identity in self.counted}


def listed(name: str) -> list[tuple[str, str]]:
    """Ids and statuses, newest first, by pages of 7."""
    rows: list[tuple[str, str]] = []
    for offset in range(0, 10**6, 7):
        found = store.rows_at([name], any_label, offset, 7).rows
        if not found:
            return rows
        rows += [(row.id, row.label) for row in found]
    raise AssertionError("a list without end")


def test_a_row_is_counted_once_however_often_it_is_told() -> None:
    state = State()
    state.set("a", 1, "graded", 80)
    assert apply(["row#a", "row#a"], state).drifted == 1
    assert apply(["row#a"], state).drifted == 0
    assert store.totals("all") == Sum({"graded": 1}, Decimal(80))


def test_a_change_takes_along_what_it_had_counted() -> None:
    state = State()
    state.set("a", 1, "submitted", 0, "course 1")
    state.set("b", 2, "submitted", 0, "course 1")
    apply(["row#a", "row#b"], state)
    state.set("a", 3, "graded", 90, "course 2")
    apply(["row#a"], state)
    assert listed("all") == [("a", "graded"), ("b", "submitted")]
    assert listed("course 1") == [("b", "submitted")]
    assert store.totals("course 2") == Sum({"graded": 1}, Decimal(90))
    state.set("a", 3, "graded", 70, "course 2")
    apply(["row#a"], state)
    assert store.totals("course 2").scores == 70


def test_what_is_gone_counts_as_nothing_and_may_come_back() -> None:
    state = State()
    state.set("a", 1)
    apply(["row#a"], state)
    kept = state.counted.pop("row#a")
    apply(["row#a"], state)
    assert listed("all") == []
    state.counted["row#a"] = kept
    apply(["row#a"], state)
    assert listed("all") == [("a", "submitted")]


def test_lists_grow_over_many_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "LEAF_MOST", 4)
    monkeypatch.setattr(tree, "ROOT_MOST", 4)
    monkeypatch.setattr(tree, "BRANCH_MOST", 4)
    state = State()
    for at in range(150):
        state.set(f"{at:03}", at * 37 % 150, "submitted", 0, f"course {at % 3}")
    apply(list(state.counted), state)
    newest_first = sorted(state.counted.values(), key=lambda counted: counted["all"].key, reverse=True)
    assert [row for row, _ in listed("all")] == [counted["all"].id for counted in newest_first]
    assert [store.totals(f"course {at}").of(any_label) for at in range(3)] == [50, 50, 50]
    for identity in list(state.counted)[:140]:
        del state.counted[identity]
    apply([f"row#{at:03}" for at in range(140)], state)
    assert len(listed("all")) == 10


def test_a_transaction_never_holds_more_than_dynamodb_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    state = State()
    for at in range(60):
        state.set(f"{at}", at, "submitted", 0, *[f"own {at} {number}" for number in range(20)])
    sizes = []
    transact = dynamo.transact

    def counting(writes: Sequence[Mapping[str, Any]]) -> None:
        sizes.append(len(writes))
        transact(writes)

    monkeypatch.setattr(dynamo, "transact", counting)
    apply(list(state.counted), state)
    assert max(sizes) <= dynamo.TRANSACTION_LIMIT
    assert store.totals("all").of(any_label) == 60


def test_a_move_too_large_for_one_transaction_is_made_in_two() -> None:
    state = State()
    state.set("a", 1, "submitted", 0, *[f"old {number}" for number in range(60)])
    apply(["row#a"], state)
    state.set("a", 1, "graded", 5, *[f"new {number}" for number in range(60)])
    apply(["row#a"], state)
    assert [store.totals(f"old {number}").of(any_label) for number in (0, 59)] == [0, 0]
    assert [store.totals(f"new {number}").counts.get("graded") for number in (0, 59)] == [1, 1]
    assert store.totals("all") == Sum({"graded": 1}, Decimal(5))


def test_many_at_once_come_to_the_same() -> None:
    state = State()
    for at in range(120):
        state.set(f"{at:03}", at % 10, "submitted", 0, f"course {at % 3}")
    ids = list(state.counted)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda start: apply(ids[start::6] + ids[(start + 1) % 6 :: 6], state), range(6)))
    assert store.totals("all").of(any_label) == 120
    assert sorted(row for row, _ in listed("all")) == [f"{at:03}" for at in range(120)]


def test_whoever_read_an_older_state_cannot_write_it_later() -> None:
    """The state goes A, B, A: the last teller finds nothing to do, and yet the one who saw B has lost."""
    state = State()
    state.set("a", 1, "submitted")
    apply(["row#a"], state)
    told: list[int] = []

    def slow(ids: Sequence[str]) -> dict[str, Counted]:
        told.append(1)
        if len(told) > 1:
            return state(ids)
        state.set("a", 1, "graded", 50)
        seen = state(ids)
        state.set("a", 1, "submitted")
        apply(["row#a"], state)
        return seen

    apply(["row#a"], slow)
    assert len(told) == 2
    assert listed("all") == [("a", "submitted")]


@pytest.mark.parametrize("damage", ["lost", "unreadable"])
def test_a_damaged_leaf_does_not_stop_the_list(damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "LEAF_MOST", 4)
    monkeypatch.setattr(tree, "ROOT_MOST", 4)
    monkeypatch.setattr(dynamo, "pause", lambda attempt: None)
    state = State()
    for at in range(20):
        state.set(f"{at:02}", at)
    apply(list(state.counted), state)
    table = settings().tallies_table
    leaf = next(
        row
        for row in dynamo.query(table, "#list = :list", {":list": "all"}, consistent=True)
        if row["node"] != "root"
    )
    key = {"list": leaf["list"], "node": leaf["node"]}
    if damage == "lost":
        dynamo.delete(table, key)
    else:
        dynamo.put(table, leaf | {"content": b"rubbish"})
    apply(list(state.counted), state, repair={})
    assert [row for row, _ in listed("all")] == [f"{at:02}" for at in range(19, -1, -1)]
    assert store.totals("all").of(any_label) == 20


def test_the_only_row_of_a_leaf_may_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "LEAF_MOST", 1)
    monkeypatch.setattr(tree, "ROOT_MOST", 2)
    state = State()
    for at in range(6):
        state.set(f"{at}", at)
    apply(list(state.counted), state)
    for time in range(10, 20):
        state.set(f"{time % 6}", time)
        state.set(f"{time % 5}", time, "graded")
        apply([f"row#{time % 6}", f"row#{time % 5}"], state)
        newest_first = sorted(state.counted.values(), key=lambda counted: counted["all"].key, reverse=True)
        assert [row for row, _ in listed("all")] == [counted["all"].id for counted in newest_first]


def test_the_ledger_says_what_is_counted() -> None:
    state = State()
    state.set("a", 1, "graded", 80, "course 1")
    apply(["row#a"], state)
    ledger = read_ledgers(["row#a"])["row#a"]
    assert ledger == (1, state.counted["row#a"])
