import json
from typing import Any
from uuid import UUID

import pytest

from tests.examples import answer_text
from tests.functions.conftest import Ask, SetClock
from tests.support import (
    NOBODYS,
    OTHER_ASESOR,
    OTHER_PARTICIPANT,
    OTHERS_SESSION,
    PARTICIPANT,
    SESSION,
    session,
    stored_presence,
    take_in,
)

EXAMPLE = answer_text("mark_presence")
NOT_FOUND = (404, '{"errors":["Coaching session not found"],"status":false}')


def mark(status: str = "present", participant: str = PARTICIPANT, **more: Any) -> dict[str, Any]:
    return {"participant_id": participant, "status": status, **more}


@pytest.mark.usefixtures("examples")
def test_the_specs_example(ask: Ask, at: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = json.loads(EXAMPLE)["data"]["id"]
    monkeypatch.setattr("teaching.coaching.store.uuid4", lambda: UUID(identity))
    at("2026-02-18T07:22:24.270Z")
    ask("mark_presence", "asesor", SESSION, body=mark("late", joined_at="2026-02-18T14:22:24.260+07:00"))
    at("2026-02-19T12:12:13.180Z")
    answer = ask("mark_presence", "asesor", SESSION, body=mark("present"))
    assert (answer.status, answer.text) == (200, EXAMPLE)


@pytest.mark.usefixtures("both_asesors")
def test_only_the_sessions_own_asesor_marks(ask: Ask) -> None:
    for identity in (SESSION, OTHERS_SESSION, NOBODYS, "malformed"):
        for role in ("admin", "participant"):
            answer = ask("mark_presence", role, identity, body="no JSON")
            assert (answer.status, answer.errors) == (403, ["Forbidden"])
    for subject, identity in (
        (None, OTHERS_SESSION),
        (None, NOBODYS),
        (None, "malformed"),
        (None, SESSION.upper()),
        (OTHER_ASESOR, SESSION),
        (NOBODYS, SESSION),
    ):
        answer = ask("mark_presence", "asesor", identity, subject=subject, body=mark())
        assert (answer.status, answer.text) == NOT_FOUND, (subject, identity)
    assert "id" not in stored_presence()
    assert ask("mark_presence", "asesor", SESSION, body=mark()).status == 200
    theirs = mark(participant=OTHER_PARTICIPANT)
    assert ask("mark_presence", "asesor", OTHERS_SESSION, subject=OTHER_ASESOR, body=theirs).status == 200


@pytest.mark.usefixtures("examples")
def test_marks_follow_each_other_in_one_row(ask: Ask, at: SetClock) -> None:
    def marked(moment: str, **body: Any) -> dict[str, Any]:
        at(f"2026-03-10T{moment}:00.000Z")
        answer = ask("mark_presence", "asesor", SESSION, body={"participant_id": PARTICIPANT, **body})
        assert answer.status == 200
        data: dict[str, Any] = answer.content["data"]
        return data

    def times(data: dict[str, Any]) -> list[str | None]:
        return [
            data[name] and data[name][11:16]
            for name in ("first_joined_at", "joined_at", "created_at", "updated_at")
        ]

    first = marked("09:00", status="absent")
    assert times(first) == [None, None, "09:00", "09:00"]
    assert times(marked("09:01", status="excused")) == [None, None, "09:00", "09:01"]
    assert times(marked("09:02", status="late", feedback_notes="traffic")) == [
        "09:02",
        "09:02",
        "09:00",
        "09:02",
    ]
    kept = marked("09:03", status="present")
    assert times(kept) == ["09:02", "09:02", "09:00", "09:03"]
    assert kept["feedback_notes"] == "traffic"
    given = marked("09:04", status="present", joined_at="2026-03-10T08:30:00Z")
    assert times(given) == ["09:02", "08:30", "09:00", "09:04"]
    assert times(marked("09:05", status="absent")) == ["09:02", None, "09:00", "09:05"]
    assert times(marked("09:06", status="present")) == ["09:02", "09:06", "09:00", "09:06"]
    excused = marked("09:07", status="excused", joined_at="2026-03-10T08:00:00Z", feedback_notes=None)
    assert times(excused) == ["09:02", "08:00", "09:00", "09:07"]
    assert excused["feedback_notes"] is None
    assert excused["id"] == first["id"]


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize("status", ["absent", "excused"])
def test_the_first_time_that_is_stored_is_the_first_whatever_the_mark(ask: Ask, status: str) -> None:
    body = mark(status, joined_at="2026-03-10T09:30:00Z")
    data = ask("mark_presence", "asesor", SESSION, body=body).content["data"]
    assert data["first_joined_at"] == data["joined_at"] == "2026-03-10T09:30:00.000Z"


@pytest.mark.usefixtures("examples")
def test_one_who_is_not_on_the_roster_cannot_be_marked(ask: Ask) -> None:
    for stranger in (OTHER_PARTICIPANT, NOBODYS):
        answer = ask("mark_presence", "asesor", SESSION, body=mark(participant=stranger))
        assert answer.status == 400
        assert answer.errors[0] == "Invalid request body"
        assert answer.errors[1].startswith("participant_id: ")
    assert ask("list_roster", "asesor", SESSION).content["data"]["pagination"]["total_items"] == 1


@pytest.mark.usefixtures("people")
def test_no_mark_in_a_cancelled_session(ask: Ask) -> None:
    take_in("session", session(status="cancelled"))
    answer = ask("mark_presence", "asesor", SESSION, body=mark())
    assert (answer.status, answer.errors[0]) == (400, "Invalid request body")
    assert "id" not in stored_presence()


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("status", ["scheduled", "ongoing", "completed"])
def test_a_mark_in_any_other_session(ask: Ask, status: str) -> None:
    take_in("session", session(status=status))
    assert ask("mark_presence", "asesor", SESSION, body=mark()).status == 200


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({}, ["participant_id: is required", "status: is required"]),
        (mark("here"), ["status: must be present, absent, excused or late"]),
        (mark("Present"), ["status: must be present, absent, excused or late"]),
        (mark(participant="7"), ["participant_id: must be a lower-case UUID"]),
        (mark(participant=PARTICIPANT.upper()), ["participant_id: must be a lower-case UUID"]),
        (mark() | {"participant_id": None}, ["participant_id: must be text"]),
        (
            mark(joined_at="2026-03-10T09:00:00"),
            ["joined_at: must be an ISO date and time with an offset or Z"],
        ),
        (mark(joined_at=1771396209), ["joined_at: must be text"]),
        (mark(feedback_notes="x" * 10_001), ["feedback_notes: must be at most 10000 characters"]),
        (mark(note="typo"), ["note: is not a known field"]),
        (mark(first_joined_at="2026-03-10T09:00:00Z"), ["first_joined_at: is not a known field"]),
        ("[]", ["body: must be a JSON object"]),
        ("", ["body: must be JSON"]),
    ],
)
def test_a_bad_body_names_its_fields(ask: Ask, body: Any, details: list[str]) -> None:
    answer = ask("mark_presence", "asesor", SESSION, body=body)
    assert (answer.status, answer.errors) == (400, ["Invalid request body", *details])


def test_a_body_over_64_kilobytes_is_413(ask: Ask) -> None:
    answer = ask("mark_presence", "asesor", SESSION, body=" " * (64 * 1024 + 1))
    assert (answer.status, answer.errors[0]) == (413, "Request body too large")
