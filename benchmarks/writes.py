"""What a change costs all the way: the request or the record, and what follows it in the stream.

Everything goes in by the functions' own ways: the endpoint, the queue's batch, the stream's batch. Rows
are changed in a random order, which is the same one every time.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import partial
from importlib import import_module
from itertools import count, cycle, islice
from random import Random
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch
from uuid import UUID

from benchmarks import shards
from benchmarks.load import END, SEED, World
from benchmarks.meter import READS, Cost, metered
from benchmarks.requests import callers, endpoint
from local.template import Template
from teaching import clock, dynamo, event_bus
from teaching.grading.rules import Grade, Scope, Status
from teaching.http.versions import ANY_VERSION
from teaching.log import logger
from teaching.settings import settings

BATCH = 100
"""Changes that a stream's function is given at once, and records that the queue's is, at most."""
PARTITION = 1000
"""Write units a second that one partition key allows."""
SHARDS = 4
OF_A_SHARD = 400
_FOLLOWING = "ApplyChanges"
_TRIES = 20
_HOURS = 60
"""Between beginning and handing in, at most: as in programme.py."""


_CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000)
"""Of an invocation that has all the time."""


class Spent(NamedTuple):
    """Of one change, on average; trips are the most that one took."""

    writes: float
    reads: float
    wasted: float
    of_all: float
    """Write units on the partition key of the list of all."""
    trips_asked: int
    """Of the request, or of a batch of records."""
    trips_following: int
    """Of a function of the stream, with one batch."""

    @property
    def a_second(self) -> float:
        """Changes that the partition key of the list of all allows."""
        return PARTITION / self.of_all if self.of_all else float("inf")


class Sent(NamedTuple):
    """One call of a function, and the submissions or sessions that it changes."""

    ids: list[str]
    send: Callable[[], None]


class Supply:
    """Changes yet to be made to what was loaded; no row is taken twice."""

    def __init__(self, world: World) -> None:
        rng = Random(SEED)
        rows = rng.sample(world.kept, len(world.kept))
        self._submitted = (row for row in rows if row["status"] == Status.SUBMITTED)
        self._any = cycle(rows)
        self._new_ids = (str(UUID(int=rng.getrandbits(128), version=4)) for _ in count())
        self._grader, self._asesor = callers(world)
        self._moments = (END + timedelta(milliseconds=100 * number) for number in count())
        self._roster = world.roster
        self._rng = rng

    def grades(self, number: int) -> list[Sent]:
        """Of rows of any age, each by a request of its own."""
        rows = list(islice(self._submitted, number))
        assert len(rows) == number, f"only {len(rows)} of {number} rows are left to grade"
        return [Sent([row["id"]], self._grade(row["id"])) for row in rows]

    def arrivals(self, number: int) -> list[Sent]:
        """Begun now, by those and for what others are."""
        return [_arrive([record]) for record in self._begin(number)]

    def hand_ins(self, number: int, together: int = 1) -> list[Sent]:
        """Of what was begun in the last days, and is followed already; `together`: so many records in a
        batch of the queue.
        """
        begun = self._begin(number, hours=_HOURS)
        for some in dynamo.chunked(begun, BATCH):
            arrived = _arrive(some)
            arrived.send()
            assert not follow(arrived.ids), "the stream's function gave up"
        for record, now in zip(begun, self._moments, strict=False):
            moment = clock.utc_text(now)
            record |= {"status": Status.SUBMITTED, "submitted_at": moment, "updated_at": moment}
        return [_arrive(some) for some in dynamo.chunked(begun, together)]

    def starts(self, number: int) -> list[Sent]:
        """Of new sessions, by their asesor."""
        return [Sent([session], self._move("start_coaching", session)) for session in self._planned(number)]

    def ends(self, number: int) -> list[Sent]:
        """Of sessions that were started, and are followed already."""
        started = self._started(number)
        return [Sent([session], self._move("end_coaching", session)) for session in started]

    def closes(self, number: int) -> list[Sent]:
        """All in one run of the schedule."""
        overdue = self._started(number, hours=_HOURS)
        closed = {"closed": number, "failed": 0}

        def close() -> None:
            assert _handler("close_sessions")({}, _CONTEXT) == closed

        return [Sent(overdue, close)]

    def _started(self, number: int, hours: float = 0) -> list[str]:
        sessions = self._planned(number, hours)
        for session in sessions:
            self._move("start_coaching", session)()
        assert not follow(sessions, table=settings().sessions_table), "the stream's function gave up"
        return sessions

    def _planned(self, number: int, hours: float = 0) -> list[str]:
        """New sessions that began so many hours ago and take one, followed already."""
        now = clock.now()
        session = {
            "title": "Coaching Go Digital Batch 7",
            "start_time": clock.hours_after(now, -hours),
            "end_time": clock.hours_after(now, 1 - hours),
            "audience_type": "participant",
            "coaching_type": "classification",
            "stage": "regional",
            "status": "scheduled",
            "asesor_id": self._asesor.id,
            "meeting_url": "https://meet.example.com/go-digital-7",
            "participant_ids": self._roster,
            "created_at": now,
            "updated_at": now,
        }
        arrived = _arrive([{"id": next(self._new_ids), **session} for _ in range(number)], "session.saved")
        arrived.send()
        assert not follow(arrived.ids, table=settings().sessions_table), "the stream's function gave up"
        return arrived.ids

    def _move(self, function: str, session: str) -> Callable[[], None]:
        return lambda: endpoint(function)(self._asesor, session, ANY_VERSION)

    def _begin(self, number: int, hours: float = 0) -> list[dict[str, Any]]:
        """New records, begun at any time within so many hours."""
        begun = []
        for _ in range(number):
            row, now = next(self._any), next(self._moments)
            moment = clock.utc_text(now - timedelta(hours=self._rng.uniform(0, hours)))
            record = {name: row[name] for name in ("user_id", "item_id", "course_id")}
            record |= dict.fromkeys(("score", "feedback", "submitted_at", "graded_at", "graded_by"))
            record |= {"id": next(self._new_ids), "status": Status.IN_PROGRESS}
            record |= {"response_snapshot": json.loads(row["response_snapshot"])}
            begun.append(record | {"created_at": moment, "updated_at": moment})
        return begun

    def _grade(self, submission: str) -> Callable[[], None]:
        grade = Grade(score=Decimal(90), feedback="Bagus sekali, siap diterapkan.")
        return lambda: endpoint("grade_submission")(self._grader, submission, grade, ANY_VERSION)


def _arrive(data: Sequence[dict[str, Any]], kind: str = "submission.saved") -> Sent:
    messages = [
        {
            "messageId": record["id"],
            "body": json.dumps({"detail-type": kind, "detail": record}),
        }
        for record in data
    ]

    def send() -> None:
        answer = _handler("ingest_records")({"Records": messages}, _CONTEXT)
        assert answer == {"batchItemFailures": []}, answer

    return Sent([record["id"] for record in data], send)


def follow(ids: Sequence[str], function: str = "apply_changes", table: str | None = None) -> list[str]:
    """A function of the stream (of submissions, unless told) with one batch; answers what is left of it after
    a failure.
    """
    table = table or settings().submissions_table
    records = [
        {
            "eventSourceARN": f"arn:aws:dynamodb:local:123456789012:table/{table}/stream/1",
            "eventName": "MODIFY",
            "dynamodb": {"Keys": {"id": {"S": identity}}, "SequenceNumber": str(number)},
        }
        for number, identity in enumerate(ids)
    ]
    failures = _handler(function)({"Records": records}, _CONTEXT)["batchItemFailures"]
    return list(ids[int(failures[0]["itemIdentifier"]) :]) if failures else []


def _handler(function: str) -> Callable[[Any, Any], Any]:
    handler: Callable[[Any, Any], Any] = import_module(f"functions.{function}.app").handler
    return handler


def measured(changes: Iterable[Sent], batch: int = 1, table: str | None = None) -> Spent:
    """The whole chain of some changes (of submissions, unless told); the stream has them in batches, the bus
    takes everything.
    """
    asked: list[Cost] = []
    following: list[Cost] = []
    number = 0
    waiting: list[str] = []

    def follow_now() -> None:
        for function in ("apply_changes", "publish_events"):
            with metered() as cost, patch.object(event_bus, "put", lambda entries: [True] * len(entries)):
                assert not follow(waiting, function, table), "the stream's function gave up"
            following.append(cost)
        waiting.clear()

    for ids, send in changes:
        with metered() as cost:
            send()
        asked.append(cost)
        number += len(ids)
        waiting += ids
        if len(waiting) >= batch:
            follow_now()
    if waiting:
        follow_now()
    costs = [*asked, *following]
    return Spent(
        sum(cost.writes for cost in costs) / number,
        sum(cost.reads for cost in costs) / number,
        sum(cost.wasted for cost in costs) / number,
        sum(cost.writes_of_key[Scope().list] for cost in costs) / number,
        max(cost.trips for cost in asked),
        max(cost.trips for cost in following),
    )


class Kind(NamedTuple):
    """A kind of change, and the most that one may cost."""

    name: str
    changes: Callable[[Supply], Iterable[Sent]]
    batch: int
    writes: float
    reads: float | None = None
    a_second: float | None = None
    """So many of them the partition key of the list of all has to allow."""
    writes_of_a_million: float | None = None
    """The most when there are more than 100,000 rows; None: the same."""
    of_sessions: bool = False

    @property
    def table(self) -> str:
        """Of what is changed."""
        tables = settings()
        return tables.sessions_table if self.of_sessions else tables.submissions_table

    def most_writes(self, submissions: int) -> float:
        return self.writes_of_a_million or self.writes if submissions > 100_000 else self.writes


def kinds(*, alone: int = 20, together: int = 2 * BATCH) -> list[Kind]:
    """`alone`, `together`: so many changes are measured of each kind."""
    return [
        Kind("a grade alone", lambda supply: supply.grades(alone), 1, 50, 20, writes_of_a_million=58),
        Kind("a hand-in alone", lambda supply: supply.hand_ins(alone), 1, 40),
        Kind("an arrival alone", lambda supply: supply.arrivals(alone), 1, 32),
        Kind(
            f"grades of random rows in batches of {BATCH}, each",
            lambda supply: supply.grades(together),
            BATCH,
            48,
            a_second=150,
        ),
        Kind(
            f"hand-ins at a deadline in batches of {BATCH}, each",
            lambda supply: supply.hand_ins(together, BATCH),
            BATCH,
            34,
            a_second=500,
        ),
        Kind("a start of a session", lambda supply: supply.starts(alone), 1, 14, 14, of_sessions=True),
        Kind("an end of a session", lambda supply: supply.ends(alone), 1, 14, 14, of_sessions=True),
        Kind(
            "sessions that the schedule ends, each",
            lambda supply: supply.closes(alone),
            BATCH,
            9,
            10,
            of_sessions=True,
        ),
    ]


def interleaved(ours: Sequence[str], theirs: Sequence[str], times: int) -> Cost:
    """Two shards in step, in one thread: whenever one is about to write, the other does a part of its own
    batch first; so many times.
    """
    size = -(-len(theirs) // times)
    parts = dynamo.chunked(theirs, size)
    inside = False

    with metered() as cost:
        call = dynamo.call

        def step(operation: str, **arguments: Any) -> Any:
            nonlocal inside
            if operation not in READS and not inside:
                inside = True
                for part in islice(parts, 1):
                    assert not follow(part), "the other shard gave up"
                inside = False
            return call(operation, **arguments)

        with patch.object(dynamo, "call", step):
            assert not follow(ours), "the shard gave up"
        for part in parts:
            assert not follow(part), "the other shard gave up"
    return cost


class Raced(NamedTuple):
    """Several shards at once."""

    seconds: float
    """On a clock of its own (`shards`)."""
    requests: int
    unavailable: int
    """Times that the stream's function gave up."""
    wasted: float
    """Part of the write units."""
    wasted_a_change: float


