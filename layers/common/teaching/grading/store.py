"""Submissions in DynamoDB: their access patterns, each with its index, order and cost.

Costs are sequential round trips of requests that succeed at first; every function may raise
`Unavailable`.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from teaching import clock, dynamo, jsons, limits
from teaching.directory import people, search
from teaching.dynamo import Item
from teaching.errors import ApiError, Damaged, SubmissionNotFound, Unavailable
from teaching.grading import finding, rules
from teaching.grading.rules import (
    GivenGrade,
    Grade,
    GradedSubmission,
    GradeOf,
    Scope,
    Statistics,
    Status,
    SubmissionDetails,
    SubmissionFilters,
    SubmissionQuery,
    SubmissionRow,
)
from teaching.http.auth import Caller
from teaching.http.pages import Page, PlainPageQuery
from teaching.http.versions import ANY_VERSION, IfMatch, versioned
from teaching.records import SubmissionRecord
from teaching.settings import settings
from teaching.tally import lists
from teaching.tally import store as tally
from teaching.tally.nodes import Counted
from teaching.tally.pages import Window
from teaching.tally.source import Listed, Source
from teaching.tally.tree import HIGHEST, LOWEST, ROOT, Entry, Key, Sum

ALL = SubmissionFilters()
NEWEST = "~"
"""Sorts behind every `time#id`."""
NEW_MOST = 500
"""Rows of one status that a list without a tree may have: what came in within a moment."""
RANGE_MOST = 6
"""As many rows in a range of an index cost about as much as a row read alone, half a unit."""
Found = tuple[Entry, Item | None]
"""A submission that a search finds, with its row if that was read on the way."""
FIRST_ROWS = 10_000
"""So deep a search reads its lists before it knows what else it finds, at less than a unit for 100 rows."""


def page(caller: Caller, query: SubmissionQuery) -> Page[SubmissionRow]:
    """Newest first, by the time of handing in, or of beginning while in progress; ties by id.

    The first page is one round trip, any other at most four, one of a single participant's two. A search is
    at most five, or up to three more behind its first 10,000 rows.
    """
    scope = Scope.asked(query, caller.sees_only)
    if scope is None:
        return Page([], 0, query)
    if scope.participant:
        return _page_of_participant(scope, scope.participant, query)
    if query.search:
        return _search(scope, query, query.search)
    if query.page == 1 and _has_index(scope):
        return _first_page(scope, query)
    return _page_at(scope, query)


def statistics(caller: Caller, filters: SubmissionFilters = ALL) -> Statistics:
    """One round trip, however many submissions there are; a list that is new or lost takes one or two more.

    Raises `Damaged`.
    """
    scope = Scope.asked(filters, caller.sees_only)
    if scope is None:
        return rules.statistics(rules.summed([]))
    if scope.participant:
        return rules.statistics(rules.summed(filter(scope.holds, _entries_of(scope.participant))))
    totals = tally.totals(scope.list)
    if totals is None:
        return rules.statistics(_totals_of_new(scope))
    if scope.course and scope.item:
        totals = scope.of_course(totals)
    return rules.statistics(totals)


def _entries_of(participant: str) -> list[Entry]:
    """The participant's submissions, newest first. One round trip, three where they have no list yet.

    Raises `Damaged`.
    """
    listed = tally.whole(Scope(participant=participant).list)
    if listed is None:
        listed = [rules.tagged(rules.entry_of(row), row) for row in _new_rows_of(participant)]
    return sorted(listed, key=lambda entry: entry.key, reverse=True)


def _new_rows_of(participant: str) -> list[Item]:
    """All rows of a participant whose list is not there yet. Two round trips. Raises `Damaged`."""
    table, values = settings().submissions_table, {":user": participant}
    found = list(dynamo.query(table, "user_id = :user", values, index="by_participant", limit=NEW_MOST))
    if len(found) == NEW_MOST:
        raise Damaged(Scope(participant=participant).list, ROOT)
    rows = dynamo.batch_get({table: [{"id": row["id"]} for row in found]})[table]
    return [row for row in rows if rules.is_complete(row)]


def _page_of_participant(scope: Scope, participant: str, query: SubmissionQuery) -> Page[SubmissionRow]:
    """Two round trips, with or without a search: their list is short, and read whole."""
    wanted = scope.wants(query.status)
    if query.search:
        texts = partial(
            dynamo.both, partial(search.titles, scope.item), partial(search.text_of, search.USER, participant)
        )
        entries, (titles, person) = dynamo.both(partial(_entries_of, participant), texts)
        lacks = search.lacking(person, search.words_of(query.search))
        entries = [entry for entry in entries if not search.lacking(titles.get(entry.tags[2], ""), lacks)]
    else:
        entries = _entries_of(participant)
    found = [entry for entry in entries if scope.holds(entry) and wanted(entry.label)]
    rows = _rows_by_id(found[query.offset : query.offset + query.per_page], scope, query.status)
    rows.sort(key=_order, reverse=True)
    return Page([rules.row(row) for row in rows], len(found), query)


def _totals_of_new(scope: Scope) -> Sum:
    """Of a list that has no tree yet. One round trip. Raises `Damaged`."""
    rows = _rows_of_new(scope, list(Status))
    counts = Counter(str(row["status"]) for row in rows)
    graded = [Decimal(row["score"]) for row in rows if row["status"] == Status.GRADED]
    return Sum(counts, sum(graded, Decimal(0)))


def _rows_of_new(scope: Scope, statuses: Sequence[Status]) -> list[Item]:
    """All rows of a list that has no tree yet: no more than what has come within a moment.

    One round trip. Raises `Damaged` for a longer one, the tree of which must have been lost.
    """
    runs = dynamo.at_once(*[partial(_run, scope, status, NEWEST, NEW_MOST) for status in statuses])
    if any(len(run) == NEW_MOST for run in runs):
        raise Damaged(scope.list, ROOT)
    rows = _each_once(row for run in runs for row in run)
    return [row for row in rows if _has_index(scope) or row["course_id"] == scope.course]


def details(caller: Caller, submission: str) -> SubmissionDetails:
    """Two round trips. Raises `SubmissionNotFound`, also for one that is not the caller's to see."""
    tables = settings()
    stored = _complete(dynamo.get(tables.submissions_table, {"id": submission}, consistent=True))
    user, item = dynamo.both(
        lambda: dynamo.get(tables.users_table, {"id": stored["user_id"]}, consistent=True),
        lambda: _item(stored["item_id"]),
    )
    participant = _visible(user, caller.sees_only)
    if not item:
        raise SubmissionNotFound()
    found: SubmissionDetails = {
        **rules.graded_submission(stored),
        "user": people.participant(participant),
        "item": people.material_item(item),
    }
    return versioned(found, stored)


