from decimal import Decimal

import pytest

from teaching.errors import (
    ApiError,
    BodyTooLarge,
    Fault,
    Forbidden,
    InvalidBody,
    NotFound,
    Unauthorized,
    Unavailable,
)
from teaching.http import envelope
from teaching.http.envelope import Redirect
from teaching.http.pages import Page, PageQuery
from teaching.jsons import dumps

QUERY = PageQuery.model_validate({})


def test_coachings_and_presences_carry_their_pagination_within() -> None:
    content = envelope.page_within(Page([{"id": 1}], 1, QUERY), "success")
    assert list(content) == ["data", "message", "status"]
    assert list(content["data"]) == ["data", "pagination"]
    assert content["data"]["data"] == [{"id": 1}]


def test_submissions_carry_their_pagination_beside() -> None:
    content = envelope.page_beside(Page([{"id": 1}], 1, QUERY), "success")
    assert list(content) == ["data", "message", "status", "pagination"]
    assert content["data"] == [{"id": 1}]
    assert content["status"] is True


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (Unauthorized(), 401, '{"errors":["Unauthorized"],"status":false}'),
        (Forbidden(), 403, '{"errors":["Forbidden"],"status":false}'),
        (NotFound(), 404, '{"errors":["Not found"],"status":false}'),
        (
            InvalidBody("score: must be a number, 0 or more"),
            400,
            '{"errors":["Invalid request body","score: must be a number, 0 or more"],"status":false}',
        ),
        (BodyTooLarge("why"), 413, '{"errors":["Request body too large","why"],"status":false}'),
        (Unavailable(), 503, '{"errors":["Service unavailable"],"status":false}'),
    ],
)
def test_a_failure_says_the_specs_string_first(error: ApiError, status: int, body: str) -> None:
    answer = envelope.failure(error)
    assert (answer["statusCode"], answer["body"]) == (status, body)
    assert answer["headers"]["content-type"] == "application/json"


def test_who_is_unavailable_says_when_to_come_again() -> None:
    assert int(envelope.failure(Unavailable())["headers"]["retry-after"]) > 0


def test_a_fault_of_ours_tells_nothing() -> None:
    answer = envelope.failure(Fault())
    assert answer["statusCode"] == 500
    assert answer["body"] == '{"errors":["Internal server error"],"status":false}'


def test_a_redirect_has_no_body() -> None:
    assert envelope.redirect(Redirect("https://meet.example.com/1")) == {
        "statusCode": 302,
        "headers": {"location": "https://meet.example.com/1"},
        "body": "",
    }


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("90", "90"),
        ("90.0", "90"),
        ("90.5", "90.5"),
        ("9E+1", "90"),
        ("0.00", "0"),
        ("33.33", "33.33"),
        ("1E+14", "1" + "0" * 14),
    ],
)
def test_a_decimal_is_answered_as_a_json_number(number: str, text: str) -> None:
    assert dumps({"score": Decimal(number)}) == f'{{"score":{text}}}'
