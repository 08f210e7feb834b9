import pytest
from pydantic import ValidationError

from teaching.fields import details
from teaching.http.pages import Page, PageQuery, Pagination


def query(**given: str) -> PageQuery:
    return PageQuery.model_validate(given)


def pagination(total: int, **given: str) -> Pagination:
    return Page([], total, query(**given)).pagination()


def test_a_page_has_25_rows_unless_told() -> None:
    assert pagination(60) == {
        "current_page": 1,
        "per_page": 25,
        "total_items": 60,
        "total_pages": 3,
        "next_page": 2,
        "prev_page": None,
    }


def test_the_keys_are_in_the_specs_order() -> None:
    assert list(pagination(1)) == [
        "current_page",
        "per_page",
        "total_items",
        "total_pages",
        "next_page",
        "prev_page",
    ]


@pytest.mark.parametrize(
    ("limit", "served"), [("1", 1), ("100", 100), ("101", 100), ("999999999999999999", 100)]
)
def test_a_limit_above_100_is_served_as_100(limit: str, served: int) -> None:
    assert pagination(1000, limit=limit)["per_page"] == served
    assert query(limit=limit, page="3").offset == 2 * served


@pytest.mark.parametrize(
    ("page", "total", "after", "before"),
    [
        ("1", 0, None, None),
        ("2", 0, None, None),
        ("999999999999999999", 0, None, None),
        ("1", 10, None, None),
        ("1", 11, 2, None),
        ("2", 11, None, 1),
        ("2", 21, 3, 1),
        ("3", 21, None, 2),
        ("4", 21, None, 3),
        ("5", 21, None, 3),
        ("999999999999999999", 21, None, 3),
    ],
)
def test_the_neighbours_of_a_page_have_rows(
    page: str, total: int, after: int | None, before: int | None
) -> None:
    told = pagination(total, page=page, limit="10")
    assert told["current_page"] == int(page)
    assert (told["next_page"], told["prev_page"]) == (after, before)
    assert told["total_pages"] == -(-total // 10)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Siti", "Siti"),
        ("  Siti \t Rahma ", "Siti Rahma"),
        ("", None),
        (" \t ", None),
        ("ab", "ab"),
        ("a" * 100, "a" * 100),
        (f" {'a' * 100} ", "a" * 100),
    ],
)
def test_a_blank_search_is_as_if_absent(given: str, kept: str | None) -> None:
    assert (query(search=given).search or None) == kept


@pytest.mark.parametrize("given", ["a", " a ", "a" * 101, "é"])
def test_a_search_has_2_to_100_characters(given: str) -> None:
    with pytest.raises(ValidationError) as error:
        query(search=given)
    assert details(error.value) == ["search: must be 2 to 100 characters long"]
