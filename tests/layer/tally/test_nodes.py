"""Rows of the table and back, and what they weigh."""

import json
import zlib
from decimal import Decimal
from random import Random
from uuid import UUID

import pytest

from teaching import dynamo
from teaching.settings import settings
from teaching.tally import nodes, tree
from teaching.tally.nodes import NOTHING, Counted, Stored
from teaching.tally.tree import LEAF_MOST, ROOT, Branch, Entry, Leaf

pytestmark = pytest.mark.usefixtures("tables")


def entries(number: int, *, tags: tuple[str, ...] = ()) -> list[Entry]:
    random = Random(number)
    made = [
        Entry(
            f"2026-0{random.randrange(1, 10)}-1{random.randrange(10)}T0{random.randrange(10)}:30:00.{at:03}Z",
            str(UUID(int=random.getrandbits(128), version=4)),
            random.choice(["submitted", "graded", "in_progress"]),
            Decimal(random.choice(["0", "90", "85.25"])),
            tags,
            random.randrange(1, 9),
        )
        for at in range(number)
    ]
    return sorted(made, key=lambda entry: entry.key)


def stored(list_name: str, node: tree.Node) -> Stored:
    dynamo.put(settings().tallies_table, nodes.node_row((list_name, "node"), node, 7))
    return nodes.read_nodes([(list_name, "node")], consistent=True)[list_name, "node"]


def test_a_leaf_comes_back_as_it_was() -> None:
    for of in ([], entries(1), entries(LEAF_MOST), entries(50, tags=("a", "b", ""))):
        assert stored("list", Leaf(tuple(of))) == (Leaf(tuple(of)), 7)


def test_texts_that_are_no_uuids_or_times_come_back_too() -> None:
    odd = (Entry("0001", "a", "x"), Entry("2026-03-01T10:00:00Z", "b", "x"), Entry("9", "ä,#", "y"))
    assert stored("list", Leaf(odd)) == (Leaf(odd), 7)
    far = (Entry("0001-01-01T00:00:00.000Z", "a", "x"), Entry("9999-12-31T23:59:59.999Z", "b", "x"))
    assert stored("list", Leaf(far)) == (Leaf(far), 7)


def test_a_branch_comes_back_as_it_was() -> None:
    built = tree.build(entries(999), nodes.new_name)
    root = built[ROOT]
    assert isinstance(root, Branch)
    assert stored("list", root) == (root, 7)


def grouped(number: int, groups: int) -> Branch:
    """The root of a list whose labels name so many groups."""
    random = Random(groups)
    names = [str(UUID(int=random.getrandbits(128), version=4)) for _ in range(groups)]
    of = [entry._replace(label=f"{entry.label}#{random.choice(names)}") for entry in entries(number)]
    root = tree.build(of, nodes.new_name)[ROOT]
    assert isinstance(root, Branch)
    assert len(tree.total(root).scores_of) == groups
    return root


@pytest.mark.parametrize("groups", [1, 2, 10])
def test_a_branch_whose_labels_name_groups_comes_back_as_it_was(groups: int) -> None:
    root = grouped(999, groups)
    assert stored("list", root) == (root, 7)


def test_a_branch_that_does_not_know_the_scores_of_groups_is_to_be_built_anew() -> None:
    for groups in (1, 2):
        row = nodes.node_row(("list", ROOT), grouped(999, groups), 7)
        columns = json.loads(zlib.decompress(row["columns"]))
        columns["scores"] = columns["scores"].partition("|")[0]
        dynamo.put(settings().tallies_table, row | {"columns": zlib.compress(json.dumps(columns).encode())})
        read = nodes.read_nodes([("list", ROOT)], consistent=True)["list", ROOT]
        assert (read.node is None) == (groups > 1)


def test_a_branch_of_five_hundred_groups_weighs_90_kb_at_most() -> None:
    """As full as it may be, of half a million rows."""
    random = Random(1)
    names = [str(UUID(int=random.getrandbits(128), version=4)) for _ in range(500)]

    def below() -> tree.Sum:
        counts = {f"{label}#{name}": random.randrange(1, 30) for label in ("a", "b", "c") for name in names}
        return tree.sum_of(counts, {name: Decimal(random.randrange(400, 2000)) for name in names})

    children = [tree.Child(("", ""), nodes.new_name(), 9, below()) for _ in range(66)]
    for piece in tree.cut(Branch(tuple(children))):
        row = nodes.node_row(("list", "node"), piece, 9)
        assert tree.size(piece) == 33
        assert len(row["columns"]) + len(row["ids"]) <= 90 * 1024


@pytest.mark.parametrize("damage", [{"columns": b"rubbish"}, {"columns": None}, {"ids": b"123"}])
def test_what_cannot_be_read_is_none(damage: dict[str, bytes | None]) -> None:
    row = nodes.node_row(("list", "node"), Leaf(tuple(entries(5))), 7) | damage
    dynamo.put(settings().tallies_table, {name: value for name, value in row.items() if value is not None})
    assert nodes.read_nodes([("list", "node")], consistent=True) == {("list", "node"): (None, 7)}


def test_a_full_leaf_costs_two_write_units_and_a_usual_one_one() -> None:
    def weight(number: int) -> int:
        row = nodes.node_row((f"submissions#asesor#{UUID(int=1)}", "0" * 12), Leaf(tuple(entries(number))), 9)
        return sum(
            len(name) + len(value if isinstance(value, bytes) else str(value)) for name, value in row.items()
        )

    assert weight(LEAF_MOST) <= 2 * 1024
    assert weight(int(LEAF_MOST * 0.69)) <= 1024


def test_a_ledger_comes_back_as_it_was_and_an_unreadable_one_says_nothing() -> None:
    (entry,) = entries(1)
    counted = Counted(entry.version, {"all": entry, "course 1": entry._replace(label="x", tags=("a",))})
    claimed = frozenset({("all", entry.key), ("course 2", ("", ""))})
    row = nodes.ledger_row("row#a", counted, 4, claimed)
    dynamo.put(settings().tallies_table, row)
    nothing = frozenset[nodes.Place]()
    assert nodes.read_ledgers(["row#a", "row#b"]) == {
        "row#a": (4, counted, claimed),
        "row#b": (0, NOTHING, nothing),
    }
    dynamo.put(settings().tallies_table, row | {"counted": b"rubbish", "claimed": b"rubbish"})
    assert nodes.read_ledgers(["row#a"]) == {"row#a": (4, NOTHING, nothing)}


def test_the_rows_of_a_list_are_its_tree() -> None:
    rows = {row["node"]: row for row in nodes.rows_of("list", entries(500), fill=0.69)}
    assert rows.pop(nodes.MADE) == {"list": "list", "node": nodes.MADE}
    assert len(rows) == 1 + -(-500 // int(LEAF_MOST * 0.69))
    dynamo.at_once(*[lambda row=row: dynamo.put(settings().tallies_table, row) for row in rows.values()])
    read = nodes.read_nodes([("list", name) for name in rows], consistent=True)
    root = read["list", ROOT].node
    assert isinstance(root, Branch)
    assert tree.total(root) == tree.total(Leaf(tuple(entries(500))))
