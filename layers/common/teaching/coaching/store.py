"""Sessions and presences in DynamoDB: their access patterns, each with its index, order and cost.

Costs are sequential round trips of requests that succeed at first; every function may raise
`Unavailable`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

from teaching import clock, dynamo
from teaching.coaching import rules
from teaching.coaching.rules import (
    AttendedSession,
    EndedSession,
    Mark,
    MarkedPresence,
    Only,
    PresenceRow,
    SessionQuery,
    SessionRow,
)
from teaching.directory import search
from teaching.directory.people import Person
from teaching.dynamo import Item, Key
from teaching.errors import ApiError, NotFinished, SessionNotFound
from teaching.http.auth import PARTICIPANT, Caller
from teaching.http.envelope import Redirect
from teaching.http.pages import Page, PageQuery
from teaching.http.versions import ANY_VERSION, IfMatch, versioned
from teaching.records import SessionRecord
from teaching.settings import settings
from teaching.tally import lists
from teaching.tally import store as tally
from teaching.tally.nodes import Counted
from teaching.tally.pages import Window
from teaching.tally.source import Listed, Source
from teaching.tally.tree import Entry

OLDEST = " "
"""Sorts before every `time#id`; a key can't be compared with an empty text."""
ROWS_OF_STATUS_MOST = 100
"""Sessions that a search finds whose rows tell their status: one request, as far as it goes."""
RANGE_MOST = 2
"""As many rows in a range of an index cost about as much as a row read alone, half a unit."""


def page(caller: Caller, query: SessionQuery) -> Page[SessionRow]:
    """Newest `start_time` first, ties by id.

    The first page of a whole list is one round trip, any other at most four, a search at most five.
    """
    asesor, only = caller.sees_only, query.only
    if query.search:
        return _search(asesor, query, query.search)
    list_name, offset, limit = rules.list_name(asesor), query.offset, query.per_page
    wanted, bounds = only.wants(list_name), only.bounds
    newest = partial(_run, asesor, only, only.end, limit)
    if only.status:
        rows, total = lists.page_of_scattered(
            list_name, wanted, offset, limit, partial(_rows_of, asesor, only), bounds
        )
    elif offset:
        rows, total = lists.page_in_a_row(
            list_name, wanted, offset, limit, lambda key: _run(asesor, only, "#".join(key), limit), bounds
        )
    elif only == rules.ALL:
        rows, total = lists.first_page(list_name, wanted, limit, [newest])
    else:
        rows, total = lists.first_page_within(list_name, wanted, limit, newest, bounds)
    return _page(rows, total, query)


def _run(asesor: str | None, only: Only, newest: str, limit: int | None = None) -> list[Item]:
    """Rows that begin no sooner than asked, newest first, from `newest` (`time#id`) on."""
    if newest < only.begin:
        return []
    index, key, value = _index(asesor)
    return list(
        dynamo.query(
            settings().sessions_table,
            f"{key} = :value AND order_key BETWEEN :oldest AND :newest",
            {":value": value, ":oldest": only.begin or OLDEST, ":newest": newest},
            index=index,
            limit=limit,
            newest_first=True,
        )
    )


def _rows_of(asesor: str | None, only: Only, window: Window) -> list[Item]:
    """The rows of a window that are still of the status: a range of the index, or each row alone where few of
    those in the range are wanted. One round trip.
    """
    if not window.rows:
        return []
    if window.passed > len(window.rows) * RANGE_MOST:
        return _rows_by_id(asesor, only, window.rows)
    wanted = {entry.id for entry in window.rows}
    newest, oldest = window.rows[0].key, window.rows[-1].key
    rows = _run(asesor, only._replace(begin="#".join(oldest)), "#".join(newest))
    return [row for row in rows if row["id"] in wanted and row["status"] == only.status]


def _rows_by_id(asesor: str | None, only: Only, entries: Iterable[Entry]) -> list[Item]:
    """The rows of the entries that are still as they were found, newest first. One round trip."""
    table = settings().sessions_table
    rows = dynamo.batch_get({table: [{"id": entry.id} for entry in entries]})[table]
    rows.sort(key=lambda row: (row["start_time"], row["id"]), reverse=True)
    return [row for row in rows if rules.is_visible(row, asesor) and only.hold(row)]


