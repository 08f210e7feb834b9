from itertools import product

import pytest

from local import demo
from tests.examples import answer_text, compact
from tests.functions.conftest import Ask
from tests.support import (
    NOBODYS,
    OTHER_ASESOR,
    OTHERS_SESSION,
    SESSION,
    new_id,
    session,
    settle,
    take_in,
)

EXAMPLE = answer_text("list_coachings")
EMPTY = """{
    "data": {
        "data": [],
        "pagination": {
            "current_page": 1,
            "per_page": 25,
            "total_items": 0,
            "total_pages": 0,
            "next_page": null,
            "prev_page": null
        }
    },
    "message": "success",
    "status": true
}"""


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize("role", ["admin", "asesor"])
@pytest.mark.parametrize("settled", [False, True])
def test_the_specs_example(ask: Ask, role: str, settled: bool) -> None:
    if settled:
        settle()
    answer = ask("list_coachings", role, query="")
    assert (answer.status, answer.text) == (200, EXAMPLE)


@pytest.mark.usefixtures("tables")
def test_no_sessions(ask: Ask) -> None:
    assert ask("list_coachings", "admin", query="").text == compact(EMPTY)


@pytest.mark.usefixtures("both_asesors")
def test_an_admin_sees_all_sessions_an_asesor_the_own(ask: Ask) -> None:
    settle()
    callers: dict[tuple[str, str | None], set[str]] = {
        ("admin", None): {SESSION, OTHERS_SESSION},
        ("asesor", None): {SESSION},
        ("asesor", OTHER_ASESOR): {OTHERS_SESSION},
        ("asesor", NOBODYS): set(),
    }
    for ((role, subject), seen), query in product(callers.items(), ("", "limit=2", "search=go+digital")):
        content = ask("list_coachings", role, subject=subject, query=query).content["data"]
        assert {row["id"] for row in content["data"]} == seen, (role, subject, query)
        assert content["pagination"]["total_items"] == len(seen)


@pytest.mark.usefixtures("examples")
def test_a_participant_sees_none(ask: Ask) -> None:
    answer = ask("list_coachings", "participant", query="limit=0")
    assert (answer.status, answer.errors) == (403, ["Forbidden"])


@pytest.mark.parametrize("query", ["limit=0", "page=0", "page=%2B5", "search=a", "limit=1&limit=1"])
def test_a_bad_query(ask: Ask, query: str) -> None:
    answer = ask("list_coachings", "asesor", query=query)
    assert (answer.status, answer.errors[0]) == (400, "Invalid query parameters")
    assert answer.errors[1].startswith(query[: query.index("=")] + ": ")


@pytest.mark.usefixtures("examples")
def test_parameters_of_other_lists_are_ignored(ask: Ask) -> None:
    assert ask("list_coachings", "asesor", query="material_item_id=nonsense&course_id=7").text == EXAMPLE


@pytest.mark.usefixtures("examples")
def test_pages_are_newest_first_with_ties_by_id(ask: Ask) -> None:
    times = ["2026-03-09T09:00:00.000Z"] * 3 + ["2026-03-11T09:00:00.000Z"] * 2
    made = [session(id=new_id(), start_time=time) for time in times]
    take_in("session", *made)
    settle()
    expected = sorted(((row["start_time"], row["id"]) for row in [session(), *made]), reverse=True)
    walked = []
    for page in (1, 2, 3):
        content = ask("list_coachings", "asesor", query=f"limit=2&page={page}").content["data"]
        walked += [(row["start_time"], row["id"]) for row in content["data"]]
        assert content["pagination"] == {
            "current_page": page,
            "per_page": 2,
            "total_items": 6,
            "total_pages": 3,
            "next_page": page + 1 if page < 3 else None,
            "prev_page": page - 1 if page > 1 else None,
        }
    assert walked == expected


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize("page", [3, 999_999_999_999_999_999])
def test_a_page_past_the_end_is_empty_and_points_back(ask: Ask, page: int) -> None:
    take_in("session", session(id=new_id()))
    settle()
    content = ask("list_coachings", "asesor", query=f"limit=1&page={page}").content["data"]
    assert content["data"] == []
    assert content["pagination"] == {
        "current_page": page,
        "per_page": 1,
        "total_items": 2,
        "total_pages": 2,
        "next_page": None,
        "prev_page": 2,
    }


@pytest.mark.usefixtures("both_asesors")
def test_a_search_looks_at_title_and_asesors_name(ask: Ask) -> None:
    settle()
    searches: dict[str, set[str]] = {
        "budi": {SESSION},
        "LESTARI": {OTHERS_SESSION},
        "igital+atch": {SESSION, OTHERS_SESSION},
        "batch+b%C3%BAdi": {SESSION},
        "dewi+budi": set(),
        "asesor@email.com": set(),
    }
    for search, found in searches.items():
        content = ask("list_coachings", "admin", query=f"search={search}").content["data"]
        assert {row["id"] for row in content["data"]} == found, search
        assert content["pagination"]["total_items"] == len(found)


@pytest.mark.usefixtures("both_asesors")
def test_a_calendar(ask: Ask) -> None:
    settle()
    start = demo.SPEC_SESSION["start_time"]
    for query, found in (
        ("status=scheduled", 2),
        ("status=ongoing", 0),
        (f"from={start}", 2),
        (f"to={start}", 0),
        ("from=2026-03-10T16:00:00%2B07:00&to=2026-03-10T16:00:00.001%2B07:00", 2),
        ("status=scheduled&from=2026-03-10T00:00:00Z&to=2026-03-11T00:00:00Z&search=digital", 2),
        ("from=2026-03-11T00:00:00Z&to=2026-03-10T00:00:00Z", 0),
    ):
        answer = ask("list_coachings", "admin", query=query)
        assert (answer.status, answer.content["data"]["pagination"]["total_items"]) == (200, found), query
        assert len(answer.content["data"]["data"]) == found


@pytest.mark.usefixtures("both_asesors")
def test_the_links_of_a_calendar_keep_its_filters(ask: Ask) -> None:
    settle()
    query = "status=scheduled&from=2026-03-10T00:00:00Z&limit=1"
    kept = "limit=1&status=scheduled&from=2026-03-10T00%3A00%3A00.000Z"
    links = ask("list_coachings", "admin", query=query).headers["link"]
    assert f'</api/teaching/coachings?{kept}&page=2>; rel="next"' in links


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("status=begun", "status: "),
        ("from=2026-03-10", "from: must be an ISO date and time with an offset or Z"),
        ("to=2026-03-10T09:00:00", "to: must be an ISO date and time with an offset or Z"),
        ("to=", "to: must be an ISO date and time with an offset or Z"),
        ("from=2026-03-10T00:00:00Z&from=2026-03-10T00:00:00Z", "from: must be given once"),
    ],
)
def test_a_bad_calendar(ask: Ask, query: str, detail: str) -> None:
    answer = ask("list_coachings", "asesor", query=query)
    assert (answer.status, answer.errors[0]) == (400, "Invalid query parameters")
    assert answer.errors[1].startswith(detail)
