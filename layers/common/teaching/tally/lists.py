"""Pages of a list whose rows stand in an index, newest first: the tree counts them, the index holds them.

Both may be a moment behind the rows, each in its own way. So no total is less than the rows that are shown
with it, and where the index has come to the end of the list it is the index that is believed.
"""

from collections.abc import Callable, Iterable, Sequence

from teaching import dynamo
from teaching.dynamo import Item
from teaching.errors import Damaged
from teaching.tally import store
from teaching.tally.pages import EVERYTHING, Bounds, Window
from teaching.tally.tree import ROOT, Key, Wanted


def first_page(
    list_name: str,
    wanted: Wanted,
    limit: int,
    reads: Sequence[Callable[[], list[Item]]],
    merged: Callable[[Iterable[Item]], list[Item]] = list,
) -> tuple[list[Item], int]:
    """The newest rows and the list's total. One round trip.

    Each of `reads` brings the newest rows of a part of the list, `limit` at most; `merged` puts the parts in
    order. Raises `Damaged` for a list of more than a page that has no tree.
    """
    totals, parts = dynamo.both(lambda: store.totals(list_name), lambda: dynamo.at_once(*reads))
    rows = merged(row for part in parts for row in part)
    if all(len(part) < limit for part in parts):
        return rows[:limit], len(rows)
    if totals is None:
        raise Damaged(list_name, ROOT)
    return rows[:limit], max(len(rows), totals.of(wanted))


def first_page_within(
    list_name: str, wanted: Wanted, limit: int, read: Callable[[], list[Item]], bounds: Bounds
) -> tuple[list[Item], int]:
    """The newest rows within some bounds, and how many there are. One round trip for each level of the tree.

    `read` brings these rows, `limit` at most. Raises `Damaged`.
    """
    window, rows = dynamo.both(lambda: store.rows_at([list_name], wanted, 0, 0, bounds=bounds), read)
    if len(rows) < limit:
        return rows, len(rows)
    return rows, max(window.total, len(rows))


def page_in_a_row(
    list_name: str,
    wanted: Wanted,
    offset: int,
    limit: int,
    read_from: Callable[[Key], list[Item]],
    bounds: Bounds = EVERYTHING,
) -> tuple[list[Item], int]:
    """A page whose rows follow one another in the index, and the list's total.

    `read_from` brings the rows from a key on, `limit` at most. One round trip for each level of the tree, and
    one for them. Raises `Damaged`.
    """
    window = store.rows_at([list_name], wanted, offset, 1, bounds=bounds)
    if not window.rows:
        return [], window.total
    rows = read_from(window.rows[0].key)
    if len(rows) < limit:
        return rows, offset + len(rows)
    return rows, max(window.total, offset + len(rows))


def page_of_scattered(
    list_name: str,
    wanted: Wanted,
    offset: int,
    limit: int,
    read: Callable[[Window], list[Item]],
    bounds: Bounds = EVERYTHING,
) -> tuple[list[Item], int]:
    """A page whose rows stand apart in the index, and the list's total.

    `read` brings the rows of a window, as far as they are still there. One round trip for each level of the
    tree, and those of the read. Raises `Damaged`.
    """
    window = store.rows_at([list_name], wanted, offset, limit, bounds=bounds)
    rows = read(window)
    if not rows:
        return [], window.total
    return rows, max(window.total, offset + len(rows))