def _index(asesor: str | None) -> tuple[str, str, str]:
    """The index that holds the list, its key and value."""
    return ("by_asesor", "asesor_id", asesor) if asesor else ("by_start", "kind", rules.ALL_SESSIONS)


def _search(asesor: str | None, query: SessionQuery, text: str) -> Page[SessionRow]:
    """Two round trips, up to four where every word is common; one more for many of one status.

    Raises `InvalidQuery` when an admin's search finds more than `search.MATCHES_MOST`, whatever the filters.
    """
    only = query.only
    found = [Entry(row["time"], row["id"], "") for row in search.sessions(text, asesor)]
    found = [entry for entry in found if only.bounds.hold(entry.key)]
    if only.status and len(found) <= ROWS_OF_STATUS_MOST:
        of_status = _rows_by_id(asesor, only, found)
        return _page(of_status[query.offset : query.offset + query.per_page], len(of_status), query)
    if only.status:
        found = _of_status(asesor, only, {entry.id for entry in found})
    found.sort(key=lambda entry: entry.key, reverse=True)
    rows = _rows_by_id(asesor, only, found[query.offset : query.offset + query.per_page])
    return _page(rows, len(found), query)


def _of_status(asesor: str | None, only: Only, sessions: Collection[str]) -> list[Entry]:
    """Those of the sessions that are of the status, by the list's tree, for their rows would cost more.

    One round trip for some ten thousand sessions.
    """
    list_name = rules.list_name(asesor)
    wanted = only.wants(list_name)
    return [entry for entry in tally.whole(list_name) or [] if wanted(entry.label) and entry.id in sessions]


def _page(rows: Iterable[Mapping[str, Any]], total: int, query: SessionQuery) -> Page[SessionRow]:
    return Page([rules.session_row(row) for row in rows], total, query)


def details(caller: Caller, session: str) -> AttendedSession:
    """The session, and how many of its roster came. One round trip: a roster is short, and read whole.

    Raises `SessionNotFound`, also for one that is not the caller's to see.
    """
    stored, roster = dynamo.both(
        lambda: dynamo.get(settings().sessions_table, {"id": session}, consistent=True),
        lambda: _roster(session),
    )
    row = _visible(stored, caller.sees_only)
    return versioned(rules.attended_session(row, roster), row)


def presences(caller: Caller, session: str, query: PageQuery) -> Page[PresenceRow]:
    """The roster with its marks, in the order of names; a participant sees the own row only.

    One round trip: a roster is short (`limits.ROSTER_MOST`) and read whole. Raises `SessionNotFound`,
    also for a session that is not the caller's to see.
    """
    stored, roster = dynamo.both(
        lambda: dynamo.get(settings().sessions_table, {"id": session}), lambda: _roster(session)
    )
    if caller.role is PARTICIPANT:
        _visible(stored, None)
        roster = [row for row in roster if row["participant_id"] == caller.id]
        if not roster:
            raise SessionNotFound()
    else:
        _visible(stored, caller.sees_only)
    rows = [rules.presence_row(row) for row in roster]
    if query.search:
        words = search.words_of(query.search)
        rows = [row for row in rows if not search.lacking(_searched_text(row["user"]), words)]
    return Page(rows[query.offset : query.offset + query.per_page], len(rows), query)


def _searched_text(user: Person) -> str:
    return search.normalised(f"{user['name']} {user['email']}")


def _roster(session: str) -> list[Item]:
    return list(
        dynamo.query(
            settings().presences_table, "session_id = :session", {":session": session}, index="by_name"
        )
    )


def mark(caller: Caller, session: str, given: Mark) -> MarkedPresence:
    """Two round trips, one of them the single conditional write, so that marks made at once leave one row.

    Raises `SessionNotFound`, `InvalidBody`.
    """
    (marked,) = _mark_each(caller, session, [given])
    if isinstance(marked, Exception):
        raise marked
    return rules.marked_presence(marked)


