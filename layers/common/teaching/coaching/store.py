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
from teaching.coaching.rules import EndedSession, Mark, MarkedPresence, PresenceRow, SessionRow
from teaching.directory import search
from teaching.dynamo import Item, Key
from teaching.errors import ApiError, Damaged, NotFinished, SessionNotFound
from teaching.http.auth import PARTICIPANT, Caller
from teaching.http.envelope import Redirect
from teaching.http.pages import Page, PageQuery
from teaching.http.versions import ANY_VERSION, IfMatch, versioned
from teaching.records import SessionRecord
from teaching.settings import settings
from teaching.tally import store as tally
from teaching.tally.nodes import Counted
from teaching.tally.source import Listed, Source
from teaching.tally.tree import ROOT, Entry

KIND = "session"


def page(caller: Caller, query: PageQuery) -> Page[SessionRow]:
    """Newest `start_time` first, ties by id. The first page is one round trip, any other at most four."""
    if query.search:
        return _search(caller.own, query, query.search)
    if query.page == 1:
        return _first_page(caller.own, query)
    window = tally.rows_at([rules.list_name(caller.own)], rules.any_label, query.offset, 1)
    rows: list[Item] = []
    if window.rows:
        first = window.rows[0]
        rows = _run(caller.own, f"{first.time}#{first.id}", query.per_page)
    return _page(rows, max(window.total, query.offset + len(rows) if rows else 0), query)


def _first_page(own: str | None, query: PageQuery) -> Page[SessionRow]:
    """The total and the newest rows at once."""
    totals, rows = dynamo.both(
        lambda: tally.totals(rules.list_name(own)), lambda: _run(own, "~", query.per_page)
    )
    total = len(rows)
    if total == query.per_page:
        if totals is None:
            raise Damaged(rules.list_name(own), ROOT)
        total = max(total, totals.of(rules.any_label))
    return _page(rows, total, query)


def _run(own: str | None, newest: str, limit: int) -> list[Item]:
    """Rows, newest first, from `newest` (`time#id`; "~" for the very newest) on."""
    index, key, value = _index(own)
    return list(
        dynamo.query(
            settings().sessions_table,
            f"{key} = :value AND order_key <= :newest",
            {":value": value, ":newest": newest},
            index=index,
            limit=limit,
            newest_first=True,
        )
    )


def _index(own: str | None) -> tuple[str, str, str]:
    """The index that holds the list, its key and value."""
    return ("by_asesor", "asesor_id", own) if own else ("by_start", "kind", search.SESSION)


def _search(own: str | None, query: PageQuery, text: str) -> Page[SessionRow]:
    """Two round trips, up to four where every word is common. Raises `InvalidQuery` when an admin's search
    finds more than `search.MATCHES_MOST`.
    """
    found = [Entry(row["time"], row["id"], search.SESSION) for row in search.sessions(text, own)]
    window = tally.rows_at([], rules.any_label, query.offset, query.per_page, found)
    table = settings().sessions_table
    rows = dynamo.batch_get({table: [{"id": entry.id} for entry in window.rows]})[table]
    rows.sort(key=lambda row: (row["start_time"], row["id"]), reverse=True)
    mine = [row for row in rows if row.get("order_key") and own in (None, row["asesor_id"])]
    return _page(mine, window.total, query)


def _page(rows: Iterable[Mapping[str, Any]], total: int, query: PageQuery) -> Page[SessionRow]:
    return Page([rules.session_row(row) for row in rows], total, query)


def presences(caller: Caller, session: str, query: PageQuery) -> Page[PresenceRow]:
    """The roster with its marks, in the order of names; a participant sees the own row only.

    One round trip: a roster is short (`limits.ROSTER_MOST`) and read whole. Raises `SessionNotFound`,
    also for a session that is not the caller's to see.
    """
    stored, roster = dynamo.both(
        lambda: dynamo.get(settings().sessions_table, {"id": session}), lambda: _roster(session)
    )
    if caller.role is PARTICIPANT:
        _complete(stored)
        roster = [row for row in roster if row["participant_id"] == caller.id]
        if not roster:
            raise SessionNotFound()
    else:
        _own(caller, stored)
    rows = [rules.presence_row(row) for row in roster]
    if query.search:
        words = search.words_of(query.search)
        rows = [
            row
            for row in rows
            for text in [search.normalised(f"{row['user']['name']} {row['user']['email']}")]
            if all(search.contains(text, word) for word in words)
        ]
    return Page(rows[query.offset : query.offset + query.per_page], len(rows), query)


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
        roster = rules.mark(_own(by, session), row)
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
    ended: EndedSession = {
        "id": row["id"],
        "status": rules.Status(row["status"]),
        "ended_at": row["ended_at"],
    }
    return versioned(ended, row)