def _item(identity: str) -> Item | None:
    """Read consistently, which costs twice as much, only when it seems not to be there."""
    table, key = settings().items_table, {"id": identity}
    return dynamo.get(table, key) or dynamo.get(table, key, consistent=True)


def grades(caller: Caller, submission: str, query: PlainPageQuery) -> Page[GivenGrade]:
    """Every grade that the submission had, newest first, from the present one on.

    Two round trips; the second reads what was replaced before the row that the first has read, so both
    agree. Raises `SubmissionNotFound`, also for one that is not the caller's to see.
    """
    tables = settings()
    stored = _complete(dynamo.get(tables.submissions_table, {"id": submission}, consistent=True))
    user, past = dynamo.both(
        lambda: dynamo.get(tables.users_table, {"id": stored["user_id"]}, consistent=True),
        lambda: _past_grades(stored, query.offset + query.per_page),
    )
    _visible(user, caller.sees_only)
    present = rules.past_grade(stored)
    known = [*([present] if present else []), *past]
    total = stored["past_grades"] + bool(present) if "past_grades" in stored else len(known)
    rows = known[query.offset : query.offset + query.per_page]
    return Page([rules.given_grade(row) for row in rows], total, query)


def _past_grades(stored: Item, most: int) -> list[Item]:
    """The newest grades that were replaced before this row; all of a row that does not know their number."""
    return list(
        dynamo.query(
            settings().history_table,
            "subject = :subject AND version < :version",
            {":subject": stored["id"], ":version": stored["version"]},
            limit=min(most, stored["past_grades"] + 1) if "past_grades" in stored else None,
            newest_first=True,
            consistent=True,
        )
    )


