import pytest

from tests.functions.conftest import Ask
from tests.support import (
    NOBODYS,
    OTHER_ASESOR,
    OTHERS_SESSION,
    PARTICIPANT,
    SESSION,
    new_id,
    participant,
    session,
    take_in,
)

NOT_FOUND = (404, '{"errors":["Coaching session not found"],"status":false}')


@pytest.mark.usefixtures("examples")
def test_it_answers_what_the_learning_side_answers(ask: Ask) -> None:
    expected = ask("list_presences", "admin", SESSION, query="")
    assert expected.status == 200
    for role in ("admin", "asesor"):
        answer = ask("list_roster", role, SESSION, query="")
        assert (answer.status, answer.text) == (expected.status, expected.text)


@pytest.mark.usefixtures("both_asesors")
def test_who_may_see_which(ask: Ask) -> None:
    for role, subject, identity in (
        ("admin", None, SESSION),
        ("admin", None, OTHERS_SESSION),
        ("asesor", None, SESSION),
        ("asesor", OTHER_ASESOR, OTHERS_SESSION),
    ):
        answer = ask("list_roster", role, identity, subject=subject)
        assert (answer.status, answer.content["data"]["data"][0]["session_id"]) == (200, identity)
    for role, subject, identity in (
        ("admin", None, NOBODYS),
        ("admin", None, "malformed"),
        ("asesor", None, OTHERS_SESSION),
        ("asesor", None, NOBODYS),
        ("asesor", None, SESSION.upper()),
        ("asesor", OTHER_ASESOR, SESSION),
        ("asesor", NOBODYS, SESSION),
    ):
        answer = ask("list_roster", role, identity, subject=subject)
        assert (answer.status, answer.text) == NOT_FOUND, (role, subject, identity)
    for identity in (SESSION, OTHERS_SESSION, NOBODYS, "malformed"):
        answer = ask("list_roster", "participant", identity, query="limit=0")
        assert (answer.status, answer.errors) == (403, ["Forbidden"])


@pytest.mark.usefixtures("examples")
def test_rows_are_in_the_order_of_names_of_which_one_may_begin_another(ask: Ask) -> None:
    names = ["Ani", "Ani", "Ani Budi", "Ani-Budi", "Anita", "Ánya"]
    ids = sorted(new_id() for _ in names)
    take_in("user", *[participant(identity, name) for identity, name in zip(ids, names, strict=True)])
    take_in("session", session(participant_ids=ids[::-1], updated_at="2026-02-19T00:00:00.000Z"))
    rows = ask("list_roster", "asesor", SESSION).content["data"]["data"]
    assert [row["user"]["name"] for row in rows] == names
    assert [row["participant_id"] for row in rows] == ids


@pytest.mark.usefixtures("examples")
def test_an_empty_roster(ask: Ask) -> None:
    take_in("session", session(participant_ids=[], updated_at="2026-02-19T00:00:00.000Z"))
    content = ask("list_roster", "asesor", SESSION).content["data"]
    assert content["data"] == []
    assert content["pagination"]["total_pages"] == 0
    answer = ask("list_presences", "participant", SESSION, subject=PARTICIPANT)
    assert (answer.status, answer.text) == NOT_FOUND


def test_a_bad_query(ask: Ask) -> None:
    answer = ask("list_roster", "asesor", SESSION, query="limit=0")
    assert (answer.status, answer.errors[0]) == (400, "Invalid query parameters")
