"""Keeping the trees on DynamoDB Local: repeats, disorder, races, splits and moves."""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from benchmarks.meter import metered
from teaching import dynamo
from teaching.settings import settings
from teaching.tally import apply as applying
from teaching.tally import store, tree, writer
from teaching.tally.apply import Applied, apply
from teaching.tally.nodes import Counted, Ledger, NodeName, Stored, read_ledgers, read_nodes
from teaching.tally.tree import ROOT, Branch, Change, Entry, Key, Leaf, Sum
from teaching.tally.writer import TRIES

pytestmark = pytest.mark.usefixtures("tables")


LISTS = ("all", "course 0", "course 1", "course 2")
ALL_WELL = Applied(0, frozenset(), frozenset())


def any_label(label: str) -> bool:
    return True


def totals(list_name: str) -> Sum:
    found = store.totals(list_name)
    assert found
    return found


class State:
    """What rows count as now, as the base tables would tell."""

    def __init__(self) -> None:
        self.counted: dict[str, Counted] = {}

    def set(self, identity: str, time: int, status: str = "submitted", score: int = 0, *lists: str) -> None:
        known = self.counted.get(f"row#{identity}")
        version = known.version + 1 if known else 1
        entry = Entry(f"{time:04}", identity, status, Decimal(score), version=version)
        self.counted[f"row#{identity}"] = Counted(version, dict.fromkeys(("all", *lists), entry))

    def newest_first(self) -> list[str]:
        entries = [counted.entries["all"] for counted in self.counted.values()]
        return [entry.id for entry in sorted(entries, key=lambda entry: entry.key, reverse=True)]

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
    assert apply(["row#a", "row#a"], state) == ALL_WELL._replace(drifted=1)
    assert apply(["row#a"], state) == ALL_WELL
    assert totals("all") == Sum({"graded": 1}, Decimal(80))


def test_a_change_takes_along_what_it_had_counted() -> None:
    state = State()
    state.set("a", 1, "submitted", 0, "course 1")
    state.set("b", 2, "submitted", 0, "course 1")
    apply(["row#a", "row#b"], state)
    state.set("a", 3, "graded", 90, "course 2")
    apply(["row#a"], state)
    assert listed("all") == [("a", "graded"), ("b", "submitted")]
    assert listed("course 1") == [("b", "submitted")]
    assert totals("course 2") == Sum({"graded": 1}, Decimal(90))
    state.set("a", 3, "graded", 70, "course 2")
    apply(["row#a"], state)
    assert totals("course 2").scores == 70


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
    monkeypatch.setattr(tree, "WHOLE_MOST", 4)
    monkeypatch.setattr(tree, "ROOT_MOST", 4)
    monkeypatch.setattr(tree, "ROOT_OF_LEAVES_MOST", 4)
    monkeypatch.setattr(tree, "BRANCH_MOST", 4)
    state = State()
    for at in range(150):
        state.set(f"{at:03}", at * 37 % 150, "submitted", 0, f"course {at % 3}")
    apply(list(state.counted), state)
    assert [row for row, _ in listed("all")] == state.newest_first()
    assert [totals(f"course {at}").of(any_label) for at in range(3)] == [50, 50, 50]
    for identity in list(state.counted)[:140]:
        del state.counted[identity]
    apply([f"row#{at:03}" for at in range(140)], state)
    assert len(listed("all")) == 10


def test_many_at_once_come_to_the_same() -> None:
    state = State()
    for at in range(120):
        state.set(f"{at:03}", at % 10, "submitted", 0, f"course {at % 3}")
    ids = list(state.counted)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda start: apply(ids[start::6] + ids[(start + 1) % 6 :: 6], state), range(6)))
    assert totals("all").of(any_label) == 120
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


def test_the_only_row_of_a_leaf_may_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "LEAF_MOST", 1)
    monkeypatch.setattr(tree, "WHOLE_MOST", 1)
    monkeypatch.setattr(tree, "ROOT_MOST", 2)
    monkeypatch.setattr(tree, "ROOT_OF_LEAVES_MOST", 2)
    state = State()
    for at in range(6):
        state.set(f"{at}", at)
    apply(list(state.counted), state)
    for time in range(10, 20):
        state.set(f"{time % 6}", time)
        state.set(f"{time % 5}", time, "graded")
        apply([f"row#{time % 6}", f"row#{time % 5}"], state)
        assert [row for row, _ in listed("all")] == state.newest_first()