def grade(caller: Caller, submission: str, given: Grade, match: IfMatch = ANY_VERSION) -> GradedSubmission:
    """Three round trips (two of an admin), one of them the single conditional write; a grade that it replaces
    is kept with it.

    Raises `SubmissionNotFound`, `PreconditionFailed`, `CannotBeGraded`; `Unavailable` when others keep
    changing the row.
    """
    (graded,) = _grade_each(caller, [_Grading(submission, given, match)])
    if isinstance(graded, Exception):
        raise graded
    return versioned(rules.graded_submission(graded), graded)


def grade_many(caller: Caller, grades: Sequence[GradeOf | ApiError]) -> list[GradedSubmission | Exception]:
    """What `grade` gives for each, or the error that it raises; at the cost in time of one.

    An entry that is an error already stays as it is. One for whose answer there is no room beside the others'
    is `Unavailable`, and nothing is written for it.
    """
    room = _Room()
    given = [grade for grade in grades if isinstance(grade, GradeOf)]
    outcomes = iter(_grade_each(caller, [_Grading(grade.id, grade, ANY_VERSION, room) for grade in given]))
    results = [grade if isinstance(grade, ApiError) else next(outcomes) for grade in grades]
    return [
        result if isinstance(result, Exception) else rules.graded_submission(result) for result in results
    ]


class _Room:
    """What is left of an answer for the results of many gradings."""

    def __init__(self) -> None:
        self._bytes = limits.BATCH_ANSWER_BYTES
        self._given: dict[str, int] = {}

    def take(self, row: Item) -> None:
        """Raises `Unavailable` when the row as it would be answered is larger than what is left."""
        size = len(json.dumps(jsons.dumps(rules.graded_submission(row))))
        self._bytes += self._given.pop(row["id"], 0) - size
        if self._bytes < 0:
            self._bytes += size
            raise Unavailable("too much for one answer: send it again with fewer")
        self._given[row["id"]] = size


class _Grading:
    """One grade on its way, over as many tries as it takes."""

    def __init__(self, submission: str, given: Grade, match: IfMatch, room: _Room | None = None) -> None:
        self.submission = submission
        self._given = given
        self._match = match
        self._room = room
        self._request = dynamo.Request(settings().submissions_table, {"id": submission})

    def make(self, row: Item | None, participants: Mapping[str, Item], by: Caller, copy: people.Copy) -> Item:
        """The row as it is then, decided on as it and its participant were read.

        `copy` is that of the grader. Raises as `grade`; `ConditionFailed`, `Conflict`.
        """
        if written := self._request.written(row):
            return written
        stored = _complete(row)
        if by.sees_only:
            _visible(participants.get(stored["user_id"]), by.sees_only)
        self._match.check(stored)
        changes = rules.grading(stored, self._given, by.id, copy, clock.now())
        if self._room:
            self._room.take({**stored, **changes})
        return self._request.write(stored, changes, _kept(stored)) if changes else stored


def _grade_each(caller: Caller, gradings: Sequence[_Grading]) -> list[Item | Exception]:
    return dynamo.each_unless_lost(gradings, partial(_grade_at_once, caller))


