"""One schedule: requests, records, streams and checks at the same time, then quiet, then the truth."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from teaching import jsons, projections
from teaching.changed_rows import Change
from teaching.errors import Unavailable
from tests import support
from tests.simulation import contract, programme
from tests.simulation.contract import READER_RULES, STRICT_READER_RULES, Row, Truth, Watch, must
from tests.simulation.dynamodb import Store
from tests.simulation.faults import Weather, weather
from tests.simulation.programme import ADMIN, ASESORS, PARTICIPANTS, SESSIONS, SUBMISSIONS, WORDS
from tests.simulation.world import World, facts, token

OPEN_MOST = 4
"""Requests at a time."""
AGAIN_MOST = 2
"""How often a client repeats a request that was not answered, or with 503."""
PARTS = 2
POINTS_OF_STORM = 2500

CALLERS = (("admin", ADMIN, None), *(("asesor", each, each) for each in ASESORS))
"""Who may read, and whose rows they see (None: all)."""

LISTS = ("list_submissions", "list_coachings")
COUNTED_BY: dict[str, Sequence[str]] = {
    "course_id": programme.COURSES,
    "material_item_id": programme.ITEMS,
    "participant_id": PARTICIPANTS,
    "asesor_id": ASESORS,
}
FILTERS: dict[str, dict[str, Sequence[str]]] = {
    "list_submissions": {
        "status": ("in_progress", "submitted", "graded"),
        "search": WORDS,
        **COUNTED_BY,
    },
    "list_coachings": {
        "status": ("scheduled", "ongoing", "completed", "cancelled"),
        "from": programme.BEGINNINGS,
        "to": programme.BEGINNINGS,
        "search": WORDS,
    },
    "get_statistics": COUNTED_BY,
}
"""Of what is read, the filters and what they are given."""


class Asked(NamedTuple):
    """A request, and who asks."""

    function: str
    role: str
    subject: str
    path: str | None = None
    query: Mapping[str, str] = {}
    body: Mapping[str, Any] | None = None
    refused: bool = False
    """Whether it is one that must never succeed."""


class Answer(NamedTuple):
    status: int
    content: Any
    first: int
    """The last write before it was asked."""
    last: int
    """The last write when it was answered."""


@cache
def beginnings() -> Store:
    """The store with what is there at first, at rest."""
    store = Store(facts())
    world = World(store, Random(1), None)
    world.records += [world.message(programme.body(record)) for record in programme.at_first()]
    with world.around():
        world.scheduler.start("beginning", partial(_until_quiet, world))
        world.scheduler.run()
    store.settle()
    return store


def _until_quiet(world: World) -> None:
    while world.follow():
        world.scheduler.point()


class Schedule:
    def __init__(self, seed: int, *, readers: bool = False) -> None:
        """`readers` asks for more of readers beside writers than always holds."""
        self.random = Random(seed)
        self.weather: Weather = weather(self.random)
        self.world = World(beginnings().copy(), self.random, self.weather)
        self.watch = Watch(self.world.store)
        self.world.watch = self.watch.written
        self.world.hear = self.watch.heard
        self._rules = READER_RULES | (STRICT_READER_RULES if readers else {})
        self._open = 0
        self._news = programme.news(self.random)
        self._numbers = iter(range(10**6))

    def run(self) -> None:
        """Raises `contract.Broken`, or whatever else should not be."""
        with pytest.MonkeyPatch.context() as patch, self.world.around():
            patch.setenv("CHECK_PARTS", str(PARTS))
            patch.setenv("CLOSE_AFTER_HOURS", "0")
            self.world.scheduler.start("all", self._all)
            self.world.scheduler.run()
            self.world.store.settle()
            self._judge()

    def _all(self) -> None:
        """Begins everything, at random moments; then nothing more goes wrong, until nothing is left to do."""
        world, scheduler = self.world, self.world.scheduler
        todo: list[Callable[[], None]] = [
            partial(self._begin, self._request(), 0) for _ in range(self.random.randrange(4, 14))
        ]
        if self.random.random() < 0.3:
            # So many changes of one row that their events come close to overtaking each other.
            todo += [partial(self._begin, self._grade(SUBMISSIONS[0]), 0) for _ in range(5)]
        if self.random.random() < 0.3:
            # So that some are opened and graded while their participant is given to another asesor.
            todo += [
                partial(self._begin, Asked(function, "asesor", asesor, SUBMISSIONS[0], body=body), 0)
                for function, body in (("get_submission", None), ("grade_submission", {"score": 80}))
                for asesor in ASESORS * 2
            ]
        todo += [partial(self._arrive, record) for record in self._news]
        todo += [partial(self._start, "check", self._check) for _ in range(self.weather.checks)]
        todo += [partial(self._start, "mend", self._mend) for _ in range(self.weather.mends)]
        todo += [partial(self._start, "close", self._close) for _ in range(self.random.randrange(3))]
        self.random.shuffle(todo)
        while todo or self._open:
            if todo and self._open < OPEN_MOST and self.random.random() < 0.3:
                todo.pop()()
            if self.random.random() < 0.3:
                world.follow()
            scheduler.point()
        until = scheduler.points + self.random.choice([0, 100, POINTS_OF_STORM])
        while scheduler.points < until and world.follow():
            scheduler.point()
        world.stormy = False
        world.trace.append("calm")
        _until_quiet(world)
        self._start("close", self._close)
        while self._open:
            scheduler.point()
        _until_quiet(world)

    def _arrive(self, record: programme.Record) -> None:
        message = self.world.message(programme.body(record))
        self.world.records.append(message)
        if self.random.random() < self.weather.disorder / 2:
            self.world.records.append(message | {"messageId": str(self.world.new_id())})

    def _start(self, name: str, do: Callable[[], None]) -> None:
        self._open += 1
        self.world.scheduler.start(f"{name}{next(self._numbers)}", partial(self._do, do))

    def _do(self, do: Callable[[], None]) -> None:
        try:
            do()
        finally:
            self._open -= 1

    def _check(self) -> None:
        for _ in range(self.random.randrange(1, PARTS + 2)):
            self.world.try_out("recompute_statistics", {"anew": self.random.random() < 0.3})

    def _close(self) -> None:
        closed = self.world.try_out("close_sessions", {})
        must(self.world.stormy or closed["failed"] == 0, "the schedule ends what it finds", closed)

    def _mend(self) -> None:
        lists = ["submissions", f"submissions#asesor#{ASESORS[0]}", "sessions"]
        with suppress(Unavailable):
            projections.mend([Change("TalliesTable", self.random.choice(lists))])

    # Requests

    def _request(self) -> Asked:
        """Any request, by anybody who may, and now and then by somebody who may not."""
        random = self.random
        asesor = random.choice(ASESORS)
        if random.random() < 0.15:
            return self._refused()
        match random.randrange(13):
            case 0 | 1 | 2 | 3:
                return self._grade(random.choice(SUBMISSIONS[:2] if random.random() < 0.5 else SUBMISSIONS))
            case 4 | 5 | 6:
                session = random.choice(SESSIONS)
                status = random.choice(["present", "late", "absent", "excused"])
                body: Row = {"participant_id": random.choice(PARTICIPANTS[:3]), "status": status}
                return Asked("mark_presence", "asesor", self._asesor_of(session), session, body=body)
            case 7 | 8 | 12:
                session = random.choice(SESSIONS[:3])
                function = random.choice(["start_coaching", "end_coaching"])
                return Asked(function, "asesor", self._asesor_of(session), session)
            case 9:
                role, subject = random.choice([("admin", ADMIN), ("asesor", asesor)])
                function = random.choice(["get_statistics", "list_roster", "get_submission"])
                path = {"list_roster": random.choice(SESSIONS), "get_submission": random.choice(SUBMISSIONS)}
                query = self._filters(function) if function in FILTERS else {}
                return Asked(function, role, subject, path.get(function), query)
            case _:
                role, subject = random.choice([("admin", ADMIN), ("asesor", asesor)])
                function = random.choice(LISTS)
                return Asked(function, role, subject, query=self._query(function))

    def _grade(self, submission: str) -> Asked:
        random = self.random
        body: Row = {"score": random.choice([60, 75.5, 100])}
        if random.random() < 0.5:
            body["feedback"] = random.choice(["good", None])
        role, subject = random.choice([("admin", ADMIN), ("asesor", random.choice(ASESORS))])
        return Asked("grade_submission", role, subject, submission, body=body)

    def _asesor_of(self, session: str) -> str:
        found = self.watch.between("SessionsTable", (session,), 10**9, 10**9)
        return str(found[-1].get("asesor_id", ASESORS[0]))

    def _query(self, function: str) -> dict[str, str]:
        query = {"limit": str(self.random.choice([2, 5, 9])), "page": str(self.random.choice([1, 1, 2, 3]))}
        return query | self._filters(function)

    def _filters(self, function: str) -> dict[str, str]:
        values = FILTERS[function]
        return {name: self.random.choice(values[name]) for name in values if self.random.random() < 0.3}

    def _refused(self) -> Asked:
        random = self.random
        submission, session = random.choice(SUBMISSIONS), random.choice(SESSIONS)
        grade, mark = {"score": 1}, {"participant_id": PARTICIPANTS[0], "status": "present"}
        role, subject = random.choice(
            [("participant", PARTICIPANTS[0]), ("nobody", ADMIN), ("asesor", ADMIN)]
        )
        return random.choice(
            [
                Asked("grade_submission", role, subject, submission, body=grade, refused=True),
                Asked("mark_presence", role, subject, session, body=mark, refused=True),
                Asked("start_coaching", role, subject, session, refused=True),
                Asked("end_coaching", role, subject, session, refused=True),
                Asked("mark_presence", "admin", ADMIN, session, body=mark, refused=True),
            ]
        )

    def _begin(self, asked: Asked, tries: int) -> None:
        self._open += 1
        name = f"{asked.function.split('_')[0]}{next(self._numbers)}"
        self.world.scheduler.start(name, partial(self._ask_and_judge, asked, tries, name))

    def _ask_and_judge(self, asked: Asked, tries: int, name: str) -> None:
        again = True
        try:
            answer = self._ask(asked)
            self.world.say(f"{asked} -> {answer.status}")
            again = answer.status == 503
            self._judge_answer(asked, answer, self.watch.writers.get(name, []))
        finally:
            self._open -= 1
            if again and tries < AGAIN_MOST and self.world.stormy:
                self._begin(asked, tries + 1)

    def _ask(self, asked: Asked) -> Answer:
        first = self.world.store.number
        event = support.event(
            {"id": asked.path} if asked.path else None,
            token=token(asked.role, asked.subject),
            query=urlencode(asked.query),
            body=asked.body,
        )
        answer = self.world.invoke(asked.function, event)
        content = jsons.loads(answer["body"]) if answer.get("body") else None
        return Answer(answer["statusCode"], content, first, self.world.store.number)

    def _judge_answer(self, asked: Asked, answer: Answer, wrote: Sequence[str]) -> None:
        must(answer.status != 500, "nothing is a fault of ours", asked, answer)
        if asked.refused:
            must(answer.status in (401, 403, 404, 503), "who may not is refused", asked, answer)
            must(not wrote, "who may not changes nothing", asked, wrote)
        elif answer.status == 503:
            return
        elif asked.function in (*LISTS, "list_roster"):
            self._judge_page(asked, answer)
        else:
            judge = {
                "grade_submission": self._judge_grade,
                "get_submission": self._judge_details,
                "mark_presence": self._judge_mark,
                "start_coaching": self._judge_move,
                "end_coaching": self._judge_move,
            }.get(asked.function)
            if judge:
                once = asked.function == "mark_presence" or len(set(wrote)) == len(wrote)
                must(once, "a request changes its row once", asked, wrote)
                must(answer.status < 400 or not wrote, "who is refused has changed nothing", asked, answer)
                judge(asked, answer)

    def _judge_page(self, asked: Asked, answer: Answer) -> None:
        if answer.status != 200:
            must(
                answer.status == 404 and asked.function == "list_roster", "lists are answered", asked, answer
            )
            return
        rows, pagination = contract.page_of(asked.function, answer.content)
        for name, holds in self._rules.items():
            must(holds(rows, pagination), name, asked, rows, pagination)

    def _seen(self, table: str, answer: Answer, *key: str) -> list[Row]:
        """What a row was while the request was under way."""
        return self.watch.between(table, key, answer.first, answer.last)

    def _judge_grade(self, asked: Asked, answer: Answer) -> None:
        assert asked.path
        assert asked.body
        rows = self._seen("SubmissionsTable", answer, asked.path)
        participants = {row["user_id"] for row in rows if row}
        users = [user for each in participants for user in self._seen("UsersTable", answer, each)]
        match answer.status:
            case 200:
                own = asked.role == "admin" or any(user.get("asesor_id") == asked.subject for user in users)
                must(own, "only the caller's is graded", asked, users)
                names = ("id", "score", "status", "feedback", "graded_at", "updated_at")
                data = answer.content["data"]
                must(
                    any(contract.said(row, data, names) for row in rows),
                    "what is answered was so",
                    data,
                    rows,
                )
                must(data["score"] == asked.body["score"], "the score is the one given", asked, data)
                must(data["graded_by"]["id"] == asked.subject, "the grader is who asked", asked, data)
            case 400:
                must(any(row.get("status") == "in_progress" for row in rows), "only then", asked, rows)
            case 404:
                foreign = [row for row in rows if not row or row.get("waiting_for")]
                foreign += [user for user in users if user.get("asesor_id") != asked.subject]
                must(
                    bool(foreign) and (asked.role == "asesor" or not all(rows) or "waiting_for" in str(rows)),
                    "only what is not the caller's is not found",
                    asked,
                    rows,
                )
            case _:
                must(False, "an answer of the contract", asked, answer)

    def _judge_details(self, asked: Asked, answer: Answer) -> None:
        assert asked.path
        rows = self._seen("SubmissionsTable", answer, asked.path)
        users = [user for row in rows if row for user in self._seen("UsersTable", answer, row["user_id"])]
        if answer.status == 200:
            own = asked.role == "admin" or any(user.get("asesor_id") == asked.subject for user in users)
            must(own, "only the caller's is shown", asked, users)
            data = answer.content["data"]
            must(any(contract.said(row, data, contract.GRADE[:4]) for row in rows), "it was so", data, rows)
        else:
            must(answer.status == 404, "an answer of the contract", asked, answer)
            foreign = any(user.get("asesor_id") != asked.subject for user in users)
            hidden = any(not row or row.get("waiting_for") for row in rows)
            must(hidden or (foreign and asked.role == "asesor"), "only then", asked, rows, users)

    def _judge_mark(self, asked: Asked, answer: Answer) -> None:
        assert asked.path
        assert asked.body
        sessions = self._seen("SessionsTable", answer, asked.path)
        rows = self._seen("PresencesTable", answer, asked.path, asked.body["participant_id"])
        match answer.status:
            case 200:
                data = answer.content["data"]
                must(
                    any(contract.said(row, data, list(data)) for row in rows),
                    "what is answered was so",
                    data,
                    rows,
                )
                must(data["status"] == asked.body["status"], "the mark is the one given", asked, data)
            case 400:
                cancelled = any(row.get("status") == "cancelled" for row in sessions)
                must(cancelled or any(not row.get("invited") for row in rows), "only then", asked, rows)
            case 404:
                must(
                    any(row.get("asesor_id") != asked.subject for row in sessions),
                    "only then",
                    asked,
                    sessions,
                )
            case _:
                must(False, "an answer of the contract", asked, answer)

    def _judge_move(self, asked: Asked, answer: Answer) -> None:
        assert asked.path
        rows = self._seen("SessionsTable", answer, asked.path)
        ends = asked.function == "end_coaching"
        match answer.status:
            case 302:
                must(any(row.get("status") == "ongoing" for row in rows), "it is under way", asked, rows)
            case 200:
                data = answer.content["data"]
                must(
                    any(contract.said(row, data, list(data)) for row in rows),
                    "what is answered was so",
                    data,
                    rows,
                )
                must(ends and data["status"] == "completed", "it is ended", data)
            case 400:
                wrong = [
                    row
                    for row in rows
                    if row
                    and (
                        row["status"] != "ongoing"
                        if ends
                        else row["status"] in ("completed", "cancelled") or not row.get("meeting_url")
                    )
                ]
                must(bool(wrong), "only then", asked, rows)
            case 404:
                must(any(row.get("asesor_id") != asked.subject for row in rows), "only then", asked, rows)
            case _:
                must(False, "an answer of the contract", asked, answer)

    # In the end

    def _judge(self) -> None:
        self.watch.judge_events()
        truth = Truth(self.world.store, [*programme.at_first(), *self._news])
        ended = programme.ENDED
        left = [
            row for row in truth.sessions.values() if (row["status"], row["end_time"]) == ("ongoing", ended)
        ]
        must(all(row["asesor_id"] not in truth.users for row in left), "the schedule leaves none", left)
        if self.weather.needs_check:
            self._check_all()
            self.world.scheduler.start("mended", partial(_until_quiet, self.world))
            self.world.scheduler.run()
            self.world.store.settle()
        self._judge_everything(truth)
        drifted, failed = self._check_all()
        must(failed == 0, "a check mends what no answer shows", failed)
        if drifted:
            drifted, failed = self._check_all()
            must(drifted == failed == 0, "a check finds nothing more", drifted, failed)
            self._judge_everything(truth)

    def _check_all(self) -> tuple[int, int]:
        done = [self.world.invoke("recompute_statistics", {"anew": part == 0}) for part in range(PARTS)]
        self.world.store.settle()
        must(all(each["finished"] for each in done), "the check comes to its end", done)
        return sum(each["drifted"] for each in done), sum(each["failed"] for each in done)

    def _judge_everything(self, truth: Truth) -> None:
        for role, subject, own in CALLERS:
            queries = [{}, *(self._filters("list_submissions") for _ in range(3))]
            queries.append({"search": self.random.choice(WORDS)})
            for query in queries:
                expected = truth.list_of_submissions(own, **query)
                self._judge_list(Asked("list_submissions", role, subject, query=query), expected)
            both = {name: self.random.choice(COUNTED_BY[name]) for name in ("course_id", "material_item_id")}
            for query in ({}, both, self._filters("get_statistics")):
                told = self._ask(Asked("get_statistics", role, subject, query=query)).content["data"]
                counted = truth.statistics(own, **query)
                must(told == counted, "statistics", own, query, told, counted)
            for query in ({}, {"search": self.random.choice(WORDS)}, self._filters("list_coachings")):
                expected = truth.list_of_sessions(own, **query)
                self._judge_list(Asked("list_coachings", role, subject, query=query), expected)
        self._judge_rosters(truth)

    def _judge_rosters(self, truth: Truth) -> None:
        for session in truth.sessions:
            if truth.sessions[session]["asesor_id"] in truth.users:
                self._judge_list(Asked("list_roster", "admin", ADMIN, session), truth.roster(session))

    def _judge_list(self, asked: Asked, expected: Sequence[Row]) -> None:
        """Every page of the list, row by row."""
        limit = self.random.choice([3, 5, 100])
        for page in range(1, len(expected) // limit + 3):
            query = {**asked.query, "limit": str(limit), "page": str(page)}
            answer = self._ask(asked._replace(query=query))
            must(answer.status == 200, "it is answered", asked, answer)
            rows, pagination = contract.page_of(asked.function, answer.content)
            shown = expected[(page - 1) * limit : page * limit]
            must(
                json.dumps(rows, default=float) == json.dumps(shown, default=float),
                "the page is right",
                query,
                _difference(rows, shown),
            )
            must(
                pagination["total_items"] == len(expected),
                "the total is right",
                query,
                pagination,
                len(expected),
            )


def _difference(rows: Sequence[Row], shown: Sequence[Row]) -> str:
    ids, wanted = ([contract.row_id(row)[-12:] for row in each] for each in (rows, shown))
    if ids != wanted:
        return f"{ids} instead of {wanted}"
    return "; ".join(
        f"{row} instead of {right}" for row, right in zip(rows, shown, strict=True) if row != right
    )
