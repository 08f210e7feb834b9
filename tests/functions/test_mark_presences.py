from typing import Any

import pytest

from benchmarks.meter import metered
from teaching.limits import BATCH_MOST
from tests.functions.conftest import Ask, SetClock
from tests.functions.test_grade_submissions import results
from tests.support import (
    NOBODYS,
    OTHER_ASESOR,
    OTHER_PARTICIPANT,
    OTHERS_SESSION,
    PARTICIPANT,
    SESSION,
    new_id,
    participant,
    session,
    stored_presence,
    take_in,
)

NOT_FOUND = (404, '{"errors":["Coaching session not found"],"status":false}')


def marks(*entries: Any) -> dict[str, Any]:
    return {"presences": list(entries)}


def mark(who: str = PARTICIPANT, status: str = "present", **more: Any) -> dict[str, Any]:
    return {"participant_id": who, "status": status, **more}


@pytest.mark.usefixtures("examples")
def test_each_is_answered_as_the_single_request_would_be(ask: Ask, at: SetClock) -> None:
    at("2026-03-10T09:00:00.000Z")
    entries = [
        mark(NOBODYS),
        mark(OTHER_PARTICIPANT, "here"),
        mark("malformed", feedback_notes=7),
        {"participant_id": new_id(), "status": "late", "note": "typo"},
        mark(feedback_notes="traffic"),
    ]
    got = results(ask("mark_presences", "asesor", SESSION, body=marks(*entries)))
    for entry, result in zip(entries, got, strict=True):
        assert result == ask("mark_presence", "asesor", SESSION, body=entry).content
    assert stored_presence()["feedback_notes"] == "traffic"


@pytest.mark.usefixtures("people")
def test_a_whole_roster_is_marked_at_the_trips_of_one(ask: Ask) -> None:
    people = [new_id() for _ in range(BATCH_MOST)]
    take_in("user", *[participant(who, f"Peserta {number}") for number, who in enumerate(people)])
    take_in("session", session(participant_ids=people))
    statuses = ["present", "late", "absent", "excused"] * 25
    body = marks(*[mark(who, status) for who, status in zip(people, statuses, strict=True)])
    with metered() as cost:
        got = results(ask("mark_presences", "asesor", SESSION, body=body))
    assert [(result["data"]["participant_id"], result["data"]["status"]) for result in got] == list(
        zip(people, statuses, strict=True)
    )
    assert cost.trips == 2
    assert cost.write_requests == BATCH_MOST
    rows = ask("list_roster", "asesor", SESSION, query="limit=100").content["data"]["data"]
    assert {row["participant_id"]: row["status"] for row in rows} == dict(zip(people, statuses, strict=True))


@pytest.mark.usefixtures("both_asesors")
def test_a_session_that_is_not_the_callers_is_404_as_a_whole(ask: Ask) -> None:
    for subject, identity in (
        (None, OTHERS_SESSION),
        (None, NOBODYS),
        (None, "malformed"),
        (OTHER_ASESOR, SESSION),
    ):
        answer = ask("mark_presences", "asesor", identity, subject=subject, body=marks(mark()))
        assert (answer.status, answer.text) == NOT_FOUND
    for role in ("admin", "participant"):
        assert ask("mark_presences", role, SESSION, body="no JSON").status == 403
    assert "id" not in stored_presence()


@pytest.mark.usefixtures("people")
def test_in_a_cancelled_session_each_fails(ask: Ask) -> None:
    take_in("session", session(status="cancelled"))
    (result,) = results(ask("mark_presences", "asesor", SESSION, body=marks(mark())))
    assert result["errors"] == ["Invalid request body", "the coaching session is cancelled"]


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "presences: is required"),
        (marks(), "presences: must be at least 1 entries"),
        (marks(*[mark(new_id()) for _ in range(101)]), "presences: must be at most 100 entries"),
        (
            marks(mark(), mark(status="here")),
            "presences: must be entries of which no two have the same participant_id",
        ),
        (marks(mark()) | {"session_id": SESSION}, "session_id: is not a known field"),
    ],
)
def test_a_body_that_is_malformed_as_a_whole_writes_nothing(ask: Ask, body: Any, detail: str) -> None:
    answer = ask("mark_presences", "asesor", SESSION, body=body)
    assert (answer.status, answer.errors) == (400, ["Invalid request body", detail])
    assert "id" not in stored_presence()


def test_the_body_may_be_longer_than_of_one(ask: Ask, tables: str) -> None:
    padding = " " * (256 * 1024)
    answer = ask("mark_presences", "asesor", SESSION, body=padding)
    assert (answer.status, answer.errors) == (400, ["Invalid request body", "body: must be JSON"])
    answer = ask("mark_presences", "asesor", SESSION, body=padding + " ")
    assert (answer.status, answer.errors[0]) == (413, "Request body too large")
