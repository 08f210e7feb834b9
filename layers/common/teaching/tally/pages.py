"""The rows at any offset of one list or of several merged ones: which nodes to read, which keys they are.

A list known in part is a row of segments: ranges of keys with a count, some of them opened into
their entries. `window` opens, one level of all lists at a time, exactly those segments that may hold
a wanted rank, so a request reads about one node of each level, and several lists merge by the same
descent as one.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from teaching.errors import Damaged
from teaching.tally import tree
from teaching.tally.nodes import NodeName, Stored
from teaching.tally.tree import EMPTY, HIGHEST, LOWEST, ROOT, Branch, Child, Entry, Key, Node, Wanted


class _Segment(NamedTuple):
    """The rows of one list from `low` up to and without `high`, in a node not read yet."""

    low: Key
    high: Key
    rows: int
    name: NodeName
    child: Child | None = None
    """What the branch above says of it; None of a root."""


class Bounds(NamedTuple):
    """The keys that count: from `low` up to and without `high`."""

    low: Key = LOWEST
    high: Key = HIGHEST

    def hold(self, key: Key) -> bool:
        return self.low <= key < self.high


EVERYTHING = Bounds()


class Window(NamedTuple):
    rows: list[Entry]
    """Newest first."""
    total: int
    passed: int = 0
    """Rows of the lists, wanted or not, between the first and the last of these, as far as was seen."""


Read = Callable[[Sequence[NodeName]], Mapping[NodeName, Stored]]
"""Reads nodes, all at once; what is not there is left out."""


def window(
    lists: Sequence[str],
    wanted: Wanted,
    offset: int,
    limit: int,
    read: Read,
    extra: Iterable[Entry] = (),
    bounds: Bounds = EVERYTHING,
) -> Window:
    """Rows `offset` to `offset + limit`, newest first, of what the lists and the extra entries hold within
    the bounds, merged.

    No row may be in two of them. Costs one `read` for each level of the deepest list; the nodes in which a
    bound lies are read besides, for the total. Raises `Damaged` where a node is lost or wrong, or was read
    while its list was cut: read again.
    """
    known = _Known(wanted, extra, bounds)
    roots = read([(name, ROOT) for name in lists]) if lists else {}
    for name in lists:
        known.open(_Segment(LOWEST, HIGHEST, 0, (name, ROOT)), roots.get((name, ROOT), Stored(EMPTY, 0)))
    total = known.rows()
    while needed := known.to_be_opened(offset, offset + limit):
        nodes = read([segment.name for segment in needed])
        for segment in needed:
            known.segments.remove(segment)
            known.open(segment, nodes.get(segment.name))
        total = known.rows() if total is None else total
    page = known.page(offset, offset + limit)
    assert total is not None
    return Window(page, total, len(page) + known.unwanted_within(page))


class _Known:
    """The merged lists as far as they are known: entries that were read, and segments that were not."""

    def __init__(self, wanted: Wanted, extra: Iterable[Entry], bounds: Bounds) -> None:
        self.segments: list[_Segment] = []
        self._wanted = wanted
        self._bounds = bounds
        self._entries = [entry for entry in extra if self._counts(entry)]
        self._unwanted_keys: list[Key] = []
        self._unwanted_nodes: list[tuple[Key, int]] = []
        """Where a node begins that holds no wanted row, and how many it holds."""

    def _counts(self, entry: Entry) -> bool:
        return self._wanted(entry.label) and self._bounds.hold(entry.key)

    def rows(self) -> int | None:
        """How many there are; None while a bound lies within a segment."""
        if any(map(self._is_cut, self.segments)):
            return None
        return len(self._entries) + sum(segment.rows for segment in self.segments)

    def _is_cut(self, segment: _Segment) -> bool:
        """Whether a part of the segment may be beyond a bound."""
        return segment.low < self._bounds.low or segment.high > self._bounds.high

    def _least(self, segment: _Segment) -> int:
        return 0 if self._is_cut(segment) else segment.rows

    def open(self, segment: _Segment, stored: Stored | None) -> None:
        """Takes in what the node of a segment says. Raises `Damaged`."""
        node = _sound(segment, stored)
        if isinstance(node, Branch):
            self._open_branch(segment, node)
            return
        for entry in node.entries:
            if self._counts(entry):
                self._entries.append(entry)
            else:
                self._unwanted_keys.append(entry.key)

    def _open_branch(self, segment: _Segment, branch: Branch) -> None:
        list_name, _ = segment.name
        lows = [segment.low, *(child.low for child in branch.children[1:])]
        highs = [*lows[1:], segment.high]
        for child, low, high in zip(branch.children, lows, highs, strict=True):
            rows = child.sum.of(self._wanted)
            if high <= self._bounds.low or low >= self._bounds.high:
                continue
            if rows:
                self.segments.append(_Segment(low, high, rows, (list_name, child.node), child))
            else:
                self._unwanted_nodes.append((low, sum(child.sum.counts.values())))

    def to_be_opened(self, offset: int, end: int) -> list[_Segment]:
        """The segments of which some row may have a rank from `offset` up to and without `end`, and those in
        which a bound lies.
        """
        ranks = zip(self.segments, self._newer(), strict=True)
        return [
            segment
            for segment, (least, most) in ranks
            if self._is_cut(segment) or (least < end and most + segment.rows > offset)
        ]

    def page(self, offset: int, end: int) -> list[Entry]:
        """The rows of these ranks, when no segment reaches there any more."""
        ranks = zip(self.segments, self._newer(), strict=True)
        before = sum(segment.rows for segment, (least, _) in ranks if least < end)
        newest_first = sorted(self._entries, key=lambda entry: entry.key, reverse=True)
        return newest_first[max(0, offset - before) : max(0, end - before)]

    def unwanted_within(self, page: Sequence[Entry]) -> int:
        """The rows that are not wanted between the first and the last row of the page, as far as was seen."""
        if not page:
            return 0
        low, high = page[-1].key, page[0].key
        read = [key for key in self._unwanted_keys if low < key < high]
        return len(read) + sum(rows for key, rows in self._unwanted_nodes if low < key < high)

    def _newer(self) -> list[tuple[int, int]]:
        """For each segment the least and the most rows that may be newer than its newest row.

        At least what lies above the segment is newer; at most what is not all below it, but for itself.
        """
        keys = sorted(entry.key for entry in self._entries)
        lows, from_low = _summed((segment.low, self._least(segment)) for segment in self.segments)
        highs, from_high = _summed((segment.high, segment.rows) for segment in self.segments)
        newer = []
        for segment in self.segments:
            entries_above = len(keys) - bisect_left(keys, segment.high)
            entries_not_below = len(keys) - bisect_left(keys, segment.low)
            segments_above = from_low[bisect_left(lows, segment.high)]
            segments_not_below = from_high[bisect_right(highs, segment.low)] - segment.rows
            newer.append((entries_above + segments_above, entries_not_below + segments_not_below))
        return newer


def _sound(segment: _Segment, stored: Stored | None) -> Node:
    """The node of a segment, unless it cannot be what its branch says that it is. Raises `Damaged`."""
    if stored is None or stored.node is None:
        raise Damaged(*segment.name)
    child = segment.child
    if child and child.version == stored.version and child.sum != tree.total(stored.node):
        raise Damaged(*segment.name)
    if not tree.lies_within(stored.node, segment.low, segment.high):
        raise Damaged(*segment.name)
    return stored.node


def _summed(counts: Iterable[tuple[Key, int]]) -> tuple[list[Key], list[int]]:
    """The keys in order, and for each place the sum of the counts from there to the end."""
    ordered = sorted(counts)
    sums = list(accumulate((count for _, count in reversed(ordered)), initial=0))
    return [key for key, _ in ordered], sums[::-1]
