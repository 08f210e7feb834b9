from contextlib import suppress
from typing import Any

import pytest

from teaching import dynamo
from teaching.coaching import store
from teaching.coaching.rules import Mark, MarkedPresence, SessionQuery
from teaching.errors import CannotBeEnded, Damaged, InvalidBody, SessionNotFound
from teaching.http.pages import PageQuery
from teaching.settings import settings
from teaching.tally.tree import ROOT
from tests.support import (
    ASESOR,
    BY_ASESOR,
    BY_OTHER_ASESOR,
    PARTICIPANT,
    SESSION,
    Wire,
    patiently,
    race,
    session,
    settle,
    stored_presence,
    stored_session,
    take_in,
    take_in_people,
)

LINK = "https://meet.example.com/go-digital-1"


@pytest.fixture(autouse=True)
def _session(tables: str) -> None:
    take_in_people()
    take_in("session", session())


def mark(status: str, **more: Any) -> Mark:
    return Mark.model_validate({"participant_id": PARTICIPANT, "status": status, **more})


def test_two_starts_at_once_are_one_transition_and_two_redirects(monkeypatch: pytest.MonkeyPatch) -> None:
    before = stored_session()["version"]
    moments = iter([f"2026-03-10T09:00:00.{number:03}Z" for number in range(100)])
    monkeypatch.setattr("teaching.clock.now", lambda: next(moments))
    redirects = race(2, lambda _: store.start(BY_ASESOR, SESSION))
    assert [redirect.location for redirect in redirects] == [LINK, LINK]
    row = stored_session()
    assert row["version"] == before + 1
    assert row["status"] == "ongoing"
    assert row["started_at"] == row["updated_at"]
    store.start(BY_ASESOR, SESSION)
    assert stored_session() == row


def test_many_starts_at_once_are_one_transition() -> None:
    before = stored_session()["version"]
    race(12, lambda _: store.start(BY_ASESOR, SESSION))
    assert stored_session()["version"] == before + 1


def test_of_many_ends_at_once_one_wins() -> None:
    store.start(BY_ASESOR, SESSION)

    def end(_: int) -> str | None:
        try:
            return store.end(BY_ASESOR, SESSION)["ended_at"]
        except CannotBeEnded:
            return None

    ended = [moment for moment in race(8, end) if moment]
    assert ended == [stored_session()["ended_at"]]


def test_fifty_marks_at_once_are_one_row_with_one_id() -> None:
    statuses = ("present", "late", "absent", "excused", "present")

    def mark_one(number: int) -> MarkedPresence:
        return patiently(lambda: store.mark(BY_ASESOR, SESSION, mark(statuses[number % 5])))

    answers = race(50, mark_one)
    assert len({answer["id"] for answer in answers}) == 1
    assert len({answer["created_at"] for answer in answers}) == 1
    assert len({answer["first_joined_at"] for answer in answers} - {None}) == 1
    rows = list(dynamo.query("PresencesTable", "session_id = :session", {":session": SESSION}))
    assert [row["id"] for row in rows] == [answers[0]["id"]]
    assert rows[0]["created_at"] == answers[0]["created_at"]
    assert store.presences(BY_ASESOR, SESSION, PageQuery.model_validate({})).total == 1


def test_an_answer_is_the_row_as_it_was_written() -> None:
    answer = store.mark(BY_ASESOR, SESSION, mark("late", feedback_notes="traffic"))
    row = stored_presence()
    assert {name: row.get(name) for name in answer} == answer


def test_a_session_that_is_not_ones_own_is_not_there() -> None:
    store.mark(BY_ASESOR, SESSION, mark("present"))
    before = stored_session(), stored_presence()
    for act in (
        lambda: store.start(BY_OTHER_ASESOR, SESSION),
        lambda: store.end(BY_OTHER_ASESOR, SESSION),
        lambda: store.mark(BY_OTHER_ASESOR, SESSION, mark("absent")),
        lambda: store.presences(BY_OTHER_ASESOR, SESSION, PageQuery.model_validate({})),
    ):
        with pytest.raises(SessionNotFound):
            act()
    assert (stored_session(), stored_presence()) == before


