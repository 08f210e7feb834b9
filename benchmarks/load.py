"""A programme of any size in DynamoDB Local, as the functions would have left it, without going through them.

The rows are made by the layer's own rules from a made-up programme; the count trees are built from
the bottom, their nodes as full as random growth leaves them. How much of it is stored is for who
measures to say (`Part`). A longer history of sessions than the programme has is added, without rosters
or search.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum, StrEnum, auto
from functools import partial
from itertools import chain, groupby
from random import Random
from threading import BoundedSemaphore
from typing import Any, TypeVar
from unittest.mock import DEFAULT, patch
from uuid import UUID

from aws_lambda_powertools import Metrics

from benchmarks.programme import programme, skewed_programme
from local import aws, store
from local.load import progress_bar
from local.template import Template
from teaching import clock, dynamo, sqs
from teaching.coaching import rules as coaching_rules
from teaching.coaching import store as coaching
from teaching.directory import search
from teaching.directory import store as directory
from teaching.dynamo import Item
from teaching.grading import rules as grading_rules
from teaching.grading import store as grading
from teaching.grading.rules import Scope, Status
from teaching.log import logger
from teaching.projections import source_of
from teaching.records import ItemRecord, SessionRecord, SubmissionRecord, UserRecord
from teaching.settings import settings
from teaching.tally import store as tally
from teaching.tally.nodes import Counted, ledger_row, rows_of
from teaching.tally.tree import Entry

END = datetime(2026, 3, 1, tzinfo=UTC)
SEED = 2026
FILL = 0.69
"""Of the size of a node: as they are when rows come in any order."""
SUBMISSIONS_PER_SESSION = 20
KEPT = 20_000
"""So many rows, evenly over time, are kept at hand for what is measured, at most."""
_BLOCK = 25
_WRITERS = 4
_WAITING = 64

Data = Mapping[str, Any]
Thing = TypeVar("Thing")


class Spread(StrEnum):
    """How submissions lie in time and over items and asesors."""

    EVEN = auto()
    """`programme`'s."""
    BURST = auto()
    """`programme`'s: 30 % before one deadline."""
    SKEWED = auto()
    """`skewed_programme`'s: 60 % before deadlines, 30 % for one item, 20 % of one asesor."""


class Part(Enum):
    """What is stored of a programme."""

    READ = auto()
    """What requests that read need: no streams, no ledgers, and the lists of an asesor with a course or an
    item of one asesor only."""
    KEPT = auto()
    """What writes to the rows in `World.kept` need: those rows, their ledgers, the lists that they are in,
    all people, items and sessions; no search."""
    WHOLE = auto()


@dataclass
class World:
    """What was loaded; `asesor` is the one that measured requests come from."""

    submissions: int
    spread: Spread
    part: Part
    admin: str = ""
    asesor: str = ""
    session: str = ""
    """One of the asesor's, that has a roster."""
    roster: list[str] = field(default_factory=list)
    """The participants of that session."""
    users: dict[str, Item] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    own: list[Item] = field(default_factory=list)
    """The rows of the asesor's submissions."""
    kept: list[Item] = field(default_factory=list)
    """Rows of submissions, oldest first: all of them or `KEPT`, evenly over time."""
    lists: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    """What each list holds, oldest first."""

    def count(self, scope: Scope, status: Status | None = None) -> int:
        wanted = scope.wants(status)
        return sum(wanted(entry.label) for entry in self.lists[scope.list])


@contextmanager
def loaded(
    facts: Template,
    submissions: int,
    spread: Spread,
    part: Part = Part.READ,
    *,
    months: int = 24,
    profile: Data | None = None,
) -> Iterator[tuple[str, World]]:
    """A store of its own in memory, filled, for the layer to use within the block; and its address.

    `profile` is everybody's.
    """
    with store.dynamodb() as endpoint:
        # A client with more patience than a function's, for a machine that is busy with other things.
        patient = store.client("dynamodb", endpoint)
        for table in facts.tables.values():
            followed = part is Part.WHOLE
            patient.create_table(
                **{name: table[name] for name in table if followed or name != "StreamSpecification"}
            )
        variables = aws.environment(endpoint, endpoint)
        for function in facts.functions.values():
            variables |= function.environment
        with (
            patch.dict(os.environ, variables),
            patch.object(dynamo, "client", lambda: patient),
            # What is printed is the table.
            patch.object(logger(), "info"),
            patch.multiple(Metrics, add_metric=DEFAULT, flush_metrics=DEFAULT),
        ):
            settings.cache_clear()
            sqs.client.cache_clear()
            yield endpoint, fill(World(submissions, spread, part), months=months, profile=profile)
    settings.cache_clear()
    sqs.client.cache_clear()


