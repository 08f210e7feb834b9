"""The lists as CSV."""

import csv
import io
import re
from typing import Any
from urllib.parse import urlsplit

import pytest

from teaching import limits
from tests.functions.conftest import Ask
from tests.support import (
    ASESOR,
    ITEM,
    PARTICIPANT,
    SESSION,
    SUBMISSION,
    Answer,
    item,
    new_id,
    participant,
    person,
    session,
    settle,
    submission,
    take_in,
)

CSV = {"accept": "text/csv"}
TYPE = "text/csv; charset=utf-8; header=present"


def rows(answer: Answer) -> list[dict[str, Any]]:
    assert (answer.status, answer.headers["content-type"]) == (200, TYPE)
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


@pytest.mark.usefixtures("examples")
def test_submissions_are_flattened(ask: Ask) -> None:
    answer = ask("list_submissions", "asesor", query="", headers=CSV)
    assert answer.text == (
        "id,submitted_at,graded_at,graded_by.id,graded_by.name,graded_by.email,graded_by.profile,score,status,"
        "user.id,user.name,user.email,user.profile,item.id,item.title,item.category\r\n"
        f"{SUBMISSION},2026-02-18T06:30:09.094Z,2026-02-18T06:30:09.094Z,,,,,100,submitted,"
        f"{PARTICIPANT},Siti Rahmawati,iqbalbtr@email.com,,{ITEM},Quiz Digital Dasar,quiz\r\n"
    )
    assert answer.headers["vary"] == "accept"


@pytest.mark.usefixtures("examples")
def test_coachings_and_both_lists_of_presences(ask: Ask) -> None:
    (coaching,) = rows(ask("list_coachings", "admin", query="", headers=CSV))
    assert (coaching["id"], coaching["asesor.name"]) == (SESSION, "Budi Santoso")
    for function, role in (
        ("list_roster", "asesor"),
        ("list_presences", "admin"),
        ("list_presences", "participant"),
    ):
        (presence,) = rows(ask(function, role, SESSION, query="", headers=CSV))
        assert (presence["id"], presence["status"], presence["user.name"]) == ("", "absent", "Siti Rahmawati")


@pytest.mark.usefixtures("examples")
def test_other_types_are_json_as_ever(ask: Ask) -> None:
    for accept in (
        {},
        {"accept": "*/*"},
        {"accept": "application/xml"},
        {"accept": "application/json, text/csv"},
    ):
        answer = ask("list_submissions", "asesor", query="limit=1000", headers=accept)
        assert answer.headers["content-type"] == "application/json"
        assert answer.content["pagination"]["per_page"] == 100


@pytest.mark.usefixtures("examples")
def test_what_fails_is_json(ask: Ask) -> None:
    answer = ask("list_submissions", "asesor", query="limit=0", headers=CSV)
    assert (answer.status, answer.errors[0]) == (400, "Invalid query parameters")


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("begins", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_formula_comes_in(ask: Ask, begins: str) -> None:
    profile = participant(name=f'{begins}, "quoted"\nline')
    take_in("user", person("asesor", ASESOR, begins), profile)
    take_in("item", item(title=begins))
    take_in("submission", submission())
    (row,) = rows(ask("list_submissions", "admin", query="", headers=CSV))
    assert (row["user.name"], row["item.title"]) == (f'\'{begins}, "quoted"\nline', f"'{begins}")


@pytest.mark.usefixtures("examples")
def test_a_profile_is_json_and_a_score_a_number(ask: Ask) -> None:
    take_in("user", participant(profile={"shop": 'Kopi "A"', "since": 2018}))
    settle()
    ask("grade_submission", "asesor", SUBMISSION, body={"score": 87.5})
    (row,) = rows(ask("list_submissions", "admin", query="", headers=CSV))
    assert row["user.profile"] == '{"shop":"Kopi \\"A\\"","since":2018}'
    assert (row["score"], row["graded_by.id"]) == ("87.5", ASESOR)


@pytest.mark.usefixtures("people")
def test_a_thousand_rows_at_a_time_and_links_go_on(ask: Ask) -> None:
    people = [new_id() for _ in range(1203)]
    take_in("user", *[participant(who, f"Peserta {number:04}") for number, who in enumerate(people)])
    take_in("session", session(participant_ids=people))
    seen: list[str] = []
    query: str | None = "limit=5000"
    while query is not None:
        answer = ask("list_roster", "asesor", SESSION, query=query, headers=CSV)
        seen += [row["participant_id"] for row in rows(answer)]
        query = next_query(answer)
    assert seen == people


def next_query(answer: Answer) -> str | None:
    found = re.search(r'<([^>]+)>; rel="next"', answer.headers["link"])
    return urlsplit(found[1]).query if found else None


@pytest.mark.usefixtures("people")
def test_rows_without_room_are_left_to_the_next_page(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [new_id() for _ in range(30)]
    take_in("user", *[participant(who, f"Peserta {number:02}") for number, who in enumerate(people)])
    take_in("session", session(participant_ids=people))
    monkeypatch.setattr(limits, "TABLE_BYTES", 1800)
    seen: list[str] = []
    query: str | None = "limit=15"
    sizes = []
    while query is not None:
        page = rows(ask_again := ask("list_roster", "asesor", SESSION, query=query, headers=CSV))
        sizes.append(len(page))
        seen += [row["participant_id"] for row in page]
        query = next_query(ask_again)
    assert seen == people
    assert sizes == [5] * 6
