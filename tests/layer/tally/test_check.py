"""What the check of a list notices besides what its index shows at once."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import pytest

from teaching import dynamo
from teaching.settings import settings
from teaching.tally import store, tree
from teaching.tally.apply import apply
from teaching.tally.check import check_list
from teaching.tally.nodes import Counted, node_row, read_nodes
from teaching.tally.source import Listed, Source
from teaching.tally.tree import HIGHEST, ROOT, Branch, Change, Entry, Key, Leaf, Node
from teaching.tally.writer import write_lists

pytestmark = pytest.mark.usefixtures("tables")

LIST = "all"
ROWS = 30


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of thirty rows has three levels."""
    for name, size in {
        "LEAF_MOST": 4,
        "WHOLE_MOST": 4,
        "BRANCH_MOST": 3,
        "ROOT_OF_LEAVES_MOST": 3,
        "ROOT_MOST": 3,
    }.items():
        monkeypatch.setattr(tree, name, size)


@pytest.fixture
def source() -> Source:
    """Rows, all of which are counted."""
    entries = [Entry(f"{number:04}", str(number), "submitted", version=2) for number in range(ROWS)]
    rows = {f"row#{entry.id}": Counted(2, {LIST: entry}) for entry in entries}

    def current(ids: Sequence[str]) -> dict[str, Counted]:
        return {identity: rows[identity] for identity in ids if identity in rows}

    def listed(list_name: str, low: Key, high: Key) -> Iterator[Listed]:
        for entry in entries:
            if low <= entry.key < high:
                yield Listed(entry.id, entry.key, entry.label, Decimal(0))

    for some in dynamo.chunked(rows, 5):
        apply(some, current)
    return Source("row", current, listed)


def check(source: Source) -> int:
    checked = check_list(source, LIST, HIGHEST, lambda: True)
    assert checked.below is None
    assert not checked.applied.failed
    return checked.applied.drifted


def counts() -> dict[str, int]:
    found = store.totals(LIST)
    assert found
    return dict(found.counts)


def total() -> int:
    return sum(counts().values())


@pytest.mark.parametrize("time", ["0011.5", "0013.5"])
def test_a_row_that_is_listed_twice_is_listed_once_again(source: Source, time: str) -> None:
    """Below its right place or above it, as a writer that was cut short may leave it."""
    stray = Entry(time, "12", "submitted", version=1)
    write_lists({LIST: {stray.key: Change(stray.key, stray, 1)}})
    assert total() == ROWS + 1
    assert check(source) == 1
    assert total() == ROWS
    assert check(source) == 0


@pytest.mark.parametrize("written", [1, 2])
def test_a_branch_that_speaks_of_an_older_version_is_brought_up_to_date(source: Source, written: int) -> None:
    """A writer put so many of the lowest nodes on its way and was cut short before those above."""
    way, nodes = way_to_second_leaf()
    leaf = nodes[-1]
    assert len(way) > 2
    assert isinstance(leaf, Leaf)
    wrong = leaf.entries[0]._replace(label="graded")
    write_lists({LIST: {wrong.key: Change(wrong.key, wrong, 2)}})
    assert counts() == {"submitted": ROWS - 1, "graded": 1}
    for name, right in list(zip(way, nodes, strict=True))[-written:]:
        version = read_nodes([(LIST, name)], consistent=True)[LIST, name].version
        if isinstance(right, Branch):
            right = Branch(tuple(child._replace(version=child.version + 2) for child in right.children))
        dynamo.put(settings().tallies_table, node_row((LIST, name), right, version + 1))
    assert check(source) == 1
    assert counts() == {"submitted": ROWS}
    assert check(source) == 0


def way_to_second_leaf() -> tuple[list[str], list[Node]]:
    """The names and the nodes from the root to a leaf that is not the first."""
    way, nodes = [ROOT], list[Node]()
    while True:
        node = read_nodes([(LIST, way[-1])], consistent=True)[LIST, way[-1]].node
        assert node is not None
        nodes.append(node)
        if not isinstance(node, Branch):
            return way, nodes
        way.append(node.children[1].node)