def fill(world: World, *, months: int = 24, profile: Data | None = None) -> World:
    """Fills the empty tables of the store that the environment names."""
    if world.spread is Spread.SKEWED:
        records = skewed_programme(world.submissions, seed=SEED, months=months, end=END)
    else:
        burst = world.spread is Spread.BURST
        records = programme(world.submissions, seed=SEED, burst=burst, months=months, end=END)
    with progress_bar("") as progress, _Writer() as writer:
        for kind, of_kind in groupby(records, lambda record: record["type"]):
            data = (record["data"] for record in of_kind)
            match kind:
                case "user.saved":
                    _add_users(world, ({**user, "profile": profile} for user in data), writer)
                case "item.saved":
                    _add_items(world, data)
                case "session.saved":
                    _add_sessions(world, data, writer)
                case _:
                    number = world.submissions
                    shown = progress.track(data, number, description=f"{number:,} submissions")
                    _add_submissions(world, shown, writer)
        for list_name in progress.track(_stored_lists(world), description="Count trees"):
            entries = world.lists[list_name]
            entries.sort(key=lambda entry: entry.key)
            for row in rows_of(list_name, entries, fill=FILL):
                writer.put(settings().tallies_table, row)
    _check(world)
    return world


def _add_users(world: World, users: Iterable[Data], writer: "_Writer") -> None:
    people = [UserRecord.model_validate(user) for user in users]
    _each(directory.save_user, people)
    world.users = _stored(settings().users_table)
    world.admin, world.asesor = (
        next(person.id for person in people if person.role == role) for role in ("admin", "asesor")
    )
    if world.part is Part.KEPT:
        return
    for user in world.users.values():
        for row in search.rows_of(directory.user_document(user)).values():
            writer.put(settings().search_table, row)


def _add_items(world: World, items: Iterable[Data]) -> None:
    _each(directory.save_item, map(ItemRecord.model_validate, items))
    world.items = _stored(settings().items_table)
    _each(directory.index_item, world.items)


