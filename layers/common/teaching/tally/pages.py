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
) -> Window:
    """Rows `offset` to `offset + limit`, newest first, of the lists and the extra entries merged.

    No row may be in two of them. Costs one `read` for each level of the deepest list. Raises `Damaged`
    where a node is lost or wrong, or was read while its list was cut: read again.
    """
    opened = [entry for entry in extra if wanted(entry.label)]
    segments: list[_Segment] = []
    unwanted = _Unwanted([], [])
    roots = read([(name, ROOT) for name in lists]) if lists else {}
    for name in lists:
        root = _Segment(LOWEST, HIGHEST, 0, (name, ROOT))
        _open(
            _sound(root, roots.get((name, ROOT), Stored(EMPTY, 0))),
            root,
            wanted,
            segments,
            opened,
            unwanted,
        )
    rows = len(opened) + sum(segment.rows for segment in segments)
    while True:
        ranks = _ranks(segments, opened)
        needed = [
            segment
            for segment, (least, most) in zip(segments, ranks, strict=True)
            if least < offset + limit and most + segment.rows > offset
        ]
        if not needed:
            break
        nodes = read([segment.name for segment in needed])
        for segment in needed:
            segments.remove(segment)
            node = _sound(segment, nodes.get(segment.name))
            _open(node, segment, wanted, segments, opened, unwanted)
    opened.sort(key=lambda entry: entry.key, reverse=True)
    before = sum(
        segment.rows for segment, (least, _) in zip(segments, ranks, strict=True) if least < offset + limit
    )
    page = opened[max(0, offset - before) : max(0, offset + limit - before)]
    return Window(page, rows, len(page) + unwanted.between(page))


class _Unwanted(NamedTuple):
    """What was seen of a list besides the wanted rows."""

    keys: list[Key]
    segments: list[tuple[Key, int]]
    """Where a node begins that holds none of them, and its rows."""

    def between(self, page: Sequence[Entry]) -> int:
        if not page:
            return 0
        low, high = page[-1].key, page[0].key
        return sum(low < key < high for key in self.keys) + sum(
            rows for key, rows in self.segments if low < key < high
        )


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


def _open(
    node: Node,
    segment: _Segment,
    wanted: Wanted,
    segments: list[_Segment],
    opened: list[Entry],
    unwanted: _Unwanted,
) -> None:
    """Replaces a segment, already taken out, by what its node says."""
    list_name = segment.name[0]
    if not isinstance(node, Branch):
        opened += [entry for entry in node.entries if wanted(entry.label)]
        unwanted.keys.extend(entry.key for entry in node.entries if not wanted(entry.label))
        return
    lows = [segment.low, *(child.low for child in node.children[1:])]
    highs = [*lows[1:], segment.high]
    for child, low, high in zip(node.children, lows, highs, strict=True):
        if below := child.sum.of(wanted):
            segments.append(_Segment(low, high, below, (list_name, child.node), child))
        else:
            unwanted.segments.append((low, sum(child.sum.counts.values())))


def _ranks(segments: Sequence[_Segment], opened: Sequence[Entry]) -> list[tuple[int, int]]:
    """For each segment the least and the most rows that may be newer than its newest row."""
    keys = sorted(entry.key for entry in opened)
    lows, from_low = _summed((segment.low, segment.rows) for segment in segments)
    highs, from_high = _summed((segment.high, segment.rows) for segment in segments)
    return [
        (
            from_low[bisect_left(lows, segment.high)] + len(keys) - bisect_left(keys, segment.high),
            from_high[bisect_right(highs, segment.low)]
            + len(keys)
            - bisect_left(keys, segment.low)
            - segment.rows,
        )
        for segment in segments
    ]


def _summed(counts: Iterable[tuple[Key, int]]) -> tuple[list[Key], list[int]]:
    """The keys in order, and for each place the sum of the counts from there to the end."""
    ordered = sorted(counts)
    sums = list(accumulate((count for _, count in reversed(ordered)), initial=0))
    return [key for key, _ in ordered], sums[::-1]
