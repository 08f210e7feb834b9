"""The scheduled check of all that is kept ready: compares, mends what differs, and counts it as drift.

It walks whole tables in pages: users and items (against the search index), presences, submissions and
sessions (against the people and items that they carry, and their ledgers), then the tallies (ledgers
against what is gone, and every list leaf by leaf against its index). A difference is only a suspicion,
for the tables go on changing: `refresh` and `apply` read anew and mend as the streams do. So it may run
twice at once and while grades come in, and readers never see a list emptied.

The place is noted after every page, and within a list when the time runs out; the next run goes on there.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from teaching import dynamo
from teaching.coaching import rules as coaching_rules
from teaching.coaching import store as coaching
from teaching.directory import store as directory
from teaching.dynamo import Item
from teaching.grading import rules as grading_rules
from teaching.grading import store as grading
from teaching.settings import settings
from teaching.tally import store as tally
from teaching.tally.apply import Current, Place, apply, resum
from teaching.tally.nodes import (
    LEDGER,
    Counted,
    Listed,
    ledger_counted,
    ledger_id,
    read_ledgers,
    read_nodes,
)
from teaching.tally.pages import HIGHEST
from teaching.tally.store import Stretch
from teaching.tally.tree import ROOT, Key

PLACE_NOTED = {"list": "recompute", "node": "place"}


class Kind(NamedTuple):
    """What the check needs to know of submissions, or of sessions."""

    name: str
    current: Current
    counted: Callable[[Mapping[str, Any]], Counted]
    listed: Callable[[str, Key, Key], Iterator[Listed]]
    stale: Callable[[Sequence[Item]], Sequence[str]]
    refresh: Callable[[str], None]


SUBMISSIONS = Kind(
    grading.KIND, grading.counted, grading_rules.counted, grading.listed, grading.stale, grading.refresh
)
SESSIONS = Kind(
    coaching.KIND, coaching.counted, coaching_rules.counted, coaching.listed, coaching.stale, coaching.refresh
)

HasTime = Callable[[], bool]
Within = tuple[str, Key]
"""A list that the time did not suffice for, and the key below which it goes on."""


class Done(NamedTuple):
    drifted: int
    """Rows that were counted wrongly or carried something old, lagging streams included."""
    finished: bool
    """Whether the whole check came to its end in this run."""


def recompute(has_time: HasTime) -> Done:
    """Goes on from where the last run stopped, page by page while there is time."""
    tables = settings()
    walks: list[tuple[str, Callable[[Sequence[Item]], int]]] = [
        (tables.users_table, _check_users),
        (tables.items_table, _check_items),
        (tables.presences_table, _check_presences),
        (tables.submissions_table, partial(_check_rows, SUBMISSIONS)),
        (tables.sessions_table, partial(_check_rows, SESSIONS)),
        (tables.tallies_table, _check_ledgers),
    ]
    noted = dynamo.get(tables.tallies_table, PLACE_NOTED)
    walk, start, within = json.loads(noted["place"]) if noted else (0, None, None)
    drifted = 0
    while walk < len(walks) and has_time():
        table, check = walks[walk]
        rows, following = dynamo.scan(table, start)
        if within is None:
            drifted += check(rows)
        if table == tables.tallies_table:
            mended, within = _check_lists(rows, within and (within[0], tuple(within[1])), has_time)
            drifted += mended
        if within is None:
            walk, start = walk + (following is None), following
        dynamo.put(tables.tallies_table, {**PLACE_NOTED, "place": json.dumps([walk, start, within])})
    if walk == len(walks):
        dynamo.delete(tables.tallies_table, PLACE_NOTED)
    return Done(drifted, walk == len(walks))


def _check_users(rows: Sequence[Item]) -> int:
    """The search index; it writes only what differs."""
    for row in rows:
        directory.index_user(row["id"])
    return 0


def _check_items(rows: Sequence[Item]) -> int:
    for row in rows:
        directory.index_item(row["id"])
    return 0


def _check_presences(rows: Sequence[Item]) -> int:
    stale = coaching.stale_presences(rows)
    for session, participant in stale:
        coaching.refresh_presence(session, participant)
    return len(stale)


def _check_rows(kind: Kind, rows: Sequence[Item]) -> int:
    """Rows of a table against what they carry, their ledgers, and lists that lost their root."""
    stale = kind.stale(rows)
    for identity in stale:
        kind.refresh(identity)
    if kind is SESSIONS:
        for row in rows:
            coaching.index_session(row["id"])
    counted = {f"{kind.name}#{row['id']}": kind.counted(row) for row in rows}
    ledgers = read_ledgers(list(counted), consistent=False)
    lists = {list_name for each in counted.values() for list_name in each}
    lost = {(list_name, ROOT) for list_name in lists}
    lost -= read_nodes(lost).keys()
    suspects = [
        identity
        for identity, now in counted.items()
        if ledgers[identity].counted != now or any((list_name, ROOT) in lost for list_name in now)
    ]
    return len(stale) + apply(suspects, kind.current, repair={}).drifted


def _check_ledgers(rows: Sequence[Item]) -> int:
    """Ledgers that count what is gone."""
    drifted = 0
    for kind in (SUBMISSIONS, SESSIONS):
        ledgers = {
            ledger_id(row): ledger_counted(row)
            for row in rows
            if row["list"].startswith(f"{LEDGER}#{kind.name}#")
        }
        alive = kind.current(list(ledgers))
        gone = [identity for identity, counted in ledgers.items() if counted and identity not in alive]
        drifted += apply(gone, kind.current, repair={}).drifted
    return drifted


def _check_lists(rows: Sequence[Item], within: Within | None, has_time: HasTime) -> tuple[int, Within | None]:
    """Every list whose root is among the rows; the drift, and where to go on if the time runs out."""
    names = [row["list"] for row in rows if row["node"] == ROOT]
    if within and within[0] in names:
        names = names[names.index(within[0]) :]
    drifted = 0
    for name in names:
        below = within[1] if within and within[0] == name else HIGHEST
        kind = SESSIONS if name.split("#")[0] == "sessions" else SUBMISSIONS
        for stretch in tally.stretches(name, below):
            drifted += _check_stretch(kind, name, stretch)
            if not has_time():
                return drifted, (name, stretch.low)
    return drifted, None


def _check_stretch(kind: Kind, list_name: str, stretch: Stretch) -> int:
    """One leaf against the index, and the sums above it."""
    known = {entry.key: entry for entry in stretch.entries}
    suspects: defaultdict[str, set[Place]] = defaultdict(set)
    for key, label, score in kind.listed(list_name, stretch.low, stretch.high):
        there = known.pop(key, None)
        if there is None or there.label != label or score not in (None, there.score):
            suspects[f"{kind.name}#{key[1]}"] |= set()
    for key in known:
        suspects[f"{kind.name}#{key[1]}"].add((list_name, key))
    drifted = apply(suspects, kind.current, repair=suspects).drifted
    if stretch.agrees:
        return drifted
    resum(list_name, stretch.low)
    return drifted + 1
