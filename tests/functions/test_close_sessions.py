from typing import Any

import pytest

from benchmarks.meter import metered
from teaching import dynamo
from teaching.coaching import store
from teaching.settings import settings
from tests.examples import example
from tests.functions.conftest import Ask, SetClock
from tests.support import (
    NOBODYS,
    PARTICIPANT,
    SESSION,
    Data,
    Wire,
    invoke,
    new_id,
    session,
    stored_session,
    take_in,
)

pytestmark = pytest.mark.usefixtures("examples")

BEFORE_IT_ENDS = "2026-03-10T10:30:00.000Z"
NEARLY = "2026-03-10T23:00:00.000Z"
"""Twelve hours after the example's end."""
OVERDUE = "2026-03-10T23:00:00.001Z"
LATER = "2026-03-09T00:00:00.000Z"


def run() -> Data:
    answer: Data = invoke("close_sessions", example("close_sessions"))
    return answer


def open_now() -> list[str]:
    rows = dynamo.query(
        settings().sessions_table, "#open = :open", {":open": "session"}, index="by_open", consistent=False
    )
    return [row["id"] for row in rows]


def test_a_session_that_nobody_ended_is_ended_once_and_told(ask: Ask, at: SetClock, sent: list[Any]) -> None:
    at(BEFORE_IT_ENDS)
    assert ask("start_coaching", "asesor", SESSION).status == 302
    assert open_now() == [SESSION]
    at(NEARLY)
    assert run() == {"closed": 0, "failed": 0}
    at(OVERDUE)
    assert run() == {"closed": 1, "failed": 0}
    row = stored_session()
    assert (row["status"], row["ended_at"], row["ended_by"]) == ("completed", OVERDUE, "schedule")
    assert open_now() == []
    assert run() == {"closed": 0, "failed": 0}
    assert stored_session() == row
    invoke("publish_events", example("publish_events"))
    (told,) = sent
    assert (told["DetailType"], told["Detail"]["ended_at"]) == ("session.ended", OVERDUE)
    assert ask("end_coaching", "asesor", SESSION).errors[0] == "Coaching session cannot be ended"


def test_a_run_that_finds_nothing_costs_half_a_unit(at: SetClock) -> None:
    at(OVERDUE)
    with metered() as cost:
        assert run() == {"closed": 0, "failed": 0}
    assert (cost.writes, cost.reads, cost.trips) == (0, 0.5, 1)


def test_who_ends_in_time_is_named(ask: Ask, at: SetClock) -> None:
    at(BEFORE_IT_ENDS)
    ask("start_coaching", "asesor", SESSION)
    ask("end_coaching", "asesor", SESSION)
    assert stored_session()["ended_by"] == "asesor"
    at(OVERDUE)
    assert run() == {"closed": 0, "failed": 0}


def test_its_end_counts_and_not_when_it_was_started(ask: Ask, at: SetClock) -> None:
    at("2026-03-11T09:00:00.000Z")
    ask("start_coaching", "asesor", SESSION)
    assert run()["closed"] == 1
    assert stored_session()["ended_at"] == "2026-03-11T09:00:00.000Z"


@pytest.mark.parametrize("status", ["scheduled", "completed", "cancelled"])
def test_what_is_not_under_way_is_left(status: str, at: SetClock) -> None:
    take_in("session", session(status=status, updated_at=LATER))
    at(OVERDUE)
    assert run() == {"closed": 0, "failed": 0}
    assert stored_session()["status"] == status


def test_what_a_record_completes_has_nobody_who_ended_it(at: SetClock) -> None:
    take_in("session", session(status="ongoing", updated_at=LATER))
    assert open_now() == [SESSION]
    take_in("session", session(status="completed", updated_at=BEFORE_IT_ENDS))
    at(OVERDUE)
    assert (run()["closed"], open_now()) == (0, [])
    assert "ended_by" not in stored_session()


def test_one_that_a_record_brings_under_way_is_ended_as_well(at: SetClock) -> None:
    take_in("session", session(status="ongoing", updated_at=LATER, started_at=LATER))
    at(OVERDUE)
    assert run()["closed"] == 1
    assert stored_session()["ended_by"] == "schedule"


def test_one_that_waits_for_its_asesor_is_ended_when_they_are_there(at: SetClock) -> None:
    take_in("session", session(status="ongoing", asesor_id=NOBODYS, updated_at=LATER))
    at(OVERDUE)
    assert run()["closed"] == 0


def test_what_cannot_be_ended_keeps_no_other_from_it(at: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [new_id() for _ in range(30)]
    roster = [PARTICIPANT]
    take_in("session", *[session(id=each, status="ongoing", participant_ids=roster) for each in others])
    close = store.close

    def close_some(identity: str, before: str) -> bool:
        if identity == others[3]:
            raise RuntimeError
        return close(identity, before)

    at(OVERDUE)
    with monkeypatch.context() as patch:
        patch.setattr(store, "close", close_some)
        assert run() == {"closed": 29, "failed": 1}
    assert run() == {"closed": 1, "failed": 0}


def test_the_asesor_who_is_faster_has_ended_it(
    ask: Ask, at: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row changes between the schedule's reading and writing."""
    take_in("session", session(status="ongoing", updated_at=LATER))
    at(OVERDUE)
    write = dynamo.Request.write
    ended: list[int] = []

    def write_late(request: dynamo.Request, *arguments: Any) -> dynamo.Item:
        monkeypatch.setattr(dynamo.Request, "write", write)
        ended.append(ask("end_coaching", "asesor", SESSION).status)
        return write(request, *arguments)

    monkeypatch.setattr(dynamo.Request, "write", write_late)
    assert run() == {"closed": 0, "failed": 0}
    assert (ended, stored_session()["ended_by"]) == ([200], "asesor")


def test_an_end_whose_answer_was_lost_counts_and_is_written_once(
    at: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in("session", session(status="ongoing", updated_at=LATER))
    at(OVERDUE)
    version = stored_session()["version"]
    Wire(monkeypatch).lose_answer(lambda: None)
    assert run() == {"closed": 1, "failed": 0}
    assert stored_session()["version"] == version + 1


def test_when_the_time_is_over_the_rest_waits_for_the_next_run(at: SetClock) -> None:
    take_in("session", session(status="ongoing", updated_at=LATER))
    at(OVERDUE)
    assert invoke("close_sessions", example("close_sessions"), 10_000) == {"closed": 0, "failed": 0}
    assert run()["closed"] == 1
