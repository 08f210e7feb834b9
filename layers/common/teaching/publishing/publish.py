"""Sending what changed rows have to tell: at least once, for one object in the order of its versions.

The ledger (the table Published, a row for each object) knows the version that was `sent` last. Whoever
sends claims the object there before, and notes what was sent after; so of two at one object the second
waits, and then finds that nothing is left, or sends what is newer. A claim whose owner has died ends
after `CLAIM_SECONDS`, and what was claimed is sent, perhaps once more, with the same `event_id`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from teaching import clock, dynamo, event_bus, jsons
from teaching.changed_rows import Change, names
from teaching.dynamo import ConditionFailed, Item, Key
from teaching.log import logger
from teaching.publishing import events, programme
from teaching.publishing.events import Event
from teaching.settings import settings

CLAIM_SECONDS = 10
"""More than it takes to send what is claimed."""
WAIT_SECONDS = CLAIM_SECONDS + 2
"""So long others' claims are waited for."""

Told = dict[Change, Event]
"""What the row of a change has to tell."""
Ledger = dict[str, Item]
"""Its rows, by their objects."""


def publish(changes: Sequence[Change]) -> list[Change]:
    """Sends what the rows of the changes have to tell and was not sent yet; answers the changes that failed.

    Five round trips; one where no row has anything to tell, two where all was sent. Raises `Unavailable`.
    """
    told, failed = _told(changes)
    until = clock.seconds_after(clock.now(), WAIT_SECONDS)
    attempt = 0
    while told:
        ledger = _ledger(told.values(), consistent=attempt > 0)
        unsent = {change: event for change, event in told.items() if _is_unsent(event, ledger)}
        ends = clock.seconds_after(clock.now(), CLAIM_SECONDS)
        claims = _claim(unsent, ledger, ends)
        failed += _send({change: unsent[change] for change in claims}, claims, ends)
        told = {change: event for change, event in unsent.items() if change not in claims}
        if told and clock.now() > until:
            logger().warning("others go on sending", extra={"changes": names(told)})
            return failed + list(told)
        if told:
            dynamo.pause(attempt)
        attempt += 1
    return failed


def _told(changes: Iterable[Change]) -> tuple[Told, list[Change]]:
    """What the rows tell, read consistently, and the changes of those that cannot be told of.

    One round trip.
    """
    tables = settings()
    telling: dict[str, Callable[[Mapping[str, Any]], Event | None]] = {
        tables.submissions_table: events.of_submission,
        tables.presences_table: events.of_presence,
        tables.sessions_table: events.of_session,
    }
    keys: dict[str, list[Key]] = {table: [] for table in telling}
    for change in changes:
        if change.table in telling:
            keys[change.table].append(_key(change))
    told: Told = {}
    failed: list[Change] = []
    found = dynamo.batch_get({table: some for table, some in keys.items() if some}, consistent=True)
    for table, rows in found.items():
        for row in rows:
            change = _change(table, row)
            try:
                event = telling[table](row)
            except Exception:
                logger().warning("a row cannot be told of", extra={"changes": names([change])}, exc_info=True)
                failed.append(change)
            else:
                if event:
                    told[change] = event
    return told, failed


def _key(change: Change) -> Key:
    if change.table != settings().presences_table:
        return {"id": change.id}
    session, participant = change.id.split("#")
    return {"session_id": session, "participant_id": participant}


def _change(table: str, row: Item) -> Change:
    if table != settings().presences_table:
        return Change(table, row["id"])
    return Change(table, f"{row['session_id']}#{row['participant_id']}")


def _ledger(told: Iterable[Event], *, consistent: bool) -> Ledger:
    table = settings().published_table
    keys = [{"object": event.object} for event in told]
    return {row["object"]: row for row in dynamo.batch_get({table: keys}, consistent=consistent)[table]}


def _is_unsent(event: Event, ledger: Ledger) -> bool:
    return bool(ledger.get(event.object, {}).get("sent", 0) < event.version)


def _claim(unsent: Told, ledger: Ledger, ends: str) -> dict[Change, Item]:
    """The ledger's rows of those that are claimed now, until that moment; others are being sent by others."""
    now = clock.now()
    free = [
        change
        for change, event in unsent.items()
        if ledger.get(event.object, {}).get("claimed_until", "") < now
    ]
    changes = {"claimed_until": ends}
    writes = [partial(_write, unsent[change], ledger.get(unsent[change].object), changes) for change in free]
    written = dynamo.at_once(*writes)
    return {change: row for change, row in zip(free, written, strict=True) if row}


def _send(told: Told, claims: Mapping[Change, Item], ends: str) -> list[Change]:
    """Sends what is claimed until that moment, and notes it; answers what was not sent."""
    if not told or clock.now() > clock.seconds_after(ends, -event_bus.SECONDS):
        return list(told)
    taken = event_bus.put([_entry(event) for event in told.values()])
    sent = [change for change, done in zip(told, taken, strict=True) if done]
    dynamo.at_once(*[partial(_note, told[change], claims[change]) for change in sent])
    programme.count([told[change] for change in sent])
    return [change for change in told if change not in sent]


def _note(event: Event, claim: Item) -> None:
    """A claim that has ended may be another's by now, who will note what they send."""
    _write(event, claim, {"sent": event.version, "claimed_until": None})


def _write(event: Event, stored: Item | None, changes: Mapping[str, Any]) -> Item | None:
    """The object's row in the ledger as it is now; None where it has changed since it was read."""
    try:
        return dynamo.update_from(settings().published_table, {"object": event.object}, stored, changes)
    except ConditionFailed:
        return None


def _entry(event: Event) -> dict[str, Any]:
    return {
        "Source": events.SOURCE,
        "DetailType": event.type,
        "Time": datetime.fromisoformat(event.moment),
        "Detail": jsons.dumps(event.detail),
    }