def mark_many(
    caller: Caller, session: str, marks: Sequence[Mark | ApiError]
) -> list[MarkedPresence | Exception]:
    """What `mark` gives for each, or the error that it raises; at the cost in time of one.

    An entry that is an error already stays as it is. Raises `SessionNotFound` when that is what every mark
    would be answered.
    """
    given = [mark for mark in marks if isinstance(mark, Mark)]
    marked = _mark_each(caller, session, given)
    if marked and all(isinstance(outcome, SessionNotFound) for outcome in marked):
        raise SessionNotFound()
    outcomes = iter(marked)
    results = [mark if isinstance(mark, ApiError) else next(outcomes) for mark in marks]
    return [result if isinstance(result, Exception) else rules.marked_presence(result) for result in results]


class _Marking:
    """One mark on its way, over as many tries as it takes."""

    def __init__(self, session: str, given: Mark) -> None:
        self.key = _presence_key(session, given.participant_id)
        self._given = given
        self._request = dynamo.Request(settings().presences_table, self.key)

    def make(self, row: Item | None, session: Item | None, by: Caller) -> Item:
        """The row as it is then, decided on as it and its session were read.

        Raises as `mark`; `ConditionFailed`, `Conflict`.
        """
        if written := self._request.written(row):
            return written
        roster = rules.markable(_visible(session, by.sees_only), row)
        return self._request.write(roster, rules.marking(roster, self._given, str(uuid4()), clock.now()))


def _mark_each(caller: Caller, session: str, marks: Sequence[Mark]) -> list[Item | Exception]:
    sessions, presences = settings().sessions_table, settings().presences_table

    def mark_at_once(markings: Sequence[_Marking]) -> list[Item | Exception]:
        keys = [marking.key for marking in markings]
        found = dynamo.batch_get({sessions: [{"id": session}], presences: keys}, consistent=True)
        stored = next(iter(found[sessions]), None)
        rows = {row["participant_id"]: row for row in found[presences]}
        makes = [
            partial(marking.make, rows.get(marking.key["participant_id"]), stored, caller)
            for marking in markings
        ]
        return dynamo.at_once(*[partial(dynamo.outcome, make) for make in makes])

    return dynamo.each_unless_lost([_Marking(session, mark) for mark in marks], mark_at_once)


def start(caller: Caller, session: str, match: IfMatch = ANY_VERSION) -> Redirect:
    """Two round trips, or one when the session is under way.

    Raises `SessionNotFound`, `PreconditionFailed`, `CannotBeStarted`.
    """
    row = _moved(caller, session, match, rules.start)
    return Redirect(row["meeting_url"], row["version"])


def end(caller: Caller, session: str, match: IfMatch = ANY_VERSION) -> EndedSession:
    """Two round trips. Raises `SessionNotFound`, `PreconditionFailed`, `CannotBeEnded`."""
    row = _moved(caller, session, match, rules.end)
    return versioned(rules.ended_session(row), row)


def _moved(
    caller: Caller,
    session: str,
    match: IfMatch,
    rule: Callable[[Mapping[str, Any], str], dict[str, Any]],
) -> Item:
    """The session after the rule's changes; two that move it at once see one change."""
    table, key = settings().sessions_table, {"id": session}
    request = dynamo.Request(table, key)

    def read_and_write() -> Item:
        row = dynamo.get(table, key, consistent=True)
        if written := request.written(row):
            return written
        stored = _visible(row, caller.sees_only)
        match.check(stored)
        changes = rule(stored, clock.now())
        return request.write(stored, changes) if changes else stored

    return dynamo.unless_lost(read_and_write)


def overdue(before: str) -> Iterator[str]:
    """The sessions under way that should have ended before that moment, the oldest first.

    One round trip for some thousands, by the index `by_open`, which holds no other sessions.
    """
    condition, values = "#open = :open AND end_time < :before", {":open": rules.ALL_OPEN, ":before": before}
    for row in dynamo.query(settings().sessions_table, condition, values, index="by_open"):
        yield row["id"]