def _grade_at_once(caller: Caller, gradings: Sequence[_Grading]) -> list[Item | Exception]:
    """Reads all that the gradings are about, then decides and writes each of them."""
    table, users = settings().submissions_table, settings().users_table
    keys = [{"id": grading.submission} for grading in gradings]
    found = dynamo.batch_get({table: keys, users: [{"id": caller.id}]}, consistent=True)
    rows = {row["id"]: row for row in found[table]}
    copy = next(map(people.person_copy, found[users]), people.unknown_person(caller.id))
    owners = {row["user_id"] for row in rows.values()} if caller.sees_only else set()
    of_owners = dynamo.batch_get({users: [{"id": owner} for owner in owners]}, consistent=True)
    participants = {user["id"]: user for user in of_owners[users]}
    makes = [
        partial(grading.make, rows.get(grading.submission), participants, caller, copy)
        for grading in gradings
    ]
    return dynamo.at_once(*[partial(dynamo.outcome, make) for make in makes])


def _kept(stored: Item) -> list[dict[str, Any]]:
    """Part of a transaction: the row's grade, before it is replaced."""
    past = rules.past_grade(stored)
    return [{"Put": dynamo.put_arguments(settings().history_table, past)}] if past else []


def _complete(stored: Item | None) -> Item:
    """One that waits for its participant or item is not there."""
    if not stored or not rules.is_complete(stored):
        raise SubmissionNotFound()
    return stored


def _visible(participant: Item | None, asesor: str | None) -> Item:
    """The participant, if the submissions are there for the asesor (None: for whoever sees all).

    As the store has them now: the copy in a submission may still name another asesor. Raises
    `SubmissionNotFound`.
    """
    if not participant or asesor not in (None, participant.get("asesor_id")):
        raise SubmissionNotFound()
    return participant


def _first_page(scope: Scope, query: SubmissionQuery) -> Page[SubmissionRow]:
    """The totals and the newest rows of each status, at once.

    A row that moves on meanwhile is found in both statuses rather than in none, for it goes the way in
    which they are asked for. Raises `Damaged`.
    """
    limit = query.per_page
    runs = [partial(_run, scope, status, NEWEST, limit) for status in _statuses(query.status)]
    rows, total = lists.first_page(scope.list, scope.wants(query.status), limit, runs, _each_once)
    return Page([rules.row(row) for row in rows], total, query)


def _statuses(asked: Status | None) -> list[Status]:
    return [asked] if asked else list(Status)


def _each_once(rows: Iterable[Item]) -> list[Item]:
    """Rows, newest first; of one that was read in two statuses what it became later."""
    latest: dict[str, Item] = {}
    for row in rows:
        known = latest.get(row["id"])
        if known is None or _stage(known) < _stage(row):
            latest[row["id"]] = row
    return sorted(latest.values(), key=_order, reverse=True)


def _stage(row: Item) -> tuple[str, int]:
    """How far a submission is: a newer hand-in begins anew."""
    return row.get("submitted_at") or "", list(Status).index(Status(row["status"]))


def _page_at(scope: Scope, query: SubmissionQuery) -> Page[SubmissionRow]:
    """The tree tells the rows' keys, the index holds the rows.

    One status is contiguous in its index, so its page needs only the key of the first row. A list that
    seems to be empty may only have no tree yet: that costs a trip more. Raises `Damaged`.
    """
    wanted, offset, limit, status = scope.wants(query.status), query.offset, query.per_page, query.status
    if status and _has_index(scope):
        rows, total = lists.page_in_a_row(
            scope.list, wanted, offset, limit, lambda key: _run(scope, status, "#".join(key), limit)
        )
    else:
        rows, total = lists.page_of_scattered(
            scope.list, wanted, offset, limit, lambda window: _rows_of(scope, window, status)
        )
    if not total:
        all_rows = _rows_of_new(scope, _statuses(status))
        rows, total = all_rows[offset : offset + limit], len(all_rows)
    return Page([rules.row(row) for row in rows], total, query)