def test_the_ledger_says_what_is_counted() -> None:
    state = State()
    state.set("a", 1, "graded", 80, "course 1")
    apply(["row#a"], state)
    ledger = read_ledgers(["row#a"])["row#a"]
    assert ledger == (2, state.counted["row#a"], frozenset())
    state.set("a", 1, "graded", 80, "course 1")
    apply(["row#a"], state)
    assert read_ledgers(["row#a"])["row#a"] == (3, state.counted["row#a"], frozenset())


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes so small that every few rows cut and merge them."""
    for most in ("LEAF_MOST", "WHOLE_MOST", "BRANCH_MOST", "ROOT_MOST", "ROOT_OF_LEAVES_MOST"):
        monkeypatch.setattr(tree, most, 4)


Table = dict[tuple[str, str], Stored]


def stored_nodes() -> Table:
    rows, following = dynamo.scan(settings().tallies_table)
    assert not following
    names = [(row["list"], row["node"]) for row in rows if row["node"] not in ("ledger", "made")]
    return read_nodes(names, consistent=True)


def stored_entries(table: Table, list_name: str, name: str = ROOT, low: Key = ("", "")) -> list[Entry]:
    """All entries of a list, after checking every version, sum and bound on the way."""
    node, _ = table.get((list_name, name), Stored(tree.EMPTY, 0))
    if isinstance(node, Leaf):
        return list(node.entries)
    assert isinstance(node, Branch)
    entries: list[Entry] = []
    for at, child in enumerate(node.children):
        begins = child.low if at else low
        below = stored_entries(table, list_name, child.node, begins)
        assert child.version == table[list_name, child.node].version
        assert child.sum == tree.total(Leaf(tuple(below)))
        assert all(entry.key >= begins for entry in below)
        later = node.children[at + 1 : at + 2]
        assert not later or all(entry.key < later[0].low for entry in below)
        entries += below
    return entries


def count_nodes(table: Table, list_name: str, name: str = ROOT) -> int:
    if (list_name, name) not in table:
        return 0
    node = table[list_name, name].node
    children = node.children if isinstance(node, Branch) else ()
    return 1 + sum(count_nodes(table, list_name, child.node) for child in children)


def assert_lists_are(state: State) -> None:
    assert_entries_are(state)
    for (_, name), (node, _) in stored_nodes().items():
        assert node
        assert tree.size(node) <= tree.most(node, name)


def assert_entries_are(state: State) -> None:
    """That every list is right; nodes may be too large, as writers who hindered each other leave them."""
    expected: dict[str, list[Entry]] = {}
    for counted in state.counted.values():
        for list_name, entry in counted.entries.items():
            expected.setdefault(list_name, []).append(entry._replace(version=0))
    table = stored_nodes()
    for list_name in LISTS:
        found = [entry._replace(version=0) for entry in stored_entries(table, list_name)]
        assert found == sorted(expected.get(list_name, []), key=lambda entry: entry.key)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", range(4))
def test_trees_are_whole_after_every_batch_of_moves_and_removals(seed: int) -> None:
    random = Random(seed)
    state = State()
    for _ in range(40):
        told = set()
        for _ in range(random.choice([1, 1, 3, 12])):
            identity = f"{random.randrange(60):02}"
            if random.random() < 0.3 and f"row#{identity}" in state.counted:
                del state.counted[f"row#{identity}"]
            else:
                status = random.choice(["submitted", "graded"])
                state.set(identity, random.randrange(100), status, 7, f"course {random.randrange(3)}")
            told.add(f"row#{identity}")
        assert not apply(told, state).failed
        assert_lists_are(state)
    table = stored_nodes()
    assert len(table) == sum(count_nodes(table, name) for name in LISTS), "no node is left behind"


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", range(2))
def test_scores_of_groups_follow_every_batch_of_moves_and_removals(seed: int) -> None:
    random = Random(seed)
    state = State()
    for _ in range(30):
        told = set()
        for _ in range(random.choice([1, 3, 12])):
            identity = f"{random.randrange(60):02}"
            if random.random() < 0.2 and f"row#{identity}" in state.counted:
                del state.counted[f"row#{identity}"]
            else:
                label = f"{random.choice(['submitted', 'graded'])}#{random.randrange(4)}"
                state.set(identity, random.randrange(100), label, random.randrange(100))
            told.add(f"row#{identity}")
        assert not apply(told, state).failed
        assert_lists_are(state)
        now = tuple(counted.entries["all"] for counted in state.counted.values())
        assert totals("all") == tree.total(Leaf(now))


def deep(state: State, rows: int = 30) -> None:
    """A list of three levels."""
    for at in range(rows):
        state.set(f"{at:03}", at)
        apply([f"row#{at:03}"], state)
    root = stored_nodes()["all", ROOT].node
    assert isinstance(root, Branch)
    assert all(isinstance(stored_nodes()["all", child.node].node, Branch) for child in root.children)


@pytest.mark.usefixtures("small")
def test_of_a_way_only_the_branches_below_the_root_are_read_at_half_the_price() -> None:
    state = State()
    deep(state)
    state.set("020", 20, "graded", 90)
    with metered() as cost:
        apply(["row#020"], state)
    ledger, root, branch, leaf = 1, 1, 0.5, 1
    assert cost.reads == ledger + root + branch + leaf
    assert_lists_are(state)


class Lagging:
    """`read_nodes` by a replica: reads that are not consistent show the nodes of a moment ago, or none where
    there was none.
    """

    def __init__(self) -> None:
        self.nodes = Table()
        self.read = 0
        """Nodes that were asked of it."""

    def __call__(self, names: Collection[NodeName], *, consistent: bool) -> Table:
        if consistent:
            return read_nodes(names, consistent=True)
        self.read += len(names)
        return {name: self.nodes[name] for name in names if name in self.nodes}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", range(4))
def test_old_branches_lead_nobody_astray(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random, state, replica = Random(seed), State(), Lagging()
    monkeypatch.setattr(writer, "read_nodes", replica)
    deep(state)
    for _ in range(40):
        if random.random() < 0.3:
            replica.nodes = stored_nodes()
        told = {f"row#{random.randrange(80):03}" for _ in range(random.choice([1, 3, 12]))}
        for row in told:
            if random.random() < 0.3:
                state.counted.pop(row, None)
            else:
                state.set(row.removeprefix("row#"), random.randrange(100), random.choice(["a", "b"]), 7)
        assert not apply(told, state).failed
        assert_entries_are(state)
    assert replica.read > 40


@pytest.mark.usefixtures("small")
def test_a_leaf_that_was_taken_for_a_branch_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would be put over the version of a moment ago, in vain."""
    monkeypatch.setattr(tree, "LEAF_MOST", 20)
    state, replica = State(), Lagging()
    for at in range(30):
        state.set(f"{at:03}", at)
    apply(list(state.counted), state)
    replica.nodes = stored_nodes()
    state.set("005", 5, "graded", 90)
    apply(["row#005"], state)
    monkeypatch.setattr(writer, "read_nodes", replica)
    state.set("006", 6, "graded", 90)
    with metered() as cost:
        apply(["row#006"], state)
    assert (replica.read, cost.wasted) == (1, 0)
    assert_entries_are(state)


