"""What waits for a record that it refers to is on no route, and on all of them when that came in."""

import pytest

from tests.conftest import MakeToken
from tests.functions.conftest import Ask
from tests.support import (
    PARTICIPANT,
    SESSION,
    SUBMISSION,
    call,
    participant,
    person,
    request,
    session,
    settle,
    submission,
    take_in,
)

LATE_ASESOR = "4f4e4d4c-4b4a-4949-8847-464544434241"
OF_SESSIONS = [
    ("list_presences", "admin"),
    ("list_presences", "participant"),
    ("list_roster", "admin"),
    ("list_roster", "asesor"),
    ("mark_presence", "asesor"),
    ("start_coaching", "asesor"),
    ("end_coaching", "asesor"),
]
OF_SUBMISSIONS = [
    ("get_submission", "admin"),
    ("get_submission", "asesor"),
    ("grade_submission", "admin"),
    ("grade_submission", "asesor"),
]
LISTS = ["list_coachings", "list_submissions"]


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("status", ["scheduled", "ongoing"])
@pytest.mark.parametrize(("function", "role"), OF_SESSIONS)
def test_a_session_without_its_asesor_is_not_there(
    store: str, make_token: MakeToken, function: str, role: str, status: str
) -> None:
    take_in("session", session(asesor_id=LATE_ASESOR, status=status))
    settle()
    subject = LATE_ASESOR if role == "asesor" else None
    answer = call(function, request(function, SESSION, token=make_token(role, subject)))
    assert (answer.status, answer.errors) == (404, ["Coaching session not found"])
    take_in("user", person("asesor", LATE_ASESOR, "Rina Wulandari"))
    settle()
    answer = call(function, request(function, SESSION, token=make_token(role, subject)))
    assert answer.status != 404


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(("function", "role"), OF_SUBMISSIONS)
def test_a_submission_without_its_item_is_not_there(ask: Ask, function: str, role: str) -> None:
    take_in("submission", submission())
    settle()
    answer = ask(function, role, SUBMISSION)
    assert (answer.status, answer.errors) == (404, ["Submission not found"])


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("role", ["admin", "asesor"])
@pytest.mark.parametrize("query", ["", "search=go", "page=2"])
def test_lists_and_totals_leave_out_what_waits(ask: Ask, role: str, query: str) -> None:
    take_in("user", participant(PARTICIPANT))
    take_in("session", session())
    take_in("submission", submission())
    settle()
    for function in LISTS:
        content = ask(function, role, query=query).content
        data = content["data"] if function == "list_submissions" else content["data"]["data"]
        assert data == []
    assert ask("get_statistics", role).content["data"]["submission_total"]["total"] == 0
