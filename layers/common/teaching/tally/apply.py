"""Keeping the count trees up to date: the only way in which rows come into lists, move and leave.

`apply` is told which rows changed, not how. It reads their ledgers, then their current state, makes the
changes in the lists, and notes in the ledger, last, what is counted now. So a change that is told twice,
late or out of order comes to the same, and one that is cut short is made again by whoever tells it again.
Where a row comes to other places, or somebody else has begun with it, the places are claimed in the ledger
first: whoever comes after one that was cut short knows where it may have put the row.

Two may be at the same row at once. Entries carry the version of the row that they speak of, so an older
one does not replace a newer one; and a ledger is written only over the version that was read, so the
second one notices. Nor does it leave anything behind, though it die before it notices: an entry is put
where there is none only if the ledger, read after the leaf, is still the one that was claimed; and who
takes an entry away puts the leaf in any case, so that nobody puts it who read it before.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from teaching import dynamo
from teaching.dynamo import ConditionFailed
from teaching.errors import Damaged, Unavailable
from teaching.log import logger
from teaching.tally.nodes import NOTHING, Counted, Ledger, Place, ledger_row, read_ledgers, table
from teaching.tally.source import Current
from teaching.tally.tree import Change, Entry, Key
from teaching.tally.writer import TRIES, write_lists

BLOCK = 1000
"""Rows that are moved together: the more, the more of them share a write."""

Places = Mapping[str, Collection[Place]]
"""For ids, the places in the lists where they were seen and may not belong."""


class Applied(NamedTuple):
    drifted: int
    """Rows that were counted otherwise than they should have been."""
    failed: frozenset[str]
    """Ids that could not be brought up to date; to be told again."""
    damaged: frozenset[str]
    """Lists in which a node is lost or cannot be read."""


def apply(ids: Iterable[str], current: Current, *, repair: Places | None = None) -> Applied:
    """Brings every list to what the ids (`<source>#<id>`) count as now.

    With `repair` the lists are put right even where the ledger claims that all is well. What fails for
    one row or one list does not keep the others from being done.
    """
    drifted = 0
    failed: set[str] = set()
    damaged: set[str] = set()
    for block in dynamo.chunked(dict.fromkeys(ids), BLOCK):
        work = _Block(block, current, repair)
        work.run()
        drifted += len(work.drifted)
        failed |= work.failed
        damaged |= work.damaged
    return Applied(drifted, frozenset(failed), frozenset(damaged))


class _Move(NamedTuple):
    """One row's way from what its ledger says to what it counts as now."""

    ledger: Ledger
    now: Counted
    changes: Mapping[Place, Change]
    """What has to stand where in the lists."""


class _Block:
    """Some rows, and how far they have come."""

    def __init__(self, ids: Sequence[str], current: Current, repair: Places | None) -> None:
        self.drifted: set[str] = set()
        self.failed: set[str] = set()
        self.damaged: set[str] = set()
        self._waiting = list(ids)
        self._current = current
        self._repair = repair
        self._left: dict[str, set[Place]] = {}
        """Where ids were put by a try that may have been overtaken."""

    def run(self) -> None:
        without_progress = 0
        while without_progress < TRIES:
            before = len(self._waiting)
            try:
                self._try()
            except Unavailable:
                pass
            except Exception:
                self._run_one_by_one()
            if not self._waiting:
                return
            without_progress = 0 if len(self._waiting) < before else without_progress + 1
            dynamo.pause(without_progress)
        self.failed |= set(self._waiting)

    def _run_one_by_one(self) -> None:
        """After a fault that is not the store's: which row it is of."""
        ids, self._waiting = self._waiting, []
        if len(ids) == 1:
            logger().exception("a row could not be counted", extra={"row": ids[0]})
            self.failed |= set(ids)
            return
        for identity in ids:
            alone = _Block([identity], self._current, self._repair)
            alone._left = self._left
            alone.run()
            self.drifted |= alone.drifted
            self.failed |= alone.failed
            self.damaged |= alone.damaged

    def _try(self) -> None:
        asked = self._moves()
        moves = _claim(asked)
        changes: dict[str, dict[Key, Change]] = {}
        for identity, move in moves.items():
            for (list_name, key), change in move.changes.items():
                changes.setdefault(list_name, {})[key] = change
            self._left.setdefault(identity, set()).update(_places(move.now))
        written = write_lists(changes, partial(_outdated, moves))
        for list_name, fault in written.faults.items():
            logger().error("a list could not be written", extra={"list": list_name}, exc_info=fault)
            if isinstance(fault, Damaged):
                self.damaged.add(list_name)
        done: list[str] = []
        for identity, move in moves.items():
            if any(list_name in written.faults for list_name, _ in move.changes):
                self.failed.add(identity)
            else:
                done.append(identity)
            if not written.changed.isdisjoint(move.changes):
                self.drifted.add(identity)
        noted = dynamo.at_once(*[partial(_note, identity, moves[identity]) for identity in done])
        overtaken = asked.keys() - moves.keys()
        overtaken |= {identity for identity, well in zip(done, noted, strict=True) if not well}
        self._waiting = [identity for identity in self._waiting if identity in overtaken]

    def _moves(self) -> dict[str, _Move]:
        """What is to be done; a row whose ledger speaks of its present version needs nothing."""
        ledgers = read_ledgers(self._waiting)
        current = self._current(self._waiting)
        moves = {}
        for identity in self._waiting:
            ledger, now = ledgers[identity], current.get(identity, NOTHING)
            suspected = identity in self._left or self._repair is not None or bool(ledger.claimed)
            if ledger.counted == now and not suspected:
                continue
            changes: Mapping[Place, Change] = {}
            if suspected or not _same(ledger.counted, now):
                known = _places(ledger.counted) | ledger.claimed | self._left.get(identity, set())
                known |= set((self._repair or {}).get(identity, ()))
                changes = _changes(known, ledger.counted, now)
            moves[identity] = _Move(ledger, now, changes)
            if not _same(ledger.counted, now):
                self.drifted.add(identity)
        return moves


