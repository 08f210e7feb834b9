"""No total is less than the rows that are shown with it, though the tree is behind the index."""

from decimal import Decimal
from functools import partial

import pytest

from teaching import dynamo
from teaching.dynamo import Item
from teaching.tally import lists, store
from teaching.tally.pages import EVERYTHING, Window
from teaching.tally.tree import Entry, Sum

ROWS: list[Item] = [{"id": str(number)} for number in range(4)]
ENTRY = Entry("2026-02-01T00:00:00.000Z", "0", "submitted")


@pytest.fixture(autouse=True)
def behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tree knows of two rows, where there are more."""
    monkeypatch.setattr(store, "totals", lambda name: Sum({"submitted": 2}, Decimal(0)))
    monkeypatch.setattr(store, "rows_at", lambda *_, **__: Window([ENTRY], 2))
    monkeypatch.setattr(dynamo, "both", lambda first, second: (first(), second()))


def anything(label: str) -> bool:
    return True


def test_of_a_first_page() -> None:
    assert lists.first_page("list", anything, 3, [lambda: ROWS[:3]]) == (ROWS[:3], 3)


def test_of_a_first_page_within_bounds() -> None:
    assert lists.first_page_within("list", anything, 3, lambda: ROWS[:3], EVERYTHING) == (ROWS[:3], 3)


@pytest.mark.parametrize(
    "page",
    [
        partial(lists.page_in_a_row, read_from=lambda key: ROWS[2:4]),
        partial(lists.page_of_scattered, read=lambda window: ROWS[2:4]),
    ],
)
def test_of_a_later_page(page: partial[tuple[list[Item], int]]) -> None:
    assert page("list", anything, 2, 2) == (ROWS[2:4], 4)
