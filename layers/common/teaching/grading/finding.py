"""How a search over submissions finds them: which lists are read, by what they cost. Pure.

A submission is found when every word is in its participant's name and e-mail or in its item's title.
So an item whose title holds every word is found whole: its count tree is among the page's lists. Every
other title lacks some of the words, and its submissions are found with the participants who hold
those. There are two ways to them, and each group of items (`groups`) goes the cheaper one:

- *ask* these participants: their own lists, one small row each, whatever the items;
- *look through* the items: all of their submissions, by the index that carries the participants' names.

"Modul 7 Pemasaran" is found whole; "Modul 3 Pemasaran" lacks the 7, which a third of all e-mails may
hold: then its 200 submissions are looked through rather than 5,000 participants asked.
"""

from collections.abc import Callable, Collection, Mapping
from math import inf
from typing import NamedTuple

from teaching.directory import search

Words = frozenset[str]
Groups = dict[Words, list[str]]
"""Items by the words that their titles lack."""
Holding = Callable[[Words], set[str] | None]
"""The participants who hold all the words; None where they are too many to be known."""

UNITS_OF_LIST = 0.5
UNITS_OF_ROW = 0.07
UNITS_OF_ITEM = 1.5
"""A query for each status."""
FEW = 20
"""Participants who are asked without thinking of another way, which would take a trip."""
ASKED_MOST = 5000
"""Participants, 50 requests."""
ITEMS_LOOKED_MOST, ROWS_LOOKED_MOST = 200, 20_000
"""Three requests for each item; 14 MB."""


class Plan(NamedTuple):
    asked: set[str]
    """Participants."""
    looked_through: set[str]
    """Items."""


def groups(titles: Mapping[str, str], words: Collection[str]) -> Groups:
    """The items by the words that their titles lack; those that are found whole lack none."""
    found: Groups = {}
    for item, title in titles.items():
        found.setdefault(search.lacking(title, words), []).append(item)
    return found


def may_be_looked_through(items: Collection[str], holders: Collection[str] | None) -> bool:
    """Whether it is worth a look at how many submissions the items have; without holders it must be."""
    if not items or len(items) > ITEMS_LOOKED_MOST:
        return False
    return holders is None or len(holders) > max(FEW, len(items) * UNITS_OF_ITEM / UNITS_OF_LIST)


def plan(groups: Groups, sizes: Mapping[Words, int], holding: Holding, *, limited: bool) -> Plan:
    """For each group the cheaper way; `sizes` are submissions, of groups that may be looked through.

    A group without items is that of whatever item: its participants are asked. Raises `InvalidQuery`
    when a group is too large for either way, if limited.
    """
    asked: set[str] = set()
    looked_through: set[str] = set()
    rows = 0
    known = {words: holding(words) for words in groups}

    def number(words: Words) -> float:
        holders = known[words]
        return inf if holders is None else len(holders)

    for words in sorted(groups, key=number):
        holders, size = known[words], sizes.get(words, inf)
        asking = looking = inf
        if holders is not None and not (limited and len(asked | holders) > ASKED_MOST):
            asking = UNITS_OF_LIST * len(holders - asked)
        if rows + size <= ROWS_LOOKED_MOST:
            looking = UNITS_OF_ITEM * len(groups[words]) + UNITS_OF_ROW * size
        if asking == looking == inf:
            raise search.too_many()
        if holders is not None and asking <= looking:
            asked |= holders
        else:
            looked_through.update(groups[words])
            rows += int(size)
    return Plan(asked, looked_through)