def _changes(known: Collection[Place], before: Counted, now: Counted) -> dict[Place, Change]:
    """What has to stand at the places where a row is known to be, and where it belongs.

    A row that is gone, or was deleted and begins anew with small versions, replaces whatever there is.
    """
    force = now.version == 0 or now.version < before.version
    changes = {place: Change(place[1], None, now.version, force, fences=True) for place in known}
    for list_name, entry in now.entries.items():
        changes[list_name, entry.key] = Change(entry.key, entry, now.version, force)
    return changes


def _claim(moves: Mapping[str, _Move]) -> dict[str, _Move]:
    """Notes in the ledgers where rows may soon be besides, and that whoever is at them is overtaken. Answers
    the moves that may go on, for nobody was faster.
    """
    claims = {}
    for identity, move in moves.items():
        counted, claimed = _places(move.ledger.counted), move.ledger.claimed
        stays = move.changes.keys() == counted == _places(move.now)
        if move.changes and (claimed or not stays):
            ledger = Ledger(
                move.ledger.version + 1, move.ledger.counted, claimed | (move.changes.keys() - counted)
            )
            claims[identity] = move._replace(ledger=ledger)
    made = dynamo.at_once(*[partial(_put, identity, move.ledger) for identity, move in claims.items()])
    refused = {identity for identity, well in zip(claims, made, strict=True) if not well}
    return {identity: claims.get(identity, moves[identity]) for identity in moves if identity not in refused}


def _outdated(moves: Mapping[str, _Move], places: Collection[Place]) -> list[Place]:
    """Those of the places that a move is of whose row has been taken over by others."""
    wanted = set(places)
    of = {place: identity for identity, move in moves.items() for place in wanted & move.changes.keys()}
    ledgers = read_ledgers(set(of.values()))
    return [
        place for place, identity in of.items() if ledgers[identity].version != moves[identity].ledger.version
    ]


def _note(identity: str, move: _Move) -> bool:
    """Notes in the ledger what is counted now; whether nobody was faster."""
    if move.ledger.counted == move.now and not move.ledger.claimed:
        return True
    return _put(identity, Ledger(move.ledger.version + 1, move.now))


def _put(identity: str, ledger: Ledger) -> bool:
    """Puts a ledger over the version before it; whether that was still there."""
    row = ledger_row(identity, ledger.counted, ledger.version, ledger.claimed)
    try:
        dynamo.put_from(table(), row, ledger.version - 1)
    except (ConditionFailed, Unavailable):
        return False
    return True


def _places(counted: Counted) -> set[Place]:
    return {(list_name, entry.key) for list_name, entry in counted.entries.items()}


def _same(one: Counted, other: Counted) -> bool:
    """Whether both count as the same, in whatever version of the row."""
    return _without_versions(one) == _without_versions(other)


def _without_versions(counted: Counted) -> dict[str, Entry]:
    return {list_name: entry._replace(version=0) for list_name, entry in counted.entries.items()}