def _rows_of(scope: Scope, window: Window, status_asked: Status | None) -> list[Item]:
    """The rows of a window, read at once: as one range of the index for each status, or each row alone
    where few of those in the ranges are wanted.

    The tree is a moment behind: a row that the index no longer has where the tree said is asked of the
    table, in one more round trip.
    """
    wanted = {entry.id: entry for entry in window.rows}
    keys: defaultdict[Status, list[str]] = defaultdict(list)
    for entry in window.rows:
        keys[Status(rules.status_of(entry.label))].append("#".join(entry.key))
    if window.passed > len(wanted) * RANGE_MOST:
        reads = [partial(_range, scope, status, key, key) for status in keys for key in keys[status]]
    else:
        reads = [partial(_range, scope, status, min(keys[status]), max(keys[status])) for status in keys]
    rows = [row for run in dynamo.at_once(*reads) for row in run if row["id"] in wanted]
    moved = [wanted[identity] for identity in wanted.keys() - {row["id"] for row in rows}]
    if moved:
        rows += [
            row
            for row in _rows_by_id(moved, scope, status_asked, consistent=True)
            if _order(row) == wanted[row["id"]].key
        ]
    return _each_once(rows)


def _range(scope: Scope, status: Status, low: str, high: str) -> list[Item]:
    return list(_each(scope, status, low, high))


def _run(scope: Scope, status: Status, newest: str, limit: int) -> list[Item]:
    """Rows of one status, newest first, from `newest` (`time#id`) on."""
    return list(_each(scope, status, "", newest, limit=limit))


def _each(scope: Scope, status: Status, low: str, high: str, limit: int | None = None) -> Iterator[Item]:
    """Rows of one status, newest first, from `high` down to `low` (`time#id`), by the scope's index."""
    index, key, value = _index(scope, status)
    return dynamo.query(
        settings().submissions_table,
        f"#{key} = :value AND order_key BETWEEN :low AND :high",
        {":value": value, ":low": f"{status}#{low}", ":high": f"{status}#{high}"},
        index=index,
        limit=limit,
        newest_first=True,
    )


def _has_index(scope: Scope) -> bool:
    """Course and item together have none: an item is seldom in two courses."""
    return not (scope.course and scope.item)


def _index(scope: Scope, status: Status) -> tuple[str, str, str]:
    """The index that holds the scope (or, for course and item together, the item's), its key and value."""
    asesor, course, item, _ = scope
    if asesor and item:
        return "by_asesor_item", "asesor_item", f"{asesor}#{item}"
    if asesor and course:
        return "by_asesor_course", "asesor_course", f"{asesor}#{course}"
    if asesor:
        return "by_asesor", "asesor_id", asesor
    if item:
        return "by_item", "item_id", item
    if course:
        return "by_course", "course_id", course
    return "by_status", "status", status


def _order(row: Mapping[str, Any]) -> Key:
    return rules.key_of(row["order_key"])


def _search(scope: Scope, query: SubmissionQuery, text: str) -> Page[SubmissionRow]:
    """The lists of the items that are found whole, merged with what else is found (`finding`).

    One trip tells what the titles and the people hold; the next ones read both sides at the same time;
    the last one reads the rows. Raises `InvalidQuery` when an admin's search finds too much.
    """
    words = search.words_of(text)
    holders = search.Holders(search.USER, scope.asesor, words)
    titles, _ = dynamo.both(partial(search.titles, scope.item), holders.read)
    groups = finding.groups(titles, words)
    whole = groups.pop(frozenset(), [])
    if scope.asesor is None:
        search.refuse_too_many(whole)
    elif len(whole) > len(holders.rows):
        # The own participants' lists are fewer than the items', and hold the same.
        groups[frozenset()] = whole
        whole = []
    if scope.item is None:
        groups[frozenset(words)] = []  # Who holds every word is found with whatever item.
    others = partial(_others, _Search(scope, query.status, words, titles, holders, set(whole)), groups)
    window, of_others = _merged([scope._replace(item=item).list for item in whole], query, scope, others)
    in_hand: list[Item] = []
    listed: list[Entry] = []
    by_id: list[Entry] = []
    for entry in window.rows:
        row = of_others.get(entry.id)
        if row:
            in_hand.append(row)
        elif entry.id in of_others:
            by_id.append(entry)
        else:
            listed.append(entry)
    if len(whole) == 1:
        item = scope._replace(item=whole[0])
        of_item, alone = dynamo.both(
            lambda: _rows_of(item, window._replace(rows=listed), query.status),
            lambda: _rows_by_id(by_id, scope, query.status),
        )
    else:
        of_item, alone = [], _rows_by_id([*listed, *by_id], scope, query.status)
    rows = _each_once([*in_hand, *of_item, *alone])
    # A leaf may be newer than the root that counted it.
    total = max(window.total, query.offset + len(rows)) if rows else window.total
    return Page([rules.row(row) for row in rows], total, query)