def _moved(
    caller: Caller,
    session: str,
    match: IfMatch,
    rule: Callable[[Mapping[str, Any], str], dict[str, Any]],
) -> Item:
    """The session after the rule's changes; two that move it at once see one change."""
    table, key = settings().sessions_table, {"id": session}
    request = dynamo.Request(table, key)

    def once() -> Item:
        row = dynamo.get(table, key, consistent=True)
        if written := request.written(row):
            return written
        stored = _own(caller, row)
        match.check(stored)
        changes = rule(stored, clock.now())
        return request.write(stored, changes) if changes else stored

    return dynamo.unless_lost(once)


def _complete(stored: Item | None) -> Item:
    """One that waits for its asesor is not there."""
    if not stored or not stored.get("order_key"):
        raise SessionNotFound()
    return stored


def _own(caller: Caller, stored: Item | None) -> Item:
    """Of an admin, any session."""
    session = _complete(stored)
    if caller.own not in (None, session["asesor_id"]):
        raise SessionNotFound()
    return session


def _presence_key(session: str, participant: str) -> Key:
    return {"session_id": session, "participant_id": participant}


def counted(sessions: Sequence[str]) -> dict[str, Counted]:
    """What sessions (`session#<id>`) count as now, read consistently. One round trip."""
    table = settings().sessions_table
    keys = [{"id": session.removeprefix(f"{KIND}#")} for session in sessions]
    found = dynamo.batch_get({table: keys}, consistent=True)[table]
    return {f"{KIND}#{row['id']}": rules.counted(row) for row in found}


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
            yield Listed(row["id"], (row["start_time"], row["id"]), search.SESSION, None)


SOURCE = Source(KIND, counted, listed)


def save(record: SessionRecord, has_time: Callable[[], bool] = lambda: True) -> None:
    """Takes a record and its roster in; one that is older than what is stored changes nothing.

    Raises `NotFinished` when there is no more time for the roster.
    """
    table = settings().sessions_table

    def once() -> Item | None:
        stored = dynamo.get(table, {"id": record.id}, consistent=True)
        changes = rules.arrival(stored, record)
        if changes is None:
            return None
        changes |= _derived({"id": record.id, **changes})
        if stored and dynamo.carries(stored, changes):
            return stored
        changes["roster_number"] = (stored or {}).get("roster_number", 0) + 1
        return dynamo.update_from(table, {"id": record.id}, stored, changes)

    saved = dynamo.unless_lost(once)
    if saved:
        _save_roster(record, saved["roster_number"], has_time)
    # The asesor may have changed or arrived meanwhile, and their change have found no row yet.
    refresh(record.id)


def refresh(session: str) -> None:
    """Brings what a session carries of its asesor up to date."""
    dynamo.refresh(settings().sessions_table, {"id": session}, _derived)


def stale(rows: Sequence[Item]) -> list[str]:
    """Those of the sessions that seem to carry something old. One round trip."""
    users = _users({row["asesor_id"] for row in rows}, consistent=False)
    return [
        row["id"] for row in rows if not dynamo.carries(row, rules.derived(row, users.get(row["asesor_id"])))
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
        if not dynamo.carries(written[participant], rules.roster_derived(participant, user, True)):
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
    return [
        (row["session_id"], participant)
        for row in rows
        for participant in [row["participant_id"]]
        if not dynamo.carries(
            row, rules.roster_derived(participant, users.get(participant), bool(row.get("invited")))
        )
    ]


def sessions_that_carry(user: str) -> Iterator[str]:
    """The sessions that carry a copy of an asesor, or wait for one."""
    for index, key in (("by_asesor", "asesor_id"), ("by_waiting", "waiting_for")):
        for row in dynamo.query(settings().sessions_table, f"{key} = :user", {":user": user}, index=index):
            yield row["id"]


def presences_that_carry(user: str) -> Iterator[str]:
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