def race(facts: Template, supply: Supply, of_a_shard: int = OF_A_SHARD) -> Raced:
    """Hand-ins followed by all shards at once, in batches as large as the template allows."""
    changed: list[str] = []
    for submissions, send in supply.hand_ins(SHARDS * of_a_shard, BATCH):
        send()
        changed += submissions
    source = (_FOLLOWING, settings().submissions_table)
    (batch,) = (each.batch_size for each in facts.streams if (each.function, each.table) == source)
    complaints: list[str] = []

    def complain(message: str, **_: object) -> None:
        complaints.append(message)

    with shards.copied(facts):
        with patch.multiple(logger(), warning=complain, exception=complain):
            raced = shards.race([partial(_follow_all, changed[n::SHARDS], batch) for n in range(SHARDS)])
        with metered() as again:
            assert not follow(changed), "the stream's function gave up"
        assert not again.write_requests, "something was left undone"
    assert not follow(changed), "the stream's function gave up"
    cost = raced.cost
    return Raced(
        raced.seconds, cost.requests, len(complaints), cost.wasted / cost.writes, cost.wasted / len(changed)
    )


def _follow_all(submissions: Sequence[str], batch: int) -> None:
    """A shard's batches one after the other, a failed one until it succeeds."""
    for some in dynamo.chunked(submissions, batch):
        left = some
        for _ in range(_TRIES):
            left = follow(left)
            if not left:
                break
        assert not left, "a shard never got through"