def _merged(
    trees: Sequence[str], query: SubmissionQuery, scope: Scope, others: Callable[[], list[Found]]
) -> tuple[Window, dict[str, Item | None]]:
    """The page of the trees and the others merged, and the others by their ids, with the rows in hand.

    The first rows of the trees are enough for a page among the first, however many others come between,
    so they are read at the same time as the others.
    """
    wanted, end = scope.wants(query.status), query.offset + query.per_page
    if end > FIRST_ROWS:
        found = others()
        extra = [entry for entry, _ in found]
        window = tally.rows_at(trees, wanted, query.offset, query.per_page, extra)
    else:
        first, found = dynamo.both(partial(tally.rows_at, trees, wanted, 0, end), others)
        rows = [*first.rows, *(entry for entry, _ in found)]
        rows.sort(key=lambda entry: entry.key, reverse=True)
        window = Window(rows[query.offset : end], first.total + len(found), first.passed)
    return window, {entry.id: row for entry, row in found}


class _Search(NamedTuple):
    """What the first trip of a search tells."""

    scope: Scope
    status: Status | None
    words: list[str]
    titles: dict[str, str]
    """Searched texts of the items, those of the scope or all."""
    holders: search.Holders
    elsewhere: set[str]
    """Items whose submissions are found in another way than with their participants."""


def _others(given: _Search, groups: finding.Groups) -> list[Found]:
    """The submissions that are found for items of the groups.

    One round trip; another before it where some way may be long, and a third where every word is common.
    """
    scope, holders = given.scope, given.holders
    by_admin = scope.asesor is None
    whatever_item = scope.item is None
    if by_admin and whatever_item:
        search.refuse_too_many(holders.known_to_hold(given.words))
    sizes = _sizes(given, groups)
    if by_admin and whatever_item:
        holders.complete()
    plan = finding.plan(groups, sizes, holders.holding, limited=by_admin)
    given = given._replace(elsewhere=given.elsewhere | plan.looked_through)
    reads = [partial(_ask, given, some) for some in dynamo.chunked(plan.asked, dynamo.BATCH_GET_LIMIT)]
    for item in plan.looked_through:
        reads += [partial(_look_through, given, item, status) for status in _statuses(given.status)]
    found = [each for some in dynamo.at_once(*reads) for each in some]
    latest = {row["id"]: row for row in _each_once(row for _, row in found if row)}
    return [(entry, row) for entry, row in found if row is None or row is latest[row["id"]]]


def _sizes(given: _Search, groups: finding.Groups) -> dict[finding.Words, int]:
    """How many submissions the groups have that may be looked through. Reads on in the index as well."""
    sizes: dict[finding.Words, int] = {}

    def measure(group: finding.Words) -> None:
        lists = [given.scope._replace(item=item).list for item in groups[group]]
        sizes[group] = tally.rows_at(lists, given.scope.wants(given.status), 0, 0).total

    holding = {group: given.holders.holding(group) for group in groups}
    measured = [group for group in groups if finding.may_be_looked_through(groups[group], holding[group])]
    unknown = {word for group in groups if holding[group] is None for word in group}
    dynamo.at_once(*[partial(measure, group) for group in measured], *given.holders.reads_on(unknown))
    return sizes


