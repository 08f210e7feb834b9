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

    kind: str
    """Their ids are `<kind>#<id>`."""
    current: Current
    listed: Callable[[str, Key, Key], Iterator[Listed]]
    """The rows of a list, from a key up to and without another, by an index."""
