import pytest

from local import demo
from tests.examples import answer_text
from tests.functions.conftest import Ask, SetClock
from tests.support import (
    NOBODYS,
    OTHER_ASESOR,
    OTHERS_SESSION,
    SESSION,
    session,
    stored_session,
    take_in,
)

EXAMPLE = answer_text("end_coaching")
ENDING: str = demo.SPEC_SESSION_TO_END["id"]
NOT_FOUND = (404, '{"errors":["Coaching session not found"],"status":false}')


@pytest.mark.usefixtures("people")
def test_the_specs_example(ask: Ask, at: SetClock) -> None:
    take_in("session", demo.SPEC_SESSION_TO_END | {"participant_ids": []})
    at("2026-02-20T11:00:00.000Z")
    answer = ask("end_coaching", "asesor", ENDING)
    assert (answer.status, answer.text) == (200, EXAMPLE)
    ended = stored_session(ENDING)
    assert ended["started_at"] == demo.SPEC_SESSION_TO_END["started_at"]
    at("2026-02-20T11:30:00.000Z")
    again = ask("end_coaching", "asesor", ENDING)
    assert (again.status, again.errors[0]) == (400, "Coaching session cannot be ended")
    assert stored_session(ENDING) == ended


@pytest.mark.usefixtures("people")
def test_only_the_sessions_own_asesor_ends_it(ask: Ask) -> None:
    take_in("session", session(status="ongoing"))
    take_in("session", session(id=OTHERS_SESSION, status="ongoing", asesor_id=OTHER_ASESOR))
    for identity in (SESSION, OTHERS_SESSION, NOBODYS, "malformed"):
        for role in ("admin", "participant"):
            answer = ask("end_coaching", role, identity)
            assert (answer.status, answer.errors) == (403, ["Forbidden"])
    for subject, identity in (
        (None, OTHERS_SESSION),
        (None, NOBODYS),
        (None, "malformed"),
        (None, SESSION.upper()),
        (OTHER_ASESOR, SESSION),
        (NOBODYS, SESSION),
    ):
        answer = ask("end_coaching", "asesor", identity, subject=subject)
        assert (answer.status, answer.text) == NOT_FOUND, (subject, identity)
    assert (stored_session()["status"], stored_session(OTHERS_SESSION)["status"]) == ("ongoing", "ongoing")
    assert ask("end_coaching", "asesor", SESSION).status == 200
    assert ask("end_coaching", "asesor", OTHERS_SESSION, subject=OTHER_ASESOR).status == 200


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("status", ["scheduled", "completed", "cancelled"])
def test_only_a_session_under_way_can_be_ended(ask: Ask, status: str) -> None:
    take_in("session", session(status=status))
    before = stored_session()
    answer = ask("end_coaching", "asesor", SESSION)
    assert (answer.status, answer.errors[0]) == (400, "Coaching session cannot be ended")
    assert stored_session() == before
