from itertools import product
from typing import Any
from urllib.parse import quote

import pytest

from tests.examples import answer_text
from tests.functions.conftest import Ask, SetClock
from tests.support import (
    COURSE,
    ITEM,
    NOBODYS,
    OTHER_ASESOR,
    OTHERS_SUBMISSION,
    SUBMISSION,
    Data,
    item,
    new_id,
    settle,
    submission,
    take_in,
)

EXAMPLE = answer_text("list_submissions")


@pytest.mark.usefixtures("examples")
def test_the_specs_example(ask: Ask, at: SetClock) -> None:
    at("2026-02-20T01:52:21.494Z")
    assert ask("grade_submission", "asesor", SUBMISSION, body={"score": 90}).status == 200
    settle()
    filters = f"status=graded&course_id={COURSE}&material_item_id={ITEM}"
    for query in ("", "status=graded", filters, f"{filters}&search=siti+quiz", f"page=1&limit=25&{filters}"):
        for role in ("admin", "asesor"):
            answer = ask("list_submissions", role, query=query)
            assert (answer.status, answer.text) == (200, EXAMPLE)


@pytest.mark.usefixtures("tables")
def test_no_submissions(ask: Ask) -> None:
    content = ask("list_submissions", "admin", query="page=2").content
    assert list(content) == ["data", "message", "status", "pagination"]
    assert content["data"] == []
    assert content["pagination"] == {
        "current_page": 2,
        "per_page": 25,
        "total_items": 0,
        "total_pages": 0,
        "next_page": None,
        "prev_page": None,
    }


def ids(content: Any) -> list[str]:
    assert content["pagination"]["total_items"] == len(content["data"])
    return [row["id"] for row in content["data"]]


@pytest.mark.usefixtures("both_asesors")
def test_an_admin_sees_all_an_asesor_those_of_the_own_participants(ask: Ask) -> None:
    settle()
    callers: dict[tuple[str, str | None], set[str]] = {
        ("admin", None): {SUBMISSION, OTHERS_SUBMISSION},
        ("asesor", None): {SUBMISSION},
        ("asesor", OTHER_ASESOR): {OTHERS_SUBMISSION},
        ("asesor", NOBODYS): set(),
    }
    queries = (
        "",
        "status=submitted",
        f"course_id={COURSE}",
        f"material_item_id={ITEM}",
        f"course_id={COURSE}&material_item_id={ITEM}",
        "search=quiz",
        f"search=quiz&status=submitted&course_id={COURSE}&material_item_id={ITEM}",
    )
    for ((role, subject), seen), query in product(callers.items(), queries):
        found = ids(ask("list_submissions", role, subject=subject, query=query).content)
        assert set(found) == seen, (role, subject, query)
    assert ids(ask("list_submissions", "asesor", query="search=agus").content) == []
    assert ids(ask("list_submissions", "admin", query="search=agus").content) == [OTHERS_SUBMISSION]


@pytest.mark.usefixtures("examples")
def test_a_participant_sees_none(ask: Ask) -> None:
    answer = ask("list_submissions", "participant", query="limit=0")
    assert (answer.status, answer.errors) == (403, ["Forbidden"])


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "page=1.0",
        "status=done",
        "course_id=7",
        f"material_item_id={ITEM.upper()}",
        "search=a",
        "status=graded&status=submitted",
    ],
)
def test_a_bad_query(ask: Ask, query: str) -> None:
    answer = ask("list_submissions", "asesor", query=query)
    assert (answer.status, answer.errors[0]) == (400, "Invalid query parameters")
    assert answer.errors[1].startswith(query[: query.index("=")] + ": ")


@pytest.mark.usefixtures("examples")
def test_filters_that_nothing_meets_give_an_empty_page(ask: Ask) -> None:
    settle()
    queries = (
        f"course_id={NOBODYS}",
        f"material_item_id={NOBODYS}",
        f"course_id={NOBODYS}&material_item_id={ITEM}",
        f"course_id={COURSE}&material_item_id={NOBODYS}",
        "status=in_progress",
        "status=graded",
        f"search=siti&course_id={NOBODYS}",
        "search=siti&status=graded",
        "search=nobody",
    )
    for query, page, role in product(queries, ("", "&page=2"), ("admin", "asesor")):
        answer = ask("list_submissions", role, query=query + page)
        assert answer.status == 200
        assert ids(answer.content) == [], (role, query + page)


@pytest.fixture
def programme(examples: None) -> list[Data]:
    """Submissions for two items, each in two courses, in every status, some at the same time."""
    second = new_id()
    take_in("item", item(id=second, title="Esai Pemasaran", course_id=NOBODYS))
    made = [submission()]
    for number in range(14):
        status = ("in_progress", "submitted", "graded")[number % 3]
        handed_in = None if status == "in_progress" else f"2026-02-1{number // 3}T06:30:09.094Z"
        made.append(
            submission(
                id=new_id(),
                status=status,
                item_id=second if number % 2 else ITEM,
                course_id=NOBODYS if number % 4 < 2 else COURSE,
                submitted_at=handed_in,
                created_at=f"2026-02-1{number // 3}T06:30:09.094Z",
                score=None if handed_in is None else number,
            )
        )
    take_in("submission", *made[1:])
    settle()
    return made


def test_walking_the_pages_gives_every_row_once_in_order(ask: Ask, programme: list[Data]) -> None:
    newest_first = sorted(
        programme, key=lambda row: (row["submitted_at"] or row["created_at"], row["id"]), reverse=True
    )
    cases = product(
        ("admin", "asesor"),
        ("", "esai", "siti", "siti quiz"),
        ("", "in_progress", "submitted", "graded"),
        ("", COURSE, NOBODYS),
        ("", ITEM),
    )
    for role, search, status, course, thing in cases:
        expected = [
            row["id"]
            for row in newest_first
            if status in ("", row["status"])
            and course in ("", row["course_id"])
            and thing in ("", row["item_id"])
            and ("esai" not in search or row["item_id"] != ITEM)
            and ("quiz" not in search or row["item_id"] == ITEM)
        ]
        given = {"search": search, "status": status, "course_id": course, "material_item_id": thing}
        query = "&".join(f"{name}={quote(value)}" for name, value in given.items() if value)
        walked: list[str] = []
        for page in range(1, -(-len(expected) // 4) + 2):
            content = ask("list_submissions", role, query=f"{query}&limit=4&page={page}").content
            assert content["pagination"]["total_items"] == len(expected), (role, query)
            assert len(content["data"]) <= 4
            walked += [row["id"] for row in content["data"]]
        assert walked == expected, (role, query)


@pytest.mark.usefixtures("programme")
def test_a_page_past_the_end_is_empty_and_points_back(ask: Ask) -> None:
    totals = {"": 15, "status=graded": 4, f"course_id={COURSE}": 7, "search=esai": 7, "search=siti": 15}
    for (query, total), page in product(totals.items(), (9, 999_999_999_999_999_999)):
        content = ask("list_submissions", "asesor", query=f"{query}&limit=2&page={page}").content
        assert content["data"] == []
        assert content["pagination"] == {
            "current_page": page,
            "per_page": 2,
            "total_items": total,
            "total_pages": -(-total // 2),
            "next_page": None,
            "prev_page": min(page - 1, -(-total // 2)),
        }, query


@pytest.mark.usefixtures("programme")
def test_a_limit_above_100_is_served_as_100(ask: Ask) -> None:
    content = ask("list_submissions", "admin", query="limit=101").content
    assert content["pagination"]["per_page"] == 100
    assert len(content["data"]) == 15