def close(session: str, before: str) -> bool:
    """Whether the schedule has ended the session; not when it is not under way any more (`rules.close`).

    Two round trips, or one.
    """
    table, key = settings().sessions_table, {"id": session}
    request = dynamo.Request(table, key)

    def read_and_write() -> bool:
        row = dynamo.get(table, key, consistent=True)
        if request.written(row):
            return True
        changes = rules.close(row, before, clock.now()) if row else {}
        if row and changes:
            request.write(row, changes)
        return bool(changes)

    return dynamo.unless_lost(read_and_write)


def _visible(stored: Item | None, asesor: str | None) -> Item:
    """The session, if it is there for the asesor (None: for whoever sees all). Raises `SessionNotFound`."""
    if not stored or not rules.is_visible(stored, asesor):
        raise SessionNotFound()
    return stored


def _presence_key(session: str, participant: str) -> Key:
    return {"session_id": session, "participant_id": participant}


def counted(sessions: Sequence[str]) -> dict[str, Counted]:
    """What sessions (`session#<id>`) count as now, read consistently. One round trip."""
    table = settings().sessions_table
    keys = [{"id": SOURCE.row_id(session)} for session in sessions]
    found = dynamo.batch_get({table: keys}, consistent=True)[table]
    return {SOURCE.counted_id(row["id"]): rules.counted(row) for row in found}


def listed(list_name: str, low: tuple[str, str], high: tuple[str, str]) -> Iterator[Listed]:
    """What a list holds from `low` up to and without `high`, by its index."""
    index, key, value = _index(rules.asesor_of(list_name))
    for row in dynamo.query(
        settings().sessions_table,
        f"{key} = :value AND order_key BETWEEN :low AND :high",
        {":value": value, ":low": "#".join(low), ":high": "#".join(high)},
        index=index,
    ):
        if (row["start_time"], row["id"]) < high:
            yield Listed(row["id"], (row["start_time"], row["id"]), row["status"], None)


SOURCE = Source("session", counted, listed)


def save(record: SessionRecord, has_time: Callable[[], bool] = lambda: True) -> None:
    """Takes a record and its roster in; one that is older than what is stored changes nothing.

    Raises `NotFinished` when there is no more time for the roster.
    """
    table = settings().sessions_table

    def read_and_write() -> Item | None:
        stored = dynamo.get(table, {"id": record.id}, consistent=True)
        changes = rules.arrival(stored, record)
        if changes is None:
            return None
        changes |= _derived({"id": record.id, **changes})
        if stored and dynamo.holds(stored, changes):
            return stored
        changes["roster_number"] = (stored or {}).get("roster_number", 0) + 1
        return dynamo.update_from(table, {"id": record.id}, stored, changes)

    saved = dynamo.unless_lost(read_and_write)
    if saved:
        _save_roster(record, saved["roster_number"], has_time)
    # The asesor may have changed or arrived meanwhile, and their change have found no row yet.
    refresh(record.id)


def refresh(session: str) -> None:
    """Brings what a session carries of its asesor up to date."""
    dynamo.refresh(settings().sessions_table, {"id": session}, _derived)


def stale(rows: Sequence[Item]) -> list[str]:
    """Those of the sessions that seem to carry something old. One round trip."""
    asesors = _users({row["asesor_id"] for row in rows}, consistent=False)
    return [
        row["id"] for row in rows if not dynamo.holds(row, rules.derived(row, asesors.get(row["asesor_id"])))
    ]


def _derived(row: Mapping[str, Any]) -> dict[str, Any]:
    return rules.derived(row, dynamo.get(settings().users_table, {"id": row["asesor_id"]}, consistent=True))


def _users(users: Collection[str], *, consistent: bool) -> dict[str, Item]:
    table = settings().users_table
    found = dynamo.batch_get({table: [{"id": user} for user in users]}, consistent=consistent)[table]
    return {user["id"]: user for user in found}


