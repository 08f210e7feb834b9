from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from teaching.grading.rules import SubmissionQuery
from teaching.http.links import link_header
from teaching.http.pages import Page

PATH = "/api/teaching/submissions"
COURSE = "fd2dbe2b-dabe-4cdd-b72a-9a5f3c8774e3"


def links(total: int, **asked: str) -> dict[str, str]:
    header = link_header(Page[Any]([], total, SubmissionQuery.model_validate(asked)), PATH)
    parts = [part.partition("; ") for part in header.split(", ")]
    return {rel.removeprefix('rel="').rstrip('"'): address[1:-1] for address, _, rel in parts}


def page_of(address: str) -> str:
    return parse_qs(urlsplit(address).query)["page"][0]


@pytest.mark.parametrize(
    ("page", "there"),
    [
        ("1", {"first": "1", "next": "2", "last": "3"}),
        ("2", {"first": "1", "prev": "1", "next": "3", "last": "3"}),
        ("3", {"first": "1", "prev": "2", "last": "3"}),
        ("9", {"first": "1", "prev": "3", "last": "3"}),
    ],
)
def test_they_lead_to_the_pages_that_are_there(page: str, there: dict[str, str]) -> None:
    found = links(51, page=page)
    assert {relation: page_of(address) for relation, address in found.items()} == there
    assert all(address.startswith(f"{PATH}?") for address in found.values())


def test_an_empty_list_has_its_first_page_only() -> None:
    assert links(0, page="3") == {"first": f"{PATH}?page=1"}


def test_all_filters_are_kept_as_asked_and_nothing_else() -> None:
    asked = {"search": "  Siti &\t<Å> ", "status": "graded", "course_id": COURSE, "limit": "10", "other": "x"}
    (first, *_) = links(11, **asked).values()
    assert parse_qs(urlsplit(first).query) == {
        "search": ["Siti & <Å>"],
        "status": ["graded"],
        "course_id": [COURSE],
        "limit": ["10"],
        "page": ["1"],
    }


def test_a_limit_is_told_as_it_is_served() -> None:
    assert "limit=100&" in links(1, limit="9999")["first"]


def test_the_longest_is_shorter_than_api_gateway_allows() -> None:
    """10,240 bytes for all headers together."""
    asked = {"search": "\U0001f600" * 100, "course_id": COURSE, "material_item_id": COURSE, "page": "9" * 18}
    page = Page[Any](
        [], 10**18, SubmissionQuery.model_validate(asked | {"status": "in_progress", "limit": "1"})
    )
    assert len(link_header(page, PATH)) < 8000
