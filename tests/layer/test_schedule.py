"""The count trees follow the tables through repeats and disorder; the scheduled check mends what is lost.

A stateful test against a plain list of rows, on DynamoDB Local, with nodes so small that every few
rows split and empty them.
"""

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from random import Random
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from benchmarks.meter import metered
from local import store as local_store
from local.template import Template
from teaching import dynamo, projections
from teaching.changed_rows import Change
from teaching.coaching import store as coaching
from teaching.coaching.rules import SessionQuery
from teaching.directory import search
from teaching.grading import store as grading
from teaching.grading.rules import Grade, SubmissionQuery
from teaching.http.auth import ADMIN, Caller, Role
from teaching.http.pages import PageQuery
from teaching.schedule import recompute
from teaching.settings import settings as tables
from teaching.tally import tree
from tests.support import (
    ASESOR,
    PARTICIPANT,
    SESSION,
    item,
    new_id,
    participant,
    person,
    session,
    settle,
    stored_submission,
    submission,
    take_in,
    take_in_examples,
)


def ids(kind: str, number: int) -> list[str]:
    """Always the same: of rows of one moment they are the order."""
    return [str(uuid5(NAMESPACE_OID, f"{kind} {each}")) for each in range(number)]


ASESORS, COURSES = ids("asesor", 2), ids("course", 2)
PARTICIPANTS, ITEMS = ids("participant", 4), ids("item", 3)
SUBMISSIONS, SESSIONS = ids("submission", 25), ids("session", 8)
ALL = Caller(new_id(), ADMIN)

Row = dict[str, Any]