def _ask(given: _Search, participants: Sequence[str]) -> list[Found]:
    """What is found in the participants' own lists."""
    scope, status, words, titles, holders, elsewhere = given
    wanted = scope.wants(status)
    lists = {participant: Scope(participant=participant).list for participant in participants}
    entries = tally.entries(list(lists.values()))
    found: list[Found] = []
    for participant, list_name in lists.items():
        lacks = search.lacking(holders.rows[participant]["text"], words)
        for entry in entries[list_name]:
            asesor, course, item = entry.tags
            if not scope.covers(asesor, course, item) or not wanted(entry.label) or item in elsewhere:
                continue
            if not search.lacking(titles.get(item, ""), lacks):
                found.append((entry, None))
    return found


def _look_through(given: _Search, item: str, status: Status) -> list[Found]:
    """What is found among the item's submissions of one status."""
    scope, title = given.scope._replace(item=item), given.titles[item]
    found: list[Found] = []
    for row in _each(scope, status, "", NEWEST):
        person = people.read_copy(row["user"])
        text = search.normalised(f"{person['name']} {person['email']}")
        if scope.course in (None, row["course_id"]) and not search.lacking(f"{text} {title}", given.words):
            time, identity = _order(row)
            found.append((Entry(time, identity, status), row))
    return found


def _rows_by_id(
    entries: Sequence[Entry], scope: Scope, status: Status | None, *, consistent: bool = False
) -> list[Item]:
    """The rows of the entries, but for those that are no more what they were found as."""
    table = settings().submissions_table
    keys = [{"id": identity} for identity in dict.fromkeys(entry.id for entry in entries)]
    read = dynamo.batch_get({table: keys}, consistent=consistent)[table]
    return [row for row in read if _meets(row, scope, status)]


def _meets(row: Item, scope: Scope, status: Status | None) -> bool:
    """Whether a row is still what the trees and the search, a moment behind, took it for."""
    return (
        rules.is_complete(row)
        and scope.covers(row.get("asesor_id"), row["course_id"], row["item_id"])
        and status in (None, row["status"])
    )


def counted(submissions: Sequence[str]) -> dict[str, Counted]:
    """What submissions (`submission#<id>`) count as now, read consistently. One round trip."""
    table = settings().submissions_table
    keys = [{"id": SOURCE.row_id(submission)} for submission in submissions]
    found = dynamo.batch_get({table: keys}, consistent=True)[table]
    return {SOURCE.counted_id(row["id"]): rules.counted(row) for row in found}


def save(record: SubmissionRecord) -> None:
    """Takes a record in; one that is older than what is stored changes nothing."""
    table = settings().submissions_table

    def read_and_write() -> None:
        stored = dynamo.get(table, {"id": record.id}, consistent=True)
        changes = rules.arrival(stored, record)
        if changes is None:
            return
        changes |= _derived({**(stored or {}), "id": record.id, **changes})
        if stored and dynamo.holds(stored, changes):
            return
        replaced = _kept(stored) if stored and rules.hands_in_anew(stored, record) else []
        dynamo.update_from(table, {"id": record.id}, stored, changes, replaced)

    dynamo.unless_lost(read_and_write)
    # What it carries may have changed or arrived meanwhile, and its change have found no row yet.
    refresh(record.id)


def refresh(submission: str) -> None:
    """Brings what a submission carries of its participant, item and grader up to date."""
    dynamo.refresh(settings().submissions_table, {"id": submission}, _derived)


