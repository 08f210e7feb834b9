from typing import Any

import pytest

from tests.examples import answer_text
from tests.functions.conftest import Ask, SetClock
from tests.support import (
    ASESOR,
    NOBODYS,
    OTHER_ASESOR,
    OTHERS_SESSION,
    SESSION,
    new_id,
    participant,
    session,
    stored_session,
    take_in,
)

EXAMPLE = answer_text("get_coaching")
NOT_FOUND = (404, '{"errors":["Coaching session not found"],"status":false}')


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize("role", ["admin", "asesor"])
def test_the_example_is_the_lists_row_and_more(ask: Ask, role: str) -> None:
    answer = ask("get_coaching", role, SESSION)
    assert (answer.status, answer.text) == (200, EXAMPLE)
    (row,) = ask("list_coachings", role, query="").content["data"]["data"]
    assert list(answer.content["data"].items())[: len(row)] == list(row.items())
    assert answer.headers["etag"] == f'"{stored_session()["version"]}"'


@pytest.mark.usefixtures("both_asesors")
def test_who_may_see_which(ask: Ask) -> None:
    for role, subject, identity in (
        ("admin", None, SESSION),
        ("admin", None, OTHERS_SESSION),
        ("asesor", None, SESSION),
        ("asesor", OTHER_ASESOR, OTHERS_SESSION),
    ):
        answer = ask("get_coaching", role, identity, subject=subject)
        assert (answer.status, answer.content["data"]["id"]) == (200, identity)
    for role, subject, identity in (
        ("admin", None, NOBODYS),
        ("admin", None, "malformed"),
        ("asesor", None, OTHERS_SESSION),
        ("asesor", None, NOBODYS),
        ("asesor", None, SESSION.upper()),
        ("asesor", OTHER_ASESOR, SESSION),
        ("asesor", NOBODYS, SESSION),
    ):
        answer = ask("get_coaching", role, identity, subject=subject)
        assert (answer.status, answer.text) == NOT_FOUND, (role, subject, identity)
    for identity in (SESSION, OTHERS_SESSION, NOBODYS, "malformed"):
        answer = ask("get_coaching", "participant", identity)
        assert (answer.status, answer.errors) == (403, ["Forbidden"])


@pytest.mark.usefixtures("examples")
def test_one_that_waits_for_its_asesor_is_not_there_yet(ask: Ask) -> None:
    waiting = new_id()
    take_in("session", session(id=waiting, asesor_id=new_id()))
    answer = ask("get_coaching", "admin", waiting)
    assert (answer.status, answer.text) == NOT_FOUND


@pytest.mark.usefixtures("examples")
def test_its_meeting_and_its_times(ask: Ask, at: SetClock) -> None:
    at("2026-03-10T09:01:00.000Z")
    ask("start_coaching", "asesor", SESSION)
    started = ask("get_coaching", "asesor", SESSION)
    assert times(started.content["data"]) == ["ongoing", "2026-03-10T09:01:00.000Z", None, None]
    at("2026-03-10T11:02:00.000Z")
    ended = ask("end_coaching", "asesor", SESSION, headers={"if-match": started.headers["etag"]})
    now = ask("get_coaching", "asesor", SESSION)
    assert now.headers["etag"] == ended.headers["etag"]
    assert times(now.content["data"]) == [
        "completed",
        "2026-03-10T09:01:00.000Z",
        "2026-03-10T11:02:00.000Z",
        "asesor",
    ]


def times(data: dict[str, Any]) -> list[Any]:
    return [data[name] for name in ("status", "started_at", "ended_at", "ended_by")]


@pytest.mark.usefixtures("examples")
def test_what_its_service_ended_was_ended_by_nobody_here_and_may_have_no_meeting(ask: Ask) -> None:
    theirs = new_id()
    take_in(
        "session", session(id=theirs, status="completed", meeting_url=None, ended_at="2026-03-10T11:00:00Z")
    )
    data = ask("get_coaching", "admin", theirs).content["data"]
    assert (data["meeting_url"], data["ended_at"], data["ended_by"]) == (
        None,
        "2026-03-10T11:00:00.000Z",
        None,
    )


@pytest.mark.usefixtures("people")
def test_who_came_in_numbers(ask: Ask) -> None:
    people = [new_id() for _ in range(11)]
    take_in("user", *[participant(who, f"Peserta {number}") for number, who in enumerate(people)])
    take_in("session", session(participant_ids=[*people, NOBODYS], asesor_id=ASESOR))
    marks = ["present"] * 4 + ["late"] * 3 + ["excused"] * 2 + ["absent"]
    for who, status in zip(people, marks, strict=False):
        body = {"participant_id": who, "status": status}
        assert ask("mark_presence", "asesor", SESSION, body=body).status == 200
    attendance = ask("get_coaching", "asesor", SESSION).content["data"]["attendance"]
    assert attendance == {"invited": 11, "present": 4, "late": 3, "excused": 2, "absent": 1, "unmarked": 1}
    # Who is not invited any more is not counted, though the mark stays.
    take_in("session", session(participant_ids=people[1:], updated_at="2026-03-01T00:00:00.000Z"))
    attendance = ask("get_coaching", "asesor", SESSION).content["data"]["attendance"]
    assert attendance == {"invited": 10, "present": 3, "late": 3, "excused": 2, "absent": 1, "unmarked": 1}