def _save_roster(record: SessionRecord, number: int, has_time: Callable[[], bool]) -> None:
    """Makes the roster what the record says; what is right already is not written.

    Each transaction writes only while the session's roster is still of this number. So one that is
    overtaken ends, and what it did is there for the newer one to read.
    """
    session, participants = record.id, set(record.participant_ids)
    values = {":session": session}
    rows = dynamo.query(settings().presences_table, "session_id = :session", values, consistent=True)
    present = {row["participant_id"]: row for row in rows}
    users = _users(participants, consistent=True)
    changes = rules.roster_changes(participants, users, present)
    for some in dynamo.chunked(changes.items(), dynamo.TRANSACTION_LIMIT - 1):
        if not has_time():
            raise NotFinished
        if not _write_roster(session, number, some):
            return
        _follow(session, {participant: row for participant, row in some if participant in participants})


def _follow(session: str, written: Mapping[str, Mapping[str, Any]]) -> None:
    """Looks at the people of roster rows again.

    They may have changed or arrived while the rows were written, and their change have found no row yet.
    """
    for participant, user in _users(written, consistent=True).items():
        if not dynamo.holds(written[participant], rules.roster_derived(participant, user, True)):
            refresh_presence(session, participant)


def _write_roster(session: str, number: int, changes: Iterable[tuple[str, Mapping[str, Any]]]) -> bool:
    """Whether the session's roster was still of this number, and so the changes were written."""
    key, values = {"id": session}, {":number": number}
    writes = [dynamo.check(settings().sessions_table, key, "roster_number = :number", values)]
    for participant, of_row in changes:
        row = _presence_key(session, participant)
        writes.append({"Update": dynamo.update_arguments(settings().presences_table, row, of_row)})
    # What is on its way for long is not made again when the people's names are others.
    token = str(uuid4())
    try:
        dynamo.unless_busy(lambda: dynamo.transact(writes, token))
    except dynamo.ConditionFailed:
        return False
    return True


def refresh_presence(session: str, participant: str) -> None:
    """Brings what a roster row carries of its participant up to date."""

    def derived(row: Mapping[str, Any]) -> dict[str, Any]:
        user = dynamo.get(settings().users_table, {"id": participant}, consistent=True)
        return rules.roster_derived(participant, user, bool(row.get("invited")))

    dynamo.refresh(settings().presences_table, _presence_key(session, participant), derived)


def stale_presences(rows: Sequence[Item]) -> list[tuple[str, str]]:
    """Those of the roster rows (session, participant) that seem to carry something old. One round trip."""
    users = _users({row["participant_id"] for row in rows}, consistent=False)
    stale = []
    for row in rows:
        participant = row["participant_id"]
        derived = rules.roster_derived(participant, users.get(participant), bool(row.get("invited")))
        if not dynamo.holds(row, derived):
            stale.append((row["session_id"], participant))
    return stale


def sessions_with_copy_of(user: str) -> Iterator[str]:
    """The sessions that carry a copy of an asesor, or wait for one."""
    for index, key in (("by_asesor", "asesor_id"), ("by_waiting", "waiting_for")):
        for row in dynamo.query(settings().sessions_table, f"{key} = :user", {":user": user}, index=index):
            yield row["id"]


def sessions_with_presence_of(user: str) -> Iterator[str]:
    """The sessions that have the user on their roster."""
    condition, values = "participant_id = :user", {":user": user}
    for row in dynamo.query(settings().presences_table, condition, values, index="by_participant"):
        yield row["session_id"]


def index_session(session: str, *, repair: bool = False) -> None:
    """Brings what the search knows of a session up to date; `repair`: also where it seems to be."""

    def read() -> search.Document | None:
        row = dynamo.get(settings().sessions_table, {"id": session}, consistent=True)
        return rules.document(row) if row else None

    search.index(search.SESSION, session, read, repair=repair)


def documents() -> Iterator[search.Document]:
    """What a search should find of all sessions. Reads the table."""
    for row in dynamo.scan_all(settings().sessions_table):
        document = rules.document(row)
        if document:
            yield document