class Copies:
    """What submissions should carry of all people and items, to compare listed ones with."""

    def __init__(self) -> None:
        self._people: dict[str, people.Copy] = {}
        self._asesor_of: dict[str, str | None] = {}
        for user in dynamo.scan_all(settings().users_table):
            self._people[user["id"]] = people.person_copy(user)
            self._asesor_of[user["id"]] = user.get("asesor_id")
        items = dynamo.scan_all(settings().items_table)
        self._items = {item["id"]: people.item_copy(item) for item in items}

    def stale(self, rows: Sequence[Item]) -> list[str]:
        """Those of some rows of `by_status` that seem to carry something old."""
        return [row["id"] for row in rows if not self._is_fresh(row)]

    def of_others(self, rows: Sequence[Item]) -> list[str]:
        """Those of some rows of `by_participant` that are not in the lists of their participant's asesor."""
        return [row["id"] for row in rows if row.get("asesor_id") != self._asesor_of.get(row["user_id"])]

    def _is_fresh(self, row: Item) -> bool:
        return (
            row["user"] == self._people.get(people.read_copy(row["user"])["id"])
            and row["item"] == self._items.get(people.read_copy(row["item"])["id"])
            and row.get("graded_by") == self._grader(row.get("graded_by"))
        )

    def _grader(self, carried: people.Copy | None) -> people.Copy | None:
        if carried is None:
            return None
        grader = people.read_copy(carried)["id"]
        return self._people.get(grader) or people.unknown_person(grader)


def _derived(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the row carries of its people and its item as they are now. One round trip."""
    users, items = settings().users_table, settings().items_table
    people_of_row = {row["user_id"], row.get("grader_id")} - {None}
    keys = {users: [{"id": user} for user in people_of_row], items: [{"id": row["item_id"]}]}
    found = dynamo.batch_get(keys, consistent=True)
    user_of = {user["id"]: user for user in found[users]}
    item = next(iter(found[items]), None)
    return rules.derived(row, user_of.get(row["user_id"]), item, user_of.get(row.get("grader_id", "")))


def with_copy_of_user(user: str) -> Iterator[str]:
    """The submissions that carry a copy of a user, or wait for one."""
    yield from _ids_of("by_participant", "user_id", user)
    yield from _ids_of("by_grader", "grader_id", user)
    yield from _ids_of("by_waiting", "waiting_for", user)


def with_copy_of_item(item: str) -> Iterator[str]:
    """The submissions that carry a copy of an item, or wait for one."""
    yield from _ids_of("by_item", "item_id", item)
    yield from _ids_of("by_waiting", "waiting_for", item)


def _ids_of(index: str, key: str, value: str) -> Iterator[str]:
    table = settings().submissions_table
    for row in dynamo.query(table, f"{key} = :value", {":value": value}, index=index):
        yield row["id"]


def listed(list_name: str, low: Key, high: Key) -> Iterator[Listed]:
    """What a list holds from `low` up to and without `high`, by its index."""
    scope = Scope.of(list_name)
    if scope.participant:
        yield from _listed_of_participant(scope.participant)
        return
    for row in _between(scope, low, high):
        key, status = rules.key_of(row["order_key"]), Status(row["status"])
        if key < high:
            score = Decimal(row["score"]) if status is Status.GRADED else Decimal(0)
            yield Listed(row["id"], key, scope.label(status, row.get("course_id", "")), score)


def _between(scope: Scope, low: Key, high: Key) -> Iterator[Item]:
    """Rows of all statuses from `low` up to and with `high`, in no order; a whole list, where one index holds
    it, by one query, for most lists are short.
    """
    if (low, high) == (LOWEST, HIGHEST) and scope != Scope():
        index, key, value = _index(scope, Status.GRADED)
        return dynamo.query(settings().submissions_table, f"#{key} = :value", {":value": value}, index=index)
    return chain.from_iterable(_each(scope, status, "#".join(low), "#".join(high)) for status in Status)


def _listed_of_participant(participant: str) -> Iterator[Listed]:
    """A participant's index says which submissions they are and where they belong, not how they stand."""
    condition, values = "user_id = :user", {":user": participant}
    for row in dynamo.query(settings().submissions_table, condition, values, index="by_participant"):
        tags = (row.get("asesor_id") or "", row["course_id"], row["item_id"])
        yield Listed(row["id"], None, None, None, tags)


SOURCE = Source("submission", counted, listed)
