"""Lists of sessions by status and time, against sessions filtered in memory."""

from itertools import product
from random import Random
from typing import Any

import pytest

from benchmarks.meter import metered
from teaching import dynamo
from teaching.changed_rows import Change
from teaching.coaching import rules, store
from teaching.coaching.rules import SessionQuery, Status
from teaching.errors import Damaged
from teaching.projections import mend
from teaching.tally import tree
from tests.support import BY_ADMIN, BY_ASESOR, OTHER_ASESOR, new_id, session, settle, take_in, take_in_people

SESSIONS = 60
TITLES = ("Coaching Digital", "Go Ekspor", "Coaching Ekspor")
FROM, TO = "2026-03-10T09:05:00.000Z", "2026-03-10T09:14:00.000Z"
BOUNDS = (
    (None, None),
    (FROM, None),
    (None, TO),
    (FROM, TO),
    (FROM, FROM),
    (TO, FROM),
    ("2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"),
    ("2026-03-10T16:05:00+07:00", "2026-03-10T09:14:00.001Z"),
)


class Programme:
    def __init__(self) -> None:
        random = Random(4)
        self.sessions = [
            session(
                id=new_id(),
                title=random.choice(TITLES),
                start_time=f"2026-03-10T09:{random.randrange(20):02}:00.000Z",
                status=random.choice(list(Status)).value,
                asesor_id=random.choice([BY_ASESOR.id, OTHER_ASESOR]),
                participant_ids=[],
            )
            for _ in range(SESSIONS)
        ]
        take_in("session", *self.sessions)

    def of(self, own: str | None, asked: dict[str, str]) -> list[str]:
        low, high = rules.SessionQuery.model_validate(asked).only.bounds
        found = [
            each
            for each in self.sessions
            if own in (None, each["asesor_id"])
            and asked.get("status") in (None, each["status"])
            and low <= (each["start_time"], each["id"]) < high
            and all(word in each["title"].lower() for word in asked.get("search", "").split())
        ]
        return [each["id"] for each in sorted(found, key=place, reverse=True)]


def place(each: dict[str, Any]) -> tuple[str, str]:
    return each["start_time"], each["id"]


@pytest.fixture
def programme(tables: str, monkeypatch: pytest.MonkeyPatch) -> Programme:
    monkeypatch.setattr(tree, "LEAF_MOST", 4)
    monkeypatch.setattr(tree, "WHOLE_MOST", 4)
    take_in_people()
    made = Programme()
    settle()
    return made


def asked_of(status: Status | None, bounds: tuple[str | None, str | None], **more: str) -> dict[str, str]:
    given = {"status": status, "from": bounds[0], "to": bounds[1]}
    return {name: value for name, value in given.items() if value is not None} | more


def test_every_page_of_every_combination(programme: Programme) -> None:
    for caller, status, bounds in product((BY_ADMIN, BY_ASESOR), (None, *Status), BOUNDS):
        expected = programme.of(caller.sees_only, asked_of(status, bounds))
        for page in range(1, -(-len(expected) // 7) + 2):
            query = SessionQuery.model_validate(asked_of(status, bounds, limit="7", page=str(page)))
            with metered() as cost:
                found = store.page(caller, query)
            assert [row["id"] for row in found.rows] == expected[7 * (page - 1) : 7 * page], query
            assert found.total == len(expected), query
            assert cost.trips <= 4, query


@pytest.mark.parametrize("many", [100, 3])
def test_a_search_of_every_combination(
    programme: Programme, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "ROWS_OF_STATUS_MOST", many)
    texts = ("coaching", "ekspor", "budi")
    for caller, status, bounds, text in product((BY_ADMIN, BY_ASESOR), (None, *Status), BOUNDS[:5], texts):
        named = {"budi": ""}.get(text, text)
        own = BY_ASESOR.id if text == "budi" else caller.sees_only
        expected = programme.of(own, asked_of(status, bounds, search=named))
        query = SessionQuery.model_validate(asked_of(status, bounds, search=text, limit="7", page="2"))
        with metered() as cost:
            found = store.page(caller, query)
        assert [row["id"] for row in found.rows] == expected[7:14], query
        assert found.total == len(expected), query
        assert cost.trips <= 5, query


def test_a_start_moves_a_session_to_another_status(programme: Programme) -> None:
    scheduled = programme.of(BY_ASESOR.id, {"status": "scheduled"})
    ongoing = programme.of(BY_ASESOR.id, {"status": "ongoing"})
    store.start(BY_ASESOR, scheduled[0])
    settle()
    for status, number in (("scheduled", len(scheduled) - 1), ("ongoing", len(ongoing) + 1)):
        query = SessionQuery.model_validate({"status": status})
        assert store.page(BY_ASESOR, query).total == number


def test_a_list_of_before_its_labels_told_the_status_is_mended_rather_than_counted_wrongly(
    programme: Programme, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = rules.counted

    def as_before(stored: Any) -> Any:
        now = counted(stored)
        entries = {name: entry._replace(label="session") for name, entry in now.entries.items()}
        return now._replace(entries=entries)

    lists = [rules.list_name(None), rules.list_name(BY_ASESOR.id), rules.list_name(OTHER_ASESOR)]
    for row in dynamo.scan("TalliesTable")[0]:
        dynamo.delete("TalliesTable", {"list": row["list"], "node": row["node"]})
    with monkeypatch.context() as patch:
        patch.setattr("teaching.coaching.rules.counted", as_before)
        settle()
    query = SessionQuery.model_validate({"status": "scheduled", "from": FROM})
    everything = SessionQuery.model_validate({"limit": "5", "page": "2"})
    assert store.page(BY_ADMIN, everything).total == SESSIONS
    with pytest.raises(Damaged):
        store.page(BY_ADMIN, query)
    mend([Change("TalliesTable", name) for name in lists])
    found = store.page(BY_ADMIN, query)
    assert found.total == len(programme.of(None, {"status": "scheduled", "from": FROM}))