class Programme(RuleBasedStateMachine):
    """The rows as the tables hold them, and which of their changes the projections were not told yet."""

    empty: Callable[[], None]

    def __init__(self) -> None:
        super().__init__()
        self.empty()
        self.clock = 0
        self.submissions: dict[str, dict[str, Any]] = {}
        self.sessions: dict[str, dict[str, Any]] = {}
        self.asesor_of = {each: ASESORS[at % 2] for at, each in enumerate(PARTICIPANTS)}
        self.untold: list[Change] = []
        self.told: list[Change] = []
        self.lost = False
        take_in("user", *[person("asesor", each, f"Asesor {each[:4]}") for each in ASESORS])
        for each in PARTICIPANTS:
            self._take_in_participant(each)
        take_in("item", *[item(id=each, title=f"Item {each[:4]}") for each in ITEMS])

    def _now(self) -> str:
        self.clock += 1
        return f"2026-03-01T00:{self.clock // 60:02}:{self.clock % 60:02}.000Z"

    def _take_in_participant(self, identity: str) -> None:
        changes = {"asesor": self.asesor_of[identity], "updated_at": self._now()}
        take_in("user", participant(identity, f"Peserta {identity[:4]}", **changes))

    @rule(
        identity=st.sampled_from(SUBMISSIONS),
        whose=st.sampled_from(PARTICIPANTS),
        course=st.sampled_from(COURSES),
        which=st.sampled_from(ITEMS),
        status=st.sampled_from(["in_progress", "submitted", "graded"]),
        day=st.integers(1, 3),
        score=st.integers(0, 100),
    )
    def hand_in(
        self, identity: str, whose: str, course: str, which: str, status: str, day: int, score: int
    ) -> None:
        known = self.submissions.get(identity)
        time = f"2026-02-{day:02}T00:00:00.000Z"
        row = submission(
            id=identity,
            user_id=known["user_id"] if known else whose,
            course_id=course,
            item_id=which,
            status=status,
            score=score if status == "graded" else None,
            submitted_at=None if status == "in_progress" else time,
            graded_at=None,
            created_at=time,
            updated_at=self._now(),
        )
        take_in("submission", row)
        self.submissions[identity] = row
        self.untold.append(Change(tables().submissions_table, identity))

    @precondition(lambda self: any(row["status"] != "in_progress" for row in self.submissions.values()))
    @rule(data=st.data(), score=st.integers(0, 100))
    def grade(self, data: st.DataObject, score: int) -> None:
        gradable = sorted(key for key, row in self.submissions.items() if row["status"] != "in_progress")
        identity = data.draw(st.sampled_from(gradable))
        grading.grade(ALL, identity, Grade(score=Decimal(score)))
        self._let_the_source_win(identity)
        self.submissions[identity] |= {"status": "graded", "score": score}
        self.untold.append(Change(tables().submissions_table, identity))

    def _let_the_source_win(self, identity: str) -> None:
        """A grade given here would outlast the next hand-in of the same time: not what is tested here."""
        changes = {"graded_here": None}
        dynamo.update(tables().submissions_table, {"id": identity}, changes, condition="attribute_exists(id)")

    @precondition(lambda self: self.submissions)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        identity = data.draw(st.sampled_from(sorted(self.submissions)))
        dynamo.delete(tables().submissions_table, {"id": identity})
        del self.submissions[identity]
        self.untold.append(Change(tables().submissions_table, identity))

    @rule(whose=st.sampled_from(PARTICIPANTS), asesor=st.sampled_from(ASESORS))
    def move_to_another_asesor(self, whose: str, asesor: str) -> None:
        self.asesor_of[whose] = asesor
        self._take_in_participant(whose)
        assert projections.refresh([Change(tables().users_table, whose)]) == []
        self.untold += [
            Change(tables().submissions_table, identity)
            for identity, row in self.submissions.items()
            if row["user_id"] == whose
        ]

    @rule(identity=st.sampled_from(SESSIONS), asesor=st.sampled_from(ASESORS), day=st.integers(1, 3))
    def plan_session(self, identity: str, asesor: str, day: int) -> None:
        row = session(
            id=identity,
            asesor_id=asesor,
            start_time=f"2026-04-{day:02}T00:00:00.000Z",
            participant_ids=[],
            updated_at=self._now(),
        )
        take_in("session", row)
        self.sessions[identity] = row
        self.untold.append(Change(tables().sessions_table, identity))

    @rule(seed=st.integers(0, 2**16), repeats=st.booleans())
    def tell(self, seed: int, repeats: bool) -> None:
        """A batch of the stream: in any order, some of it twice, some of it old."""
        random = Random(seed)
        batch = self.untold + (random.sample(self.told, min(5, len(self.told))) if repeats else [])
        random.shuffle(batch)
        failed = projections.count(batch)
        assert self.lost or not failed
        self.told += self.untold
        self.untold = []
        if not self.lost:
            self.agree()

    @precondition(lambda self: self.untold)
    @rule()
    def lose_a_batch(self) -> None:
        self.untold = []
        self.lost = True

    @rule(seed=st.integers(0, 2**16), damage=st.sampled_from(["delete", "empty", "stale", "ledger"]))
    def damage_the_tally(self, seed: int, damage: str) -> None:
        rows = [
            row
            for row in _tally()
            if ("counted" if damage == "ledger" else "columns") in row and row.get("columns") != b"rubbish"
        ]
        if not rows:
            return
        row = Random(seed).choice(sorted(rows, key=lambda row: (row["list"], row["node"])))
        key = {"list": row["list"], "node": row["node"]}
        if damage == "delete":
            dynamo.delete(tables().tallies_table, key)
        elif damage == "empty":
            dynamo.put(tables().tallies_table, row | {"columns": b"rubbish"})
        elif damage == "ledger":
            dynamo.put(tables().tallies_table, row | {"counted": b"rubbish"})
        else:
            leaves = [leaf for leaf in rows if "first" not in json.loads(zlib.decompress(leaf["columns"]))]
            other = Random(seed).choice(sorted(leaves, key=lambda leaf: (leaf["list"], leaf["node"])))
            dynamo.put(tables().tallies_table, row | {"columns": other["columns"], "ids": other["ids"]})
        self.lost = True

    @rule(parts=st.integers(5, 60))
    def check(self, parts: int) -> None:
        """In several runs, each cut short by its time."""
        runs = 1
        while not recompute(partial(next, iter([True] * parts), False)).finished:
            runs += 1
            assert runs < 1000
        self.untold = []
        self.lost = False
        self.agree()

    def agree(self) -> None:
        """Every list, its totals and the statistics are those of the rows."""
        for own in (None, *ASESORS):
            caller = Caller(own, Role.ASESOR) if own else ALL
            mine = [row for row in self.submissions.values() if own in (None, self.asesor_of[row["user_id"]])]
            assert grading.statistics(caller) == _statistics(mine)
            for status in (None, "graded", "submitted"):
                _agree(caller, mine, {"status": status})
            _agree(caller, mine, {"course_id": COURSES[0]})
            _agree(caller, mine, {"material_item_id": ITEMS[0]})
            _agree(caller, mine, {"course_id": COURSES[1], "material_item_id": ITEMS[1], "status": "graded"})
            plans = [row for row in self.sessions.values() if own in (None, row["asesor_id"])]
            plans.sort(key=lambda row: (row["start_time"], row["id"]), reverse=True)
            assert _walk_sessions(caller) == [row["id"] for row in plans]