def test_a_mark_and_a_roster_that_drops_the_participant_leave_no_ghost() -> None:
    without = session(participant_ids=[], updated_at="2026-02-19T00:00:00.000Z")

    def act(number: int) -> None:
        if number:
            take_in("session", without)
            return
        with suppress(InvalidBody):
            store.mark(BY_ASESOR, SESSION, mark("present"))

    race(2, act)
    row = stored_presence()
    assert not row.get("invited")
    assert store.presences(BY_ASESOR, SESSION, PageQuery.model_validate({})).rows == []


def test_a_start_whose_answer_was_lost_is_answered_though_the_session_was_ended_since(wire: Wire) -> None:
    wire.lose_answer(lambda: store.end(BY_ASESOR, SESSION))
    assert store.start(BY_ASESOR, SESSION).location == LINK
    assert stored_session()["status"] == "completed"


def test_an_end_whose_answer_was_lost_is_answered_though_the_session_changed_since(wire: Wire) -> None:
    def change() -> None:
        take_in("session", session(title="Another", updated_at="2026-03-01T00:00:00.000Z"))
        with pytest.raises(CannotBeEnded):
            store.end(BY_ASESOR, SESSION)

    store.start(BY_ASESOR, SESSION)
    wire.lose_answer(change)
    answer = store.end(BY_ASESOR, SESSION)
    row = stored_session()
    assert (answer["status"], answer["ended_at"]) == ("completed", row["ended_at"])
    assert row["title"] == "Another"
    with pytest.raises(CannotBeEnded):
        store.end(BY_ASESOR, SESSION)


def test_a_mark_whose_answer_was_lost_is_answered_though_others_marked_since(wire: Wire) -> None:
    wire.lose_answer(lambda: store.mark(BY_ASESOR, SESSION, mark("absent", feedback_notes="ill")))
    answer = store.mark(BY_ASESOR, SESSION, mark("present"))
    row = stored_presence()
    assert (answer["status"], answer["feedback_notes"]) == ("present", None)
    assert (row["status"], row["feedback_notes"], row["id"]) == ("absent", "ill", answer["id"])


def test_a_mark_whose_answer_was_lost_is_answered_though_the_participant_was_taken_off_since(
    wire: Wire,
) -> None:
    wire.lose_answer(
        lambda: take_in("session", session(participant_ids=[], updated_at="2026-03-01T00:00:00.000Z"))
    )
    assert store.mark(BY_ASESOR, SESSION, mark("present"))["status"] == "present"


def test_a_mark_that_was_long_on_its_way_overwrites_none(wire: Wire) -> None:
    held = wire.hold_back()
    store.mark(BY_ASESOR, SESSION, mark("present"))
    store.mark(BY_ASESOR, SESSION, mark("absent"))
    (deliver,) = held
    deliver()
    assert stored_presence()["status"] == "absent"


def test_updated_at_never_goes_back_whatever_the_clock_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def at(moment: str) -> None:
        monkeypatch.setattr("teaching.clock.now", lambda: moment)

    take_in("session", session(updated_at="2026-03-10T12:00:00.000Z"))
    at("2026-03-10T09:00:00.000Z")
    store.start(BY_ASESOR, SESSION)
    store.mark(BY_ASESOR, SESSION, mark("present"))
    row = stored_session()
    assert (row["started_at"], row["updated_at"]) == ("2026-03-10T09:00:00.000Z", "2026-03-10T12:00:00.000Z")
    at("2026-03-10T08:00:00.000Z")
    assert store.mark(BY_ASESOR, SESSION, mark("late"))["updated_at"] == "2026-03-10T09:00:00.000Z"
    assert store.end(BY_ASESOR, SESSION)["ended_at"] == "2026-03-10T09:00:00.000Z"
    assert stored_session()["updated_at"] == "2026-03-10T12:00:00.000Z"


@pytest.mark.parametrize("query", [{"page": "2"}, {"page": "1", "limit": "1"}])
def test_a_lost_root_is_noticed_on_every_page(query: dict[str, str]) -> None:
    settle()
    asked = SessionQuery.model_validate(query)
    assert store.page(BY_ASESOR, asked).total == 1
    dynamo.delete(settings().tallies_table, {"list": f"sessions#asesor#{ASESOR}", "node": ROOT})
    with pytest.raises(Damaged):
        store.page(BY_ASESOR, asked)
