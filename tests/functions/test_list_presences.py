import json

import pytest

from tests.examples import answer_text
from tests.functions.conftest import Ask, SetClock
from tests.support import (
    NOBODYS,
    OTHER_PARTICIPANT,
    OTHERS_SESSION,
    PARTICIPANT,
    SESSION,
    new_id,
    participant,
    session,
    take_in,
)

EXAMPLE = answer_text("list_presences")
NOT_FOUND = (404, '{"errors":["Coaching session not found"],"status":false}')


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize("role", ["admin", "participant"])
def test_the_specs_example(ask: Ask, role: str) -> None:
    answer = ask("list_presences", role, SESSION, query="")
    assert (answer.status, answer.text) == (200, EXAMPLE)


@pytest.mark.usefixtures("both_asesors")
def test_who_may_see_which(ask: Ask) -> None:
    for role, subject, identity in (
        ("admin", None, SESSION),
        ("admin", None, OTHERS_SESSION),
        ("participant", None, SESSION),
        ("participant", OTHER_PARTICIPANT, OTHERS_SESSION),
    ):
        answer = ask("list_presences", role, identity, subject=subject)
        assert (answer.status, answer.content["data"]["data"][0]["session_id"]) == (200, identity)
    for role, subject, identity in (
        ("admin", None, NOBODYS),
        ("admin", None, "malformed"),
        ("participant", None, OTHERS_SESSION),
        ("participant", None, NOBODYS),
        ("participant", None, SESSION.upper()),
        ("participant", OTHER_PARTICIPANT, SESSION),
        ("participant", NOBODYS, SESSION),
    ):
        answer = ask("list_presences", role, identity, subject=subject)
        assert (answer.status, answer.text) == NOT_FOUND, (role, subject, identity)
    for identity in (SESSION, OTHERS_SESSION, NOBODYS, "malformed"):
        answer = ask("list_presences", "asesor", identity, query="limit=0")
        assert (answer.status, answer.errors) == (403, ["Forbidden"])


@pytest.mark.usefixtures("examples")
def test_a_participant_sees_the_own_row_only(ask: Ask) -> None:
    take_in(
        "session",
        session(participant_ids=[PARTICIPANT, OTHER_PARTICIPANT], updated_at="2026-02-19T00:00:00.000Z"),
    )
    for query in ("", "limit=1", "search=siti"):
        content = ask("list_presences", "participant", SESSION, query=query).content["data"]
        assert [row["participant_id"] for row in content["data"]] == [PARTICIPANT]
        assert content["pagination"]["total_items"] == 1
    others = ask("list_presences", "participant", SESSION, query="search=agus").content["data"]
    assert (others["data"], others["pagination"]["total_items"]) == ([], 0)
    assert ask("list_presences", "admin", SESSION).content["data"]["pagination"]["total_items"] == 2


@pytest.mark.usefixtures("examples")
def test_a_mark_is_a_row_with_an_id_and_times(ask: Ask, at: SetClock) -> None:
    at("2026-03-10T09:05:00.000Z")
    body = {"participant_id": PARTICIPANT, "status": "late", "feedback_notes": "traffic"}
    marked = ask("mark_presence", "asesor", SESSION, body=body).content["data"]
    (row,) = ask("list_presences", "participant", SESSION).content["data"]["data"]
    assert list(row) == list(json.loads(EXAMPLE)["data"]["data"][0])
    assert {name: row[name] for name in marked if name in row} == {
        name: value for name, value in marked.items() if name != "first_joined_at"
    }
    assert row["created_at"] == row["joined_at"] == "2026-03-10T09:05:00.000Z"


@pytest.mark.usefixtures("examples")
def test_pages_are_in_the_order_of_names(ask: Ask) -> None:
    names = ["Zainal", "ánna", "Anna", "bayu", "Ämir", "Citra"]
    people = [participant(new_id(), name) for name in names]
    take_in("user", *people)
    invited = [PARTICIPANT, *(data["id"] for data in people), new_id()]
    take_in("session", session(participant_ids=invited, updated_at="2026-02-19T00:00:00.000Z"))
    twins = sorted((data["id"], data["name"]) for data in people if data["name"] in ("Anna", "ánna"))
    expected = ["Ämir", *(name for _, name in twins), "bayu", "Citra", "Siti Rahmawati", "Zainal"]
    walked = []
    for page in (1, 2, 3, 4):
        content = ask("list_presences", "admin", SESSION, query=f"limit=3&page={page}").content["data"]
        walked += [row["user"]["name"] for row in content["data"]]
        assert content["pagination"] == {
            "current_page": page,
            "per_page": 3,
            "total_items": 7,
            "total_pages": 3,
            "next_page": page + 1 if page < 3 else None,
            "prev_page": page - 1 if page > 1 else None,
        }
    assert walked == expected


@pytest.mark.usefixtures("examples")
def test_a_search_looks_at_name_and_email(ask: Ask) -> None:
    searches = {"SITI": 1, "s%C3%ADti+rahma": 1, "iqbalbtr@": 1, "email.com+siti": 1, "siti+agus": 0, "ah": 1}
    for search, found in searches.items():
        content = ask("list_presences", "admin", SESSION, query=f"search={search}").content["data"]
        assert (len(content["data"]), content["pagination"]["total_items"]) == (found, found), search


@pytest.mark.parametrize("query", ["limit=0", "page=x", "search=a"])
def test_a_bad_query(ask: Ask, query: str) -> None:
    for role in ("admin", "participant"):
        answer = ask("list_presences", role, SESSION, query=query)
        assert (answer.status, answer.errors[0]) == (400, "Invalid query parameters")
