"""The scheduled check of the count trees: compares, mends what differs, and counts it as drift.

Three walks, one after the other, each over a whole table in pages: submissions, sessions (against
their ledgers), then the tallies (ledgers against what is gone, and every list leaf by leaf against its
index). A difference is only a suspicion, for the table goes on changing: `apply` reads the row and its
ledger anew and mends by the same transactions as the streams do. So it may run twice at once and
while grades come in, and readers never see a list emptied.

Before the time runs out the place is noted, and the next run goes on from there.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from teaching import dynamo
from teaching.coaching import rules as coaching_rules
from teaching.coaching import store as coaching
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
from teaching.tally.tree import ROOT, Key

PLACE_NOTED = {"list": "recompute", "node": "place"}


class Kind(NamedTuple):
    """What the check needs to know of submissions, or of sessions."""

    name: str
    current: Current
    counted: Callable[[Mapping[str, Any]], Counted]
    listed: Callable[[str, Key, Key], Iterator[Listed]]


KINDS = (
    Kind(grading.KIND, grading.counted, grading_rules.counted, grading.listed),
    Kind(coaching.KIND, coaching.counted, coaching_rules.counted, coaching.listed),
)


class Done(NamedTuple):
    drifted: int
    """Rows that were counted wrongly, lagging streams included."""
    finished: bool
    """Whether the whole check came to its end in this run."""


def recompute(has_time: Callable[[], bool]) -> Done:
    """Goes on from where the last run stopped, page by page while there is time."""
    tables = [settings().submissions_table, settings().sessions_table, settings().tallies_table]
    noted = dynamo.get(settings().tallies_table, PLACE_NOTED) or {}
    walk, start = noted.get("walk", 0), json.loads(noted.get("start", "null"))
    drifted = 0
    while walk < len(tables):
        if not has_time():
            dynamo.put(tables[-1], {**PLACE_NOTED, "walk": walk, "start": json.dumps(start)})
            return Done(drifted, False)
        rows, start = dynamo.scan(tables[walk], start)
        drifted += _check_rows(KINDS[walk], rows) if walk < len(KINDS) else _check_tallies(rows)
        walk += start is None
    dynamo.delete(tables[-1], PLACE_NOTED)
    return Done(drifted, True)


def _check_rows(kind: Kind, rows: Sequence[Item]) -> int:
    """Rows of a table against their ledgers, and against lists that lost their root."""
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
    return apply(suspects, kind.current, repair={})


def _check_tallies(rows: Sequence[Item]) -> int:
    """Ledgers of what is gone, and every list whose root is among the rows."""
    drifted = 0
    for kind in KINDS:
        ledgers = [ledger_id(row) for row in rows if row["list"].startswith(f"{LEDGER}#{kind.name}#")]
        alive = kind.current(ledgers)
        gone = [
            ledger_id(row)
            for row in rows
            if row["node"] == LEDGER and ledger_id(row) in set(ledgers) - alive.keys() and ledger_counted(row)
        ]
        drifted += apply(gone, kind.current, repair={})
        for row in rows:
            if row["node"] == ROOT and row["list"].split("#")[0] == f"{kind.name}s":
                drifted += _check_list(kind, row["list"])
    return drifted


def _check_list(kind: Kind, list_name: str) -> int:
    """Every leaf against the index, and the sums above it."""
    drifted = 0
    for stretch in tally.stretches(list_name):
        known = {entry.key: entry for entry in stretch.entries}
        suspects: defaultdict[str, set[Place]] = defaultdict(set)
        for key, label, score in kind.listed(list_name, stretch.low, stretch.high):
            there = known.pop(key, None)
            if there is None or there.label != label or score not in (None, there.score):
                suspects[f"{kind.name}#{key[1]}"] |= set()
        for key in known:
            suspects[f"{kind.name}#{key[1]}"].add((list_name, key))
        drifted += apply(suspects, kind.current, repair=suspects)
        if not stretch.agrees:
            resum(list_name, stretch.low)
            drifted += 1
    return drifted
