"""Submissions in DynamoDB: their access patterns, each with its index, order and cost.

Costs are sequential round trips of requests that succeed at first; every function may raise
`Unavailable`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

from teaching import clock, dynamo
from teaching.directory import people, search
from teaching.dynamo import Item
from teaching.errors import SubmissionNotFound
from teaching.grading import rules
from teaching.grading.rules import (
    Grade,
    GradedSubmission,
    Scope,
    Statistics,
    Status,
    SubmissionDetails,
    SubmissionQuery,
    SubmissionRow,
)
from teaching.http.auth import Caller
from teaching.http.pages import Page
from teaching.intake.records import SubmissionRecord
from teaching.settings import settings
from teaching.tally import store as tally
from teaching.tally.nodes import Counted, Listed
from teaching.tally.tree import Entry, Key

KIND = "submission"


def page(caller: Caller, query: SubmissionQuery) -> Page[SubmissionRow]:
    """Newest first, by the time of handing in, or of beginning while in progress; ties by id.

    The first page is one round trip, any other at most four; a search is three and the levels of the
    largest list that it merges.
    """
    scope = Scope(caller.own, query.course_id, query.material_item_id)
    if query.search:
        return _search(scope, query, query.search)
    if query.page == 1 and _has_index(scope):
        return _first_page(scope, query)
    return _page_at(scope, query)


def statistics(caller: Caller) -> Statistics:
    """One round trip, however many submissions there are."""
    return rules.statistics(tally.totals(Scope(caller.own).list))


def details(caller: Caller, submission: str) -> SubmissionDetails:
    """Two round trips. Raises `SubmissionNotFound`, also for one that is not the caller's to see."""
    stored = _visible(caller, dynamo.get(settings().submissions_table, {"id": submission}, consistent=True))
    found = dynamo.batch_get(
        {
            settings().users_table: [{"id": stored["user_id"]}],
            settings().items_table: [{"id": stored["item_id"]}],
        }
    )
    (user,), (item,) = found[settings().users_table], found[settings().items_table]
    if caller.own not in (None, user.get("asesor_id")):
        raise SubmissionNotFound()
    return {
        **rules.graded_submission(stored),
        "user": people.participant(user),
        "item": people.material_item(item),
    }


def grade(caller: Caller, submission: str, given: Grade) -> GradedSubmission:
    """Two round trips, one of them the single conditional write; a grade that it replaces is kept with it.

    Raises `SubmissionNotFound`, `CannotBeGraded`; `Unavailable` when others keep changing the row.
    """
    table, users = settings().submissions_table, settings().users_table
    written_by = str(uuid4())

    def once() -> Item:
        found = dynamo.batch_get({table: [{"id": submission}], users: [{"id": caller.id}]}, consistent=True)
        stored = _visible(caller, next(iter(found[table]), None))
        if stored.get("written_by") == written_by:
            return stored  # Though the answer to the write was lost.
        grader = next(map(people.person_copy, found[users]), people.unknown_person(caller.id))
        changes = rules.grading(stored, given, caller.id, grader, clock.now())
        if not changes:
            return stored
        changes["written_by"] = written_by
        return dynamo.update_from(table, {"id": submission}, stored, changes, _kept(stored))

    return rules.graded_submission(dynamo.unless_lost(once))


def _kept(stored: Item) -> list[dict[str, Any]]:
    """Part of a transaction: the row's grade, before it is replaced."""
    past = rules.past_grade(stored)
    return [{"Put": dynamo.put_arguments(settings().history_table, past)}] if past else []


def _visible(caller: Caller, stored: Item | None) -> Item:
    if not stored or not stored.get("order_key") or caller.own not in (None, stored.get("asesor_id")):
        raise SubmissionNotFound()
    return stored


def _first_page(scope: Scope, query: SubmissionQuery) -> Page[SubmissionRow]:
    """The totals and the newest rows of each status, at once."""
    statuses = [query.status] if query.status else list(Status)
    totals, runs = dynamo.both(
        lambda: tally.totals(scope.list),
        lambda: dynamo.at_once(*[partial(_run, scope, status, "~", query.per_page) for status in statuses]),
    )
    total = sum(
        len(run) if len(run) < query.per_page else max(len(run), totals.of(scope.wants(status)))
        for status, run in zip(statuses, runs, strict=True)
    )
    rows = sorted((row for run in runs for row in run), key=_order, reverse=True)
    return Page([rules.row(row) for row in rows[: query.per_page]], total, query)


def _page_at(scope: Scope, query: SubmissionQuery) -> Page[SubmissionRow]:
    """The tree tells the rows' keys, the index holds the rows.

    One status is contiguous in its index, so its page needs only the key of the first row.
    """
    contiguous = query.status and _has_index(scope)
    window = tally.rows_at(
        [scope.list], scope.wants(query.status), query.offset, 1 if contiguous else query.per_page
    )
    if contiguous and query.status and window.rows:
        rows = _run(scope, query.status, "#".join(window.rows[0].key), query.per_page)
    else:
        rows = _rows_of(scope, window.rows)
    total = max(window.total, query.offset + len(rows) if rows else 0)
    return Page([rules.row(row) for row in rows], total, query)


def _rows_of(scope: Scope, entries: Sequence[Entry]) -> list[Item]:
    """The rows of the entries, read at once as one range of the index for each status."""
    wanted = {entry.id for entry in entries}
    ranges = []
    for status in Status:
        keys = ["#".join(entry.key) for entry in entries if entry.label.partition("#")[0] == status]
        if keys:
            ranges.append(partial(_range, scope, status, min(keys), max(keys)))
    runs = dynamo.at_once(*ranges)
    return sorted((row for run in runs for row in run if row["id"] in wanted), key=_order, reverse=True)


