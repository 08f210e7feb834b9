"""The whole API over HTTP, in any order of requests and records, against a model of it."""

import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests import support
from tests.fuzz import described
from tests.fuzz.client import Client, Reply
from tests.fuzz.effort import SEED, TIMES
from tests.fuzz.model import Mark, Model, Session, Submission

RUNS = 8 * TIMES
STEPS = 50

NAMES = ("Agus Salim", "Théa Lubis", "Siti Agustina", "Made Agus")
SEARCHES = ("", "agus", "THEA", "salim agus", "gust", "quiz", "esai lubis", "zzz", "kelas")
TIMES_OF_DAY = ("08:00:00.000", "09:30:00.000", "09:30:00.001", "17:00:00.000")
SCORES = (Decimal(0), Decimal("7.25"), Decimal(80), Decimal("99.999"), Decimal(120))
ADMIN = ("admin", support.ADMIN)

asesors = st.integers(0, 1)
people = st.integers(0, 3)
sessions = st.integers(0, 2)
submissions = st.integers(0, 4)
times = st.sampled_from([f"2026-02-{day}T{time}Z" for day in (10, 11) for time in TIMES_OF_DAY])
notes = st.one_of(st.none(), st.sampled_from(["", "Baik", "é\0\U0001f600", "=1+1"]))
limits = st.integers(1, 4)
foreign = st.sampled_from([False, False, False, True])
"""Whether the caller is not the asesor whose it is."""


def wrong_bodies() -> st.SearchStrategy[Any]:
    return st.sampled_from(
        [{}, [], "x", {"score": "90"}, {"score": -1}, {"status": "gone"}, {"score": True, "x": 1}]
    )


