import pytest

from tests.functions.conftest import Ask, SetClock
from tests.support import NOBODYS, OTHER_ASESOR, OTHERS_SESSION, SESSION, session, stored_session, take_in

LINK = "https://meet.example.com/go-digital-1"
NOT_FOUND = (404, '{"errors":["Coaching session not found"],"status":false}')


@pytest.mark.usefixtures("examples")
def test_the_first_start_moves_the_session_and_every_start_redirects(ask: Ask, at: SetClock) -> None:
    at("2026-03-10T09:00:00.000Z")
    first = ask("start_coaching", "asesor", SESSION)
    assert (first.status, first.text) == (302, "")
    assert first.headers["location"] == LINK
    started = stored_session()
    assert (started["status"], started["started_at"]) == ("ongoing", "2026-03-10T09:00:00.000Z")
    at("2026-03-10T09:30:00.000Z")
    assert ask("start_coaching", "asesor", SESSION) == first
    assert stored_session() == started


@pytest.mark.usefixtures("both_asesors")
def test_only_the_sessions_own_asesor_starts_it(ask: Ask) -> None:
    for identity in (SESSION, OTHERS_SESSION, NOBODYS, "malformed"):
        for role in ("admin", "participant"):
            answer = ask("start_coaching", role, identity)
            assert (answer.status, answer.errors) == (403, ["Forbidden"])
    for subject, identity in (
        (None, OTHERS_SESSION),
        (None, NOBODYS),
        (None, "malformed"),
        (None, SESSION.upper()),
        (OTHER_ASESOR, SESSION),
        (NOBODYS, SESSION),
    ):
        answer = ask("start_coaching", "asesor", identity, subject=subject)
        assert (answer.status, answer.text) == NOT_FOUND, (subject, identity)
    assert (stored_session()["status"], stored_session(OTHERS_SESSION)["status"]) == (
        "scheduled",
        "scheduled",
    )
    assert ask("start_coaching", "asesor", SESSION).status == 302
    assert ask("start_coaching", "asesor", OTHERS_SESSION, subject=OTHER_ASESOR).status == 302


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("status", "link"),
    [("completed", LINK), ("cancelled", LINK), ("scheduled", None), ("ongoing", None)],
)
def test_what_cannot_be_started(ask: Ask, status: str, link: str | None) -> None:
    take_in("session", session(status=status, meeting_url=link))
    before = stored_session()
    answer = ask("start_coaching", "asesor", SESSION)
    assert (answer.status, answer.errors[0]) == (400, "Coaching session cannot be started")
    assert "location" not in answer.headers
    assert stored_session() == before
