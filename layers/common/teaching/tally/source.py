"""What is counted: the rows, as their tables and indexes tell."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from teaching.tally.nodes import Counted
from teaching.tally.tree import Key

Current = Callable[[Sequence[str]], Mapping[str, Counted]]
"""Reads (consistently) what ids count as now; one that is gone is left out."""


class Listed(NamedTuple):
    """What an index says of one row of a list; None stands for what it does not know."""

    id: str
    key: Key | None
    label: str | None
    score: Decimal | None
    tags: tuple[str, ...] | None = None


class Source(NamedTuple):
    """The rows that lists are of."""

    name: str
    """Of one row."""
    current: Current
    listed: Callable[[str, Key, Key], Iterator[Listed]]
    """The rows of a list, from a key up to and without another, by an index."""

    def counted_id(self, row: str) -> str:
        """What the trees know a row by, beside the rows of other sources: `<name>#<id>`."""
        return f"{self.name}#{row}"

    def row_id(self, counted_id: str) -> str:
        return counted_id.removeprefix(f"{self.name}#")