@pytest.mark.usefixtures("small")
def test_a_list_whose_rows_leave_shrinks(monkeypatch: pytest.MonkeyPatch) -> None:
    for most in ("LEAF_MOST", "WHOLE_MOST", "BRANCH_MOST", "ROOT_MOST", "ROOT_OF_LEAVES_MOST"):
        monkeypatch.setattr(tree, most, 8)
    state = State()
    for at in range(150):
        state.set(f"{at:03}", at)
        apply([f"row#{at:03}"], state)
    assert count_nodes(stored_nodes(), "all") > 15
    gone = Random(1).sample(list(state.counted), 147)
    for identity in gone:
        del state.counted[identity]
        apply([identity], state)
    assert count_nodes(stored_nodes(), "all") <= 4
    assert_lists_are(state)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kind", ["before", "after"])
def test_a_writer_that_is_cut_short_anywhere_is_made_good_by_the_next(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every request to the store in turn fails for good, before or after it did its work."""
    call = dynamo.call
    for stop in range(200):
        state = State()
        for at in range(12):
            state.set(f"{stop}-{at:02}", at, "submitted", 0, f"course {at % 3}")
        monkeypatch.setattr(dynamo, "call", Dying(call, stop, kind))
        try:
            apply(list(state.counted), state)
            finished = True
        except KeyboardInterrupt:
            finished = False
        monkeypatch.setattr(dynamo, "call", call)
        apply(list(state.counted), state)
        assert_lists_are(state)
        if finished:
            return
        gone = list(state.counted)
        state.counted.clear()
        apply(gone, state)
    raise AssertionError("it never came to its end")


class Dying:
    """Calls of DynamoDB of which only so many are made, the next one before or after it did its work."""

    def __init__(self, call: Callable[..., Any], most: int, kind: str) -> None:
        self.call = call
        self.left = most
        self.kind = kind

    def __call__(self, operation: str, **arguments: Any) -> Any:
        self.left -= 1
        if self.left == -1 and self.kind == "after":
            self.call(operation, **arguments)
        if self.left < 0:
            raise KeyboardInterrupt
        return self.call(operation, **arguments)


@pytest.mark.usefixtures("small")
def test_writers_at_once_leave_whole_trees() -> None:
    state = State()
    for at in range(90):
        state.set(f"{at:02}", at * 37 % 90, "submitted", at, f"course {at % 3}")
    ids = list(state.counted)
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(
            pool.map(lambda start: apply(ids[start::6] + ids[(start + 1) % 6 :: 6], state), range(6))
        )
    assert [outcome.failed for outcome in outcomes] == [frozenset()] * 6
    assert_entries_are(state)
    come_by_alone(state)
    assert_lists_are(state)
    for identity in ids[:80]:
        del state.counted[identity]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda start: apply(ids[start::6], state), range(6)))
    assert_entries_are(state)
    come_by_alone(state)
    assert_lists_are(state)


def come_by_alone(state: State) -> None:
    """One writer visits every leaf that holds a row, undisturbed: it cuts what others could not."""
    for identity, counted in state.counted.items():
        lists = [name for name in counted.entries if name != "all"]
        entry = counted.entries["all"]
        state.set(identity.removeprefix("row#"), int(entry.time), "graded", int(entry.score), *lists)
    assert not apply(list(state.counted), state).failed


@pytest.mark.parametrize("kind", ["before", "after"])
def test_a_row_that_moves_after_a_writer_was_cut_short_is_in_one_place_only(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever call was the last one that the writer made."""
    call = dynamo.call
    for stop in range(30):
        state = State()
        state.set(f"{stop}", 1)
        monkeypatch.setattr(dynamo, "call", Dying(call, stop, kind))
        try:
            apply([f"row#{stop}"], state)
            finished = True
        except KeyboardInterrupt:
            finished = False
        monkeypatch.setattr(dynamo, "call", call)
        state.set(f"{stop}", 2)
        apply([f"row#{stop}"], state)
        assert [entry.time for entry in stored_entries(stored_nodes(), "all") if entry.id == f"{stop}"] == [
            "0002"
        ]
        if finished:
            return
    raise AssertionError("it never came to its end")


def test_a_change_makes_no_transaction_but_the_first_of_a_list() -> None:
    state = State()
    state.set("first", 0)
    apply(["row#first"], state)
    state.set("a", 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dynamo, "transact", lambda writes: pytest.fail("a transaction"))
        apply(["row#a"], state)


@pytest.mark.usefixtures("small")
def test_what_makes_progress_is_not_given_up_however_often_others_are_faster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every try brings but one row to its end."""
    state = State()
    for at in range(TRIES + 3):
        state.set(f"{at:02}", at)
    left = list(state.counted)
    put = applying._put

    def put_first(identity: str, ledger: Ledger) -> bool:
        if identity != left[0] or not put(identity, ledger):
            return False
        if not ledger.claimed:
            left.pop(0)
        return True

    def last_first(*requests: Callable[[], Any]) -> list[Any]:
        """So that only one row of a try can be the first of those that are left."""
        return [request() for request in reversed(requests)][::-1]

    monkeypatch.setattr(applying, "_put", put_first)
    monkeypatch.setattr(dynamo, "at_once", last_first)
    assert not apply(list(state.counted), state).failed
    assert [row for row, _ in listed("all")] == state.newest_first()


def test_a_damaged_list_or_a_row_that_cannot_be_counted_stops_nobody_else() -> None:
    state = State()
    for at in range(20):
        state.set(f"{at:02}", at, "submitted", 0, f"course {at % 3}")
    apply(list(state.counted), state)
    row = dynamo.get(settings().tallies_table, {"list": "course 1", "node": ROOT})
    assert row
    dynamo.put(settings().tallies_table, row | {"columns": b"rubbish"})
    for at in range(20):
        state.set(f"{at:02}", at, "graded", 1, f"course {at % 3}")

    def current(ids: Sequence[str]) -> dict[str, Counted]:
        if "row#00" in ids:
            raise KeyError("submitted_at")
        return state(ids)

    outcome = apply(list(state.counted), current)
    assert outcome.failed == {"row#00", *(f"row#{at:02}" for at in range(1, 20, 3))}
    assert outcome.damaged == {"course 1"}
    assert [entry.label for entry in stored_entries(stored_nodes(), "course 2")] == ["graded"] * 6
    assert totals("all").counts == {"submitted": 1, "graded": 19}


def test_what_is_late_and_then_dies_leaves_nothing_older_behind() -> None:
    """A slow writer saw an older row, is overtaken, and writes its leaves after the other's."""
    state = State()
    state.set("a", 1, "submitted")
    older = state(["row#a"])
    state.set("a", 1, "graded", 50)
    apply(["row#a"], state)
    (entry,) = older["row#a"].entries.values()
    writer.write_lists({"all": {entry.key: Change(entry.key, entry, entry.version)}})
    assert listed("all") == [("a", "graded")]


def test_a_row_that_was_deleted_and_begins_anew_counts_again() -> None:
    state = State()
    for _ in range(5):
        state.set("a", 1, "submitted")
        apply(["row#a"], state)
    del state.counted["row#a"]
    state.set("a", 1, "graded", 7)
    apply(["row#a"], state)
    assert listed("all") == [("a", "graded")]


Turn = Callable[[State], None]


def _moves_on(state: State) -> None:
    state.set("a", 3)


def _leaves(state: State) -> None:
    state.set("a", 3)
    state.counted["row#a"] = Counted(state.counted["row#a"].version, {})


def _is_graded(state: State) -> None:
    state.set("a", 1, "graded", 50)


def _moves(state: State) -> None:
    state.set("a", 2)


@pytest.mark.parametrize("first", [_moves, _is_graded])
@pytest.mark.parametrize("second", [_moves_on, _leaves])
@pytest.mark.parametrize("before", range(8))
def test_who_is_overtaken_and_dies_leaves_nothing_behind(
    before: int, first: Turn, second: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer is held up before each of its calls, another one brings the row elsewhere, and the first one
    goes on for some calls more, until it dies without having seen what the other did.
    """
    call = dynamo.call
    for further in range(7):
        state = State()
        state.set("other", 4)
        state.set("a", 1)
        apply(list(state.counted), state)
        first(state)
        made = 0

        def held_up(operation: str, further: int = further, state: State = state, **arguments: Any) -> Any:
            nonlocal made
            made += 1
            if made == before + 1:
                monkeypatch.setattr(dynamo, "call", call)
                second(state)
                apply(["row#a"], state)
                monkeypatch.setattr(dynamo, "call", held_up)
            if made > before + further:
                raise KeyboardInterrupt
            return call(operation, **arguments)

        monkeypatch.setattr(dynamo, "call", held_up)
        with suppress(KeyboardInterrupt):
            apply(["row#a"], state)
        monkeypatch.setattr(dynamo, "call", call)
        apply(["row#a"], state)
        assert_entries_are(state)
        state.counted.clear()
        apply(["row#a", "row#other"], state)