def _range(scope: Scope, status: Status, low: str, high: str) -> list[Item]:
    return list(_each(scope, status, low, high))


def _run(scope: Scope, status: Status, newest: str, limit: int) -> list[Item]:
    """Rows of one status, newest first, from `newest` (`time#id`; "~" for the very newest) on."""
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
    asesor, course, item, participant = scope
    if participant:
        return "by_participant", "user_id", participant
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
    """The lists of the items that match, merged with the submissions of the people who match.

    A participant's own list is short and read whole, so that it can be filtered here. Raises
    `InvalidQuery` when too many people or items match.
    """
    matches = search.submissions(text, scope.asesor)
    items = [item for item in matches.items if scope.item in (None, item)]
    lists = {participant: Scope(participant=participant).list for participant in matches.participants}
    entries = tally.entries(list(lists.values()))
    found = []
    for participant, words in matches.participants.items():
        for entry in entries[lists[participant]]:
            asesor, course, item = entry.tags
            if (
                scope.asesor in (None, asesor)
                and scope.course in (None, course)
                and scope.item in (None, item)
                and item not in items
            ):
                found.append((entry, item, words))
    titles = search.titles({item for _, item, words in found if words})
    extra = [
        entry
        for entry, item, words in found
        if all(search.contains(titles.get(item, ""), word) for word in words)
    ]
    trees = [scope._replace(item=item).list for item in items]
    window = tally.rows_at(trees, scope.wants(query.status), query.offset, query.per_page, extra)
    table = settings().submissions_table
    ids = {entry.id for entry in window.rows}
    read = dynamo.batch_get({table: [{"id": identity} for identity in ids]})[table]
    rows = sorted((row for row in read if _meets(row, scope, query.status)), key=_order, reverse=True)
    return Page([rules.row(row) for row in rows], window.total, query)


def _meets(row: Item, scope: Scope, status: Status | None) -> bool:
    """Whether a row is still what the trees and the search, a moment behind, took it for."""
    return (
        bool(row.get("order_key"))
        and scope.asesor in (None, row.get("asesor_id"))
        and status in (None, row["status"])
    )


def counted(submissions: Sequence[str]) -> dict[str, Counted]:
    """What submissions (`submission#<id>`) count as now, read consistently. One round trip."""
    table = settings().submissions_table
    keys = [{"id": submission.removeprefix(f"{KIND}#")} for submission in submissions]
    found = dynamo.batch_get({table: keys}, consistent=True)[table]
    return {f"{KIND}#{row['id']}": rules.counted(row) for row in found}


def save(record: SubmissionRecord) -> None:
    """Takes a record in; one that is older than what is stored changes nothing."""
    table = settings().submissions_table

    def once() -> None:
        stored = dynamo.get(table, {"id": record.id}, consistent=True)
        changes = rules.arrival(stored, record)
        if changes is None:
            return
        changes |= _derived({**(stored or {}), "id": record.id, **changes})
        if stored and dynamo.carries(stored, changes):
            return
        replaced = _kept(stored) if stored and rules.hands_in_anew(stored, record) else []
        dynamo.update_from(table, {"id": record.id}, stored, changes, replaced)

    dynamo.unless_lost(once)
    # What it carries may have changed or arrived meanwhile, and its change have found no row yet.
    refresh(record.id)


def refresh(submission: str) -> None:
    """Brings what a submission carries of its participant, item and grader up to date."""
    dynamo.refresh(settings().submissions_table, {"id": submission}, _derived)


def stale(rows: Sequence[Item]) -> list[str]:
    """Those of the submissions that seem to carry something old. One round trip."""
    users = {row["user_id"] for row in rows} | {row["grader_id"] for row in rows if row.get("grader_id")}
    derived = _deriving(users, {row["item_id"] for row in rows}, consistent=False)
    return [row["id"] for row in rows if not dynamo.carries(row, derived(row))]


def _derived(row: Mapping[str, Any]) -> dict[str, Any]:
    users = {row["user_id"], row.get("grader_id")} - {None}
    return _deriving(users, {row["item_id"]}, consistent=True)(row)


def _deriving(
    users: Collection[str], items: Collection[str], *, consistent: bool
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Reads people and items; gives what tells what a row carries of them."""
    keys = {
        settings().users_table: [{"id": user} for user in users],
        settings().items_table: [{"id": item} for item in items],
    }
    found = dynamo.batch_get(keys, consistent=consistent)
    user_of, item_of = ({row["id"]: row for row in found[table]} for table in keys)

    def derived(row: Mapping[str, Any]) -> dict[str, Any]:
        grader = user_of.get(row.get("grader_id", ""))
        return rules.derived(row, user_of.get(row["user_id"]), item_of.get(row["item_id"]), grader)

    return derived


def ids_that_carry(kind: str, identity: str) -> Iterator[str]:
    """The submissions that carry a copy of a user or an item, or wait for one."""
    table = settings().submissions_table
    indexes = (
        {"by_participant": "user_id", "by_grader": "grader_id"} if kind == "user" else {"by_item": "item_id"}
    ) | {"by_waiting": "waiting_for"}
    for index, key in indexes.items():
        for row in dynamo.query(table, f"#{key} = :value", {":value": identity}, index=index):
            yield row["id"]


def listed(list_name: str, low: Key, high: Key) -> Iterator[Listed]:
    """What a list holds from `low` up to and without `high`, by its index."""
    scope = Scope.of(list_name)
    for status in Status:
        for row in _each(scope, status, "#".join(low), "#".join(high)):
            key = rules.key_of(row["order_key"])
            if key < high:
                graded = status is Status.GRADED and not scope.participant
                yield Listed(
                    key, scope.label(status, row.get("course_id", "")), row["score"] if graded else None
                )