class Machine(RuleBasedStateMachine):
    """Ids and words of its own, so that all runs share a server; what an admin sees is narrowed to them."""

    def __init__(self, client: Client, run: int) -> None:
        super().__init__()
        self.client = client
        self.model = Model()
        self.tag = f"q{run}q{SEED}"
        self.asesors = [self.id(f"asesor {number}") for number in range(2)]
        self.people = [self.id(f"participant {number}") for number in range(4)]
        self.items = [self.id(f"item {number}") for number in range(2)]
        self.sessions = [self.id(f"session {number}") for number in range(3)]
        self.submissions = [self.id(f"submission {number}") for number in range(5)]
        self.clock = 0
        for number, asesor in enumerate(self.asesors):
            self.model.names[asesor] = f"Dewi Kelas{number} {self.tag}"
            record = support.person("asesor", asesor, self.model.names[asesor])
            client.load([("user", record)])
        self.courses = [self.id(f"course {number}") for number in range(2)]
        for number, item in enumerate(self.items):
            self.model.titles[item] = f"{('Quiz', 'Esai')[number]} {self.tag}"
            record = support.item(id=item, course_id=self.courses[number], title=self.model.titles[item])
            client.load([("item", record)])
        for number, participant in enumerate(self.people):
            self.take_participant(
                participant, f"{NAMES[number]} {self.tag}", (*self.asesors, None, self.asesors[0])[number]
            )

        self.begin()

    def begin(self) -> None:
        """Something of everything, so that few requests find nothing."""
        early, late = (f"2026-02-{day}T08:00:00.000Z" for day in (10, 11))
        for number, status in enumerate(("in_progress", "submitted", "submitted", "submitted")):
            score = Decimal(60) if number == 1 else None
            self.save_submission(number, status, score, early, early, early)
        self.save_session(0, 0, "scheduled", late, True, {0, 1, 2}, early)
        self.save_session(1, 1, "ongoing", late, True, {1, 2, 3}, early)
        self.client.drain()

    def id(self, name: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.tag} {name}"))

    def ask(
        self, operation: str, identity: str | None, caller: Any, *, query: str = "", body: Any = None
    ) -> Reply:
        """The answer, which is one that the document describes."""
        method, path = described.place(operation)
        for name in ("{coachingId}", "{submissionId}"):
            path = path.replace(name, identity or "")
        reply = self.client.ask(
            method, path.removeprefix("/api") + (f"?{query}" if query else ""), caller, body
        )
        assert described.fault(operation, reply.status, reply.headers, reply.content) is None
        assert reply.status < 500
        return reply

    def asesor_for(self, owner: str | None, foreign: bool) -> str:
        """The owner, or another; the first asesor where there is none."""
        return self.asesors[(owner == self.asesors[1]) is not foreign]

    def asesor_of_session(self, session: str, foreign: bool) -> str:
        known = self.model.sessions.get(session)
        return self.asesor_for(known.asesor if known else None, foreign)

    def take_participant(self, participant: str, name: str, asesor: str | None) -> None:
        self.clock += 1
        changed = f"2026-01-01T00:{self.clock // 60:02d}:{self.clock % 60:02d}.000Z"
        record = support.participant(participant, name, asesor, updated_at=changed)
        self.client.load([("user", record)])
        self.model.names[participant], self.model.emails[participant] = name, record["email"]
        self.model.asesor_of[participant] = asesor

    @rule(participant=people, name=st.integers(0, 3), asesor=st.one_of(st.none(), asesors))
    def save_participant(self, participant: int, name: int, asesor: int | None) -> None:
        whose = None if asesor is None else self.asesors[asesor]
        self.take_participant(self.people[participant], f"{NAMES[name]} {self.tag}", whose)
        # What rows carry of people follows a moment late.
        self.client.drain()

    @rule(
        number=submissions,
        status=st.sampled_from(["in_progress", "submitted", "submitted"]),
        score=st.sampled_from([None, None, Decimal(60)]),
        submitted=times,
        created=times,
        changed=times,
    )
    def save_submission(
        self, number: int, status: str, score: Decimal | None, submitted: str, created: str, changed: str
    ) -> None:
        handed_in = submitted if status == "submitted" else None
        new = Submission(
            self.submissions[number],
            self.people[number % 4],
            self.items[number % 2],
            # Each item is handed in in both courses.
            self.courses[number // 2 % 2],
            status,
            score,
            None,
            handed_in,
            created,
            changed,
        )
        record = support.submission(
            id=new.id,
            user_id=new.user,
            item_id=new.item,
            course_id=new.course,
            status=status,
            score=None if score is None else int(score),
            feedback=None,
            submitted_at=handed_in,
            graded_at=None,
            graded_by=None,
            created_at=created,
            updated_at=changed,
        )
        self.client.load([("submission", record)])
        self.model.take_submission(new)

    @rule(
        number=sessions,
        asesor=asesors,
        status=st.sampled_from(["scheduled", "scheduled", "ongoing", "cancelled"]),
        start=times,
        meets=st.booleans(),
        roster=st.sets(people),
        changed=times,
    )
    def save_session(
        self, number: int, asesor: int, status: str, start: str, meets: bool, roster: set[int], changed: str
    ) -> None:
        new = Session(
            self.sessions[number],
            self.asesors[asesor],
            f"Kelas {number} {self.tag}",
            status,
            start,
            "https://meet.example.com/x" if meets else None,
            {self.people[each] for each in roster},
            changed,
        )
        record = support.session(
            id=new.id,
            asesor_id=new.asesor,
            title=new.title,
            status=status,
            start_time=start,
            end_time=support.STILL_TO_COME,
            meeting_url=new.meeting,
            participant_ids=sorted(new.roster),
            updated_at=changed,
        )
        self.client.load([("session", record)])
        self.model.take_session(new)

    @rule(
        number=submissions,
        admin=st.booleans(),
        foreign=foreign,
        score=st.sampled_from(SCORES),
        feedback=notes,
        tells=st.booleans(),
    )
    def grade(
        self, number: int, admin: bool, foreign: bool, score: Decimal, feedback: str | None, tells: bool
    ) -> None:
        identity = self.submissions[number]
        own = None if admin else self.asesor_for(self.model.asesor_of[self.people[number % 4]], foreign)
        caller = ("asesor", own) if own else ADMIN
        given: dict[str, Any] = {"score": score} | ({"feedback": feedback} if tells else {})
        expected = self.model.grade(own, caller[1], identity, given)
        body = given | {"score": float(score)}
        reply = self.ask("grade_submission", identity, caller, body=body)
        assert reply.status == expected
        if expected == 200:
            self.compare_submission(reply.content["data"], identity)

    def compare_submission(self, told: Any, identity: str) -> None:
        kept = self.model.submissions[identity]
        assert (told["id"], told["user_id"], told["item_id"]) == (identity, kept.user, kept.item)
        assert (told["status"], told["score"], told["feedback"]) == (kept.status, kept.score, kept.feedback)
        assert told["submitted_at"] == kept.submitted_at
        assert (told["graded_by"] or {}).get("id") == kept.grader

    @rule(number=submissions, asesor=st.one_of(st.none(), asesors))
    def details(self, number: int, asesor: int | None) -> None:
        identity = self.submissions[number]
        own = None if asesor is None else self.asesors[asesor]
        reply = self.ask("get_submission", identity, ("asesor", own) if own else ADMIN)
        kept = self.model.sees(own, identity)
        assert reply.status == (200 if kept else 404)
        if kept:
            self.compare_submission(reply.content["data"], identity)
            assert reply.content["data"]["user"]["name"] == self.model.names[kept.user]
            assert reply.content["data"]["item"]["title"] == self.model.titles[kept.item]

    @rule(
        number=sessions,
        foreign=foreign,
        participant=people,
        status=st.sampled_from(["present", "late", "absent", "excused"]),
        feedback=notes,
        tells=st.booleans(),
        joined=st.one_of(st.none(), times),
    )
    def mark(
        self,
        number: int,
        foreign: bool,
        participant: int,
        status: str,
        feedback: str | None,
        tells: bool,
        joined: str | None,
    ) -> None:
        session, person = self.sessions[number], self.people[participant]
        asesor = self.asesor_of_session(session, foreign)
        body = {"participant_id": person, "status": status, "joined_at": joined}
        body |= {"feedback_notes": feedback} if tells else {}
        reply = self.ask("mark_presence", session, ("asesor", asesor), body=body)
        assert reply.status == self.model.can_mark(asesor, session, person)
        if reply.status != 200:
            return
        told, before = reply.content["data"], self.model.marks.get((session, person))
        assert (told["session_id"], told["participant_id"], told["status"]) == (session, person, status)
        assert told["feedback_notes"] == (feedback if tells else before.notes if before else None)
        if before:
            assert (told["id"], told["created_at"]) == (before.id, before.created_at)
        if joined:
            assert told["joined_at"] == joined
        elif status in ("absent", "excused"):
            assert told["joined_at"] is None
        else:
            assert told["joined_at"] == (
                before.joined_at if before and before.joined_at else told["updated_at"]
            )
        first = before.first if before and before.first else told["joined_at"]
        assert told["first_joined_at"] == first
        self.model.marks[session, person] = Mark(
            told["id"], status, told["feedback_notes"], told["joined_at"], first, told["created_at"]
        )

    @rule(number=sessions, foreign=foreign)
    def start(self, number: int, foreign: bool) -> None:
        caller = ("asesor", self.asesor_of_session(self.sessions[number], foreign))
        reply = self.ask("start_coaching", self.sessions[number], caller)
        assert reply.status == self.model.start(caller[1], self.sessions[number])
        if reply.status == 302:
            assert reply.headers["location"] == self.model.sessions[self.sessions[number]].meeting

    @rule(number=sessions, foreign=foreign)
    def end(self, number: int, foreign: bool) -> None:
        caller = ("asesor", self.asesor_of_session(self.sessions[number], foreign))
        reply = self.ask("end_coaching", self.sessions[number], caller)
        assert reply.status == self.model.end(caller[1], self.sessions[number])

    @rule(
        number=st.integers(0, 99),
        role=st.sampled_from(["admin", "asesor", "participant", "nobody"]),
        body=wrong_bodies(),
    )
    def ask_wrongly(self, number: int, role: str, body: Any) -> None:
        """Without a good token, as a role that may not, of a foreign or malformed id, or with a bad body."""
        operations = sorted(described.operations())
        operation = operations[number % len(operations)]
        caller = "a.b.c" if role == "nobody" else (role, self.id("somebody"))
        identity = ("not-an-id", support.NOBODYS, self.sessions[0].upper())[number % 3]
        reply = self.ask(operation, identity, caller, query="limit=0&limit=1", body=body)
        if role == "nobody":
            assert reply.status == 401
        elif role not in described.operations()[operation]["x-roles"]:
            assert reply.status == 403
        else:
            assert reply.status == (
                200 if operation == "get_statistics" else 400 if self.is_list(operation) else reply.status
            )
            assert reply.status in (200, 400, 404)

    def is_list(self, operation: str) -> bool:
        return operation in ("list_coachings", "list_submissions")

    @rule(number=sessions, search=st.sampled_from(SEARCHES), limit=limits, reader=st.integers(-1, 5))
    def list_presences(self, number: int, search: str, limit: int, reader: int) -> None:
        """By an admin, each participant and each asesor; at once, for a mark is seen by who has made it."""
        session = self.sessions[number]
        known = self.model.sessions.get(session)
        operation, caller, only = "list_presences", ADMIN, None
        allowed = known is not None
        if reader in range(4):
            only = self.people[reader]
            caller = ("participant", only)
            allowed = known is not None and only in known.roster
        elif reader > 3:
            operation, caller = "list_roster", ("asesor", self.asesors[reader - 4])
            allowed = known is not None and known.asesor == caller[1]
        if not allowed:
            assert self.ask(operation, session, caller).status == 404
            return
        rows = self.every_page(operation, session, caller, {"search": search}, limit)
        assert [row["participant_id"] for row in rows] == self.model.list_presences(session, search, only)
        for row in rows:
            mark = self.model.marks.get((session, row["participant_id"]))
            told = (row["id"], row["status"], row["joined_at"], row["feedback_notes"])
            assert told == (
                (mark.id, mark.status, mark.joined_at, mark.notes) if mark else (None, "absent", None, None)
            )

    def every_page(
        self, operation: str, identity: str | None, caller: Any, filters: dict[str, str], limit: int
    ) -> list[Any]:
        rows: list[Any] = []
        page: int | None = 1
        while page:
            query = urlencode(filters | {"limit": limit, "page": page})
            content = self.ask(operation, identity, caller, query=query).content
            content = content if operation == "list_submissions" else content["data"]
            told = content["pagination"]
            rows += content["data"]
            assert (told["current_page"], told["per_page"]) == (page, limit)
            assert len(content["data"]) <= limit
            page = told["next_page"]
        assert told["total_items"] == len(rows)
        assert told["total_pages"] == -(-len(rows) // limit)
        return rows

    @rule(
        asesor=st.one_of(st.none(), asesors),
        status=st.sampled_from([None, None, "in_progress", "submitted", "graded"]),
        item=st.one_of(st.none(), st.integers(0, 1)),
        course=st.one_of(st.none(), st.integers(0, 1)),
        participant=st.one_of(st.none(), st.none(), people),
        whose=st.one_of(st.none(), st.none(), asesors),
        search=st.sampled_from(SEARCHES),
        limit=limits,
    )
    def list_all(
        self,
        asesor: int | None,
        status: str | None,
        item: int | None,
        course: int | None,
        participant: int | None,
        whose: int | None,
        search: str,
        limit: int,
    ) -> None:
        """After a drain every list is exactly what the model says."""
        self.client.drain()
        filters = {"search": search} if search else {}
        if status:
            filters["status"] = status
        if item is not None:
            filters["material_item_id"] = self.items[item]
        if course is not None:
            filters["course_id"] = self.courses[course]
        if participant is not None:
            filters["participant_id"] = self.people[participant]
        if whose is not None:
            filters["asesor_id"] = self.asesors[whose]
        own = None if asesor is None else self.asesors[asesor]
        self.compare_submissions(own, filters, limit)

    @rule(
        asesor=st.one_of(st.none(), asesors),
        status=st.sampled_from([None, None, "scheduled", "ongoing", "completed", "cancelled"]),
        begin=st.one_of(st.none(), times),
        end=st.one_of(st.none(), times),
        search=st.sampled_from(SEARCHES),
        limit=limits,
    )
    def list_sessions(
        self,
        asesor: int | None,
        status: str | None,
        begin: str | None,
        end: str | None,
        search: str,
        limit: int,
    ) -> None:
        self.client.drain()
        given = {"status": status, "from": begin, "to": end, "search": search}
        filters = {name: value for name, value in given.items() if value}
        self.compare_sessions(None if asesor is None else self.asesors[asesor], filters, limit)

    def compare_submissions(self, own: str | None, asked: dict[str, str], limit: int) -> None:
        caller = ("asesor", own) if own else ADMIN
        filters = asked if own else self.narrowed(asked)
        rows = self.every_page("list_submissions", None, caller, filters, limit)
        expected = self.model.list_submissions(own, filters)
        assert [row["id"] for row in rows] == [each.id for each in expected]
        for row, kept in zip(rows, expected, strict=True):
            assert (row["status"], row["score"]) == (kept.status, kept.score)
            assert row["submitted_at"] == kept.submitted_at
            assert (row["graded_by"] or {}).get("id") == kept.grader
            assert row["user"]["name"] == self.model.names[kept.user]
        counted = {name: value for name, value in asked.items() if name not in ("status", "search")}
        if own or counted:
            told = self.ask("get_statistics", None, caller, query=urlencode(counted)).content["data"]
            assert told == self.model.statistics(own, counted)

    def compare_sessions(self, own: str | None, asked: dict[str, str], limit: int) -> None:
        filters = asked if own else self.narrowed(asked)
        rows = self.every_page("list_coachings", None, ("asesor", own) if own else ADMIN, filters, limit)
        expected = self.model.list_sessions(own, filters)
        assert [(row["id"], row["status"]) for row in rows] == [(each.id, each.status) for each in expected]

    def narrowed(self, filters: dict[str, str]) -> dict[str, str]:
        """To this run's own: an admin sees those of all."""
        return filters | {"search": f"{filters.get('search', '')} {self.tag}".strip()}

    def teardown(self) -> None:
        self.client.drain()
        for own in (None, *self.asesors):
            self.compare_submissions(own, {}, 2)
            self.compare_sessions(own, {}, 2)
        for each in self.model.submissions.values():
            assert self.client.past_scores(each.id) == each.kept


def runs() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


@pytest.mark.parametrize("given", [SEED], ids=lambda given: f"seed={given}")
def test_the_api_is_as_its_model(given: int, client: Client) -> None:
    # What other tests of this server have done is to be counted before, not among what is done here.
    client.drain()
    counted = runs()
    before = client.ask("GET", "/teaching/submissions/statistics", ADMIN).content["data"]["submission_total"]
    machines: list[Machine] = []

    class Run(Machine):
        def __init__(self) -> None:
            super().__init__(client, next(counted))
            machines.append(self)

    run_state_machine_as_test(
        seed(given)(Run),
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            # Over HTTP a failure is minutes in shrinking, which a longer run may take.
            phases=list(Phase) if TIMES > 1 else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    after = client.ask("GET", "/teaching/submissions/statistics", ADMIN).content["data"]["submission_total"]
    told = [each.model.statistics(None, {})["submission_total"] for each in machines]
    assert after == {name: before[name] + sum(each[name] for each in told) for name in before}