def _agree(caller: Caller, rows: Sequence[Row], filters: Mapping[str, str | None]) -> None:
    """Every page of a list, and its total, against the rows that meet the filters."""
    given = {name: value for name, value in filters.items() if value}
    wanted = {_COLUMN.get(name, name): value for name, value in given.items()}
    expected = [row for row in rows if wanted.items() <= {name: row[name] for name in wanted}.items()]
    expected.sort(key=lambda row: (row["submitted_at"] or row["created_at"], row["id"]), reverse=True)
    found: list[str] = []
    for number in range(1, len(expected) // 7 + 3):
        query = SubmissionQuery.model_validate({"limit": "7", "page": str(number), **given})
        page = grading.page(caller, query)
        assert page.total == len(expected)
        found += [row["id"] for row in page.rows]
    assert found == [row["id"] for row in expected]


def _walk_sessions(caller: Caller) -> list[str]:
    queries = [SessionQuery.model_validate({"limit": "4", "page": str(number)}) for number in range(1, 5)]
    return [row["id"] for query in queries for row in coaching.page(caller, query).rows]


def _statistics(rows: Sequence[Row]) -> Row:
    scores = [row["score"] for row in rows if row["status"] == "graded"]
    pending = sum(row["status"] == "submitted" for row in rows)
    average = Decimal(sum(scores)) / len(scores) if scores else Decimal(0)
    return {
        "submission_total": {"total": pending + len(scores), "pending": pending, "graded": len(scores)},
        "average_score": average.quantize(Decimal("0.01"), ROUND_HALF_UP),
    }


def _tally() -> list[Row]:
    rows, start = dynamo.scan(tables().tallies_table)
    assert start is None
    return rows


def test_lists_and_statistics_are_those_of_the_rows(
    store: str, facts: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "LEAF_MOST", 4)
    monkeypatch.setattr(tree, "WHOLE_MOST", 4)
    monkeypatch.setattr(tree, "BRANCH_MOST", 3)
    monkeypatch.setattr(tree, "ROOT_MOST", 3)
    monkeypatch.setattr(tree, "ROOT_OF_LEAVES_MOST", 3)
    monkeypatch.setattr(dynamo, "pause", lambda attempt: None)
    monkeypatch.setattr(
        Programme, "empty", lambda self: local_store.empty_tables(store, facts), raising=False
    )
    run_state_machine_as_test(
        Programme,
        settings=settings(
            max_examples=10,
            phases=[Phase.generate],
            stateful_step_count=25,
            suppress_health_check=list(HealthCheck),
        ),
    )


_COLUMN = {"material_item_id": "item_id"}


@pytest.mark.usefixtures("tables")
def test_the_check_brings_copies_and_the_search_up_to_date() -> None:
    """As if every change of the stream of users and items had been lost."""
    late = new_id()
    take_in_examples()
    settle()
    take_in("submission", submission(id=late, item_id=ITEMS[0]))
    assert stored_submission(late)["waiting_for"] == ITEMS[0]
    take_in("item", item(id=ITEMS[0]))
    for user, name in ((ASESOR, "Budi Baru"), (PARTICIPANT, "Aminah")):
        changes = {"name": name}
        dynamo.update(tables().users_table, {"id": user}, changes, condition="attribute_exists(id)")
    assert recompute(lambda: True).finished
    assert [row["user"]["name"] for row in _found(grading.page, SubmissionQuery, "aminah")] == ["Aminah"] * 2
    assert _found(grading.page, SubmissionQuery, "siti") == []
    assert [row["asesor"]["name"] for row in _found(coaching.page, SessionQuery, "baru")] == ["Budi Baru"]
    roster = coaching.presences(ALL, SESSION, PageQuery.model_validate({})).rows
    assert [row["user"]["name"] for row in roster] == ["Aminah"]
    assert recompute(lambda: True) == (0, 0, True)


def _found(page: Any, query: Any, search: str) -> Any:
    return page(ALL, query.model_validate({"search": search})).rows


@pytest.mark.usefixtures("tables")
def test_a_check_that_hardly_has_time_gets_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """One step a run, also within a list."""
    monkeypatch.setattr(tree, "LEAF_MOST", 2)
    monkeypatch.setattr(tree, "WHOLE_MOST", 2)
    monkeypatch.setattr(tree, "ROOT_MOST", 2)
    monkeypatch.setattr(tree, "ROOT_OF_LEAVES_MOST", 2)
    take_in_examples()
    for day in range(1, 9):
        take_in("submission", submission(id=new_id(), submitted_at=f"2026-02-{day:02}T00:00:00.000Z"))
    settle()
    runs = 1
    while not recompute(partial(next, iter([True]), False)).finished:
        runs += 1
        assert runs < 200
    assert runs > 5


class OutOfTime(BaseException):
    """Lambda ends the function."""


@pytest.mark.usefixtures("tables")
def test_a_search_that_is_too_large_for_one_run_keeps_no_part_from_being_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take_in_examples()
    settle()

    def too_much(documents: object) -> list[tuple[str, str]]:
        raise OutOfTime

    monkeypatch.setattr(search, "unlike", too_much)
    with pytest.raises(OutOfTime):
        recompute(lambda: True, parts=2)
    assert recompute(lambda: True, parts=2).finished
    with pytest.raises(OutOfTime):
        recompute(lambda: True, parts=2)


@pytest.mark.usefixtures("tables")
def test_what_waits_and_lost_roots_are_checked_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """With few rows a page and the time for one page a run."""
    take_in_examples()
    settle()
    late = [new_id() for _ in range(8)]
    for identity in late:
        take_in("submission", submission(id=identity, item_id=ITEMS[0]))
    take_in("item", item(id=ITEMS[0]))
    dynamo.delete(tables().tallies_table, {"list": "submissions", "node": tree.ROOT})
    refreshed: list[str] = []
    refresh = grading.refresh

    def note_and_refresh(row: str) -> None:
        refreshed.append(row)
        refresh(row)

    with monkeypatch.context() as patched:
        patched.setattr(dynamo, "scan", partial(dynamo.scan, limit=5))
        patched.setattr(grading, "refresh", note_and_refresh)
        for _ in range(1000):
            refreshed.clear()
            finished = recompute(partial(next, iter([True]), False)).finished
            assert len(refreshed) <= 5
            if finished:
                break
    assert not any("waiting_for" in stored_submission(identity) for identity in late)
    settle()
    assert recompute(lambda: True) == (0, 0, True)


@pytest.mark.usefixtures("tables")
def test_a_run_reads_all_people_and_items_once() -> None:
    """Besides the search's texts, which the first part compares."""
    take_in_examples()
    recompute(lambda: True)
    with metered() as cost:
        recompute(lambda: True, parts=2, anew=True)
        first = cost.reads_of["ItemsTable"]
        recompute(lambda: True, parts=2)
    assert first == 2 * 0.5
    assert cost.reads_of["ItemsTable"] - first == 0.5