def _add_sessions(world: World, sessions: Iterable[Data], writer: "_Writer") -> None:
    records = [SessionRecord.model_validate(session) for session in sessions]
    _each(coaching.save, records)
    of_asesor = next(record for record in records if record.asesor_id == world.asesor)
    world.session, world.roster = of_asesor.id, of_asesor.participant_ids
    rows = list(_stored(settings().sessions_table).values())
    rng = Random(SEED)
    for number in range(world.submissions // SUBMISSIONS_PER_SESSION):
        past = {
            "id": str(UUID(int=rng.getrandbits(128), version=4)),
            "start_time": clock.utc_text(END - timedelta(hours=number)),
            "status": coaching_rules.Status.COMPLETED.value,
        }
        record = records[number % len(records)].model_copy(update=past)
        row = {"id": record.id, "version": 1, **(coaching_rules.arrival(None, record) or {})}
        rows.append(_without_none(row | coaching_rules.derived(row, world.users[record.asesor_id])))
        writer.put(settings().sessions_table, rows[-1])
    for row in rows:
        counted = coaching_rules.counted(row)
        _add_to_lists(world, counted)
        if world.part is Part.WHOLE:
            writer.put(settings().tallies_table, ledger_row(coaching.SOURCE.counted_id(row["id"]), counted))
            document = coaching_rules.document(row)
            assert document
            for found_by in search.rows_of(document).values():
                writer.put(settings().search_table, found_by)


def _add_submissions(world: World, submissions: Iterable[Data], writer: "_Writer") -> None:
    step = -(-world.submissions // KEPT)
    for number, data in enumerate(submissions):
        user = world.users[data["user_id"]]
        own = user["asesor_id"] == world.asesor
        kept = number % step == 0
        if world.part is Part.KEPT and not kept:
            # Of such a row its entries only: as what it counts its record tells.
            counted = grading_rules.counted(
                {**data, "asesor_id": user["asesor_id"], "order_key": "some", "version": 1}
            )
        else:
            row = _submission_row(world, data)
            counted = grading_rules.counted(row)
            writer.put(settings().submissions_table, row)
            if world.part is not Part.READ:
                ledger = ledger_row(grading.SOURCE.counted_id(row["id"]), counted)
                writer.put(settings().tallies_table, ledger)
            if own:
                world.own.append(row)
            if kept:
                world.kept.append(row)
        left_out = world.part is Part.READ and not own
        _add_to_lists(world, counted, without_filters_of=user["asesor_id"] if left_out else None)


def _submission_row(world: World, data: Data) -> Item:
    score = None if data["score"] is None else Decimal(str(data["score"]))
    record = SubmissionRecord.model_validate({**data, "score": score})
    user, item = world.users[record.user_id], world.items[record.item_id]
    grader = world.users.get(record.graded_by or "")
    row = {"id": record.id, "version": 1, **(grading_rules.arrival(None, record) or {})}
    return _without_none(row | grading_rules.derived(row, user, item, grader))


def _add_to_lists(world: World, counted: Counted, without_filters_of: str | None = None) -> None:
    for list_name, entry in counted.entries.items():
        if not without_filters_of or f"{without_filters_of}#" not in list_name:
            world.lists[list_name].append(entry)


def _stored_lists(world: World) -> Sequence[str]:
    if world.part is not Part.KEPT:
        return list(world.lists)
    of_kept = (list_name for row in world.kept for list_name in grading_rules.counted(row).entries)
    of_sessions = (list_name for list_name in world.lists if source_of(list_name) is coaching.SOURCE)
    return list(dict.fromkeys(chain(of_kept, of_sessions)))


def _check(world: World) -> None:
    """The trees' totals are those of the rows that the programme made."""
    for scope in (Scope(), Scope(world.asesor), Scope(course=world.own[0]["course_id"])):
        expected = Counter(entry.label for entry in world.lists[scope.list])
        found = tally.totals(scope.list)
        assert found
        assert found.counts == expected, scope
    assert world.count(Scope()) == world.submissions


def _each(do: Callable[[Thing], object], things: Iterable[Thing]) -> None:
    for some in dynamo.chunked(things, _BLOCK):
        dynamo.at_once(*[partial(do, thing) for thing in some])


def _stored(table: str) -> dict[str, Item]:
    return {row["id"]: row for row in dynamo.scan_all(table)}


def _without_none(row: Mapping[str, Any]) -> Item:
    return {name: value for name, value in row.items() if value is not None}


class _Writer:
    """Puts rows in blocks by a few threads; all are there when the block ends."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Item]] = defaultdict(list)
        self._pool = ThreadPoolExecutor(_WRITERS)
        self._places = BoundedSemaphore(_WAITING)
        self._futures: list[Future[None]] = []

    def __enter__(self) -> "_Writer":
        return self

    def put(self, table: str, row: Item) -> None:
        rows = self._rows[table]
        rows.append(row)
        if len(rows) == _BLOCK:
            self._write(table)

    def _write(self, table: str) -> None:
        self._places.acquire()
        future = self._pool.submit(_batch_write, table, self._rows.pop(table))
        future.add_done_callback(lambda _: self._places.release())
        self._futures.append(future)

    def __exit__(self, *_: object) -> None:
        for table in list(self._rows):
            self._write(table)
        self._pool.shutdown()
        for future in self._futures:
            future.result()


def _batch_write(table: str, rows: Iterable[Item]) -> None:
    """Every row, 25 at a time; no condition, no order among them."""
    for chunk in dynamo.chunked(rows, 25):
        request: dict[str, Any] = {table: [{"PutRequest": {"Item": dynamo.to_item(row)}} for row in chunk]}
        while request := dynamo.call("batch_write_item", RequestItems=request).get("UnprocessedItems") or {}:
            dynamo.pause(1)
