import base64
from http import HTTPStatus

import pytest

from local.payload import Answer, Request, answer, event, refusal
from local.template import Route

ROUTE = Route("Echo", "POST", "/things/{id}")


def request(
    target: str = "/things/1",
    headers: list[tuple[str, str]] | None = None,
    body: bytes = b"",
) -> Request:
    return Request("POST", target, headers or [], body, "HTTP/1.1", "127.0.0.1")


def test_an_event_has_the_documented_shape() -> None:
    made = event(
        request(
            "/things/a%20b?one=1&two=x%20y&one=3&none=",
            [
                ("Host", "127.0.0.1:3000"),
                ("User-Agent", "agent"),
                ("X-Twice", "a"),
                ("x-twice", "b"),
                ("Cookie", "c=1; d=2"),
                ("Content-Type", "application/json; charset=utf-8"),
            ],
            '{"name": "Rén"}'.encode(),
        ),
        ROUTE,
        {"id": "a b"},
        "the-request",
    )
    context = made["requestContext"]
    assert context.pop("time").endswith(" +0000")
    assert isinstance(context.pop("timeEpoch"), int)
    assert made == {
        "version": "2.0",
        "routeKey": "POST /things/{id}",
        "rawPath": "/things/a b",
        "rawQueryString": "one=1&two=x%20y&one=3&none=",
        "cookies": ["c=1", "d=2"],
        "headers": {
            "host": "127.0.0.1:3000",
            "user-agent": "agent",
            "x-twice": "a,b",
            "content-type": "application/json; charset=utf-8",
        },
        "queryStringParameters": {"one": "1,3", "two": "x y", "none": ""},
        "pathParameters": {"id": "a b"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": "127.0.0.1:3000",
            "domainPrefix": "local",
            "http": {
                "method": "POST",
                "path": "/things/a b",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "agent",
            },
            "requestId": "the-request",
            "routeKey": "POST /things/{id}",
            "stage": "$default",
        },
        "body": '{"name": "Rén"}',
        "isBase64Encoded": False,
    }


def test_what_a_request_lacks_its_event_lacks() -> None:
    made = event(request(), ROUTE, {}, "r")
    assert not {"body", "cookies", "queryStringParameters", "pathParameters"} & made.keys()


@pytest.mark.parametrize(
    ("content_type", "is_text"),
    [
        ("application/json", True),
        ("text/plain", True),
        ("TEXT/CSV; header=present", True),
        ("application/xml", True),
        ("application/x-www-form-urlencoded", False),
        ("application/octet-stream", False),
        (None, False),
    ],
)
def test_only_text_types_come_as_text(content_type: str | None, is_text: bool) -> None:
    headers = [("content-type", content_type)] if content_type else []
    made = event(request(headers=headers, body=b"{}"), ROUTE, {}, "r")
    assert made["isBase64Encoded"] is not is_text
    assert made["body"] == ("{}" if is_text else base64.b64encode(b"{}").decode())


def test_a_text_type_that_is_no_text_comes_as_base64() -> None:
    made = event(request(headers=[("content-type", "text/plain")], body=b"\xff"), ROUTE, {}, "r")
    assert (made["body"], made["isBase64Encoded"]) == ("/w==", True)


def test_an_answer_is_taken_as_it_is() -> None:
    result = {
        "statusCode": 302,
        "headers": {"Location": "https://example.com", "X-Number": 7},
        "cookies": ["a=1", "b=2"],
    }
    assert answer(result) == Answer(
        302,
        [
            ("Location", "https://example.com"),
            ("X-Number", "7"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ],
        b"",
    )


def test_a_body_without_a_type_is_plain_text() -> None:
    assert answer({"statusCode": 200, "body": "é"}).headers == [("content-type", "text/plain;charset=UTF-8")]


def test_a_base64_body_is_decoded() -> None:
    assert answer({"statusCode": 200, "body": "/w==", "isBase64Encoded": True}).body == b"\xff"


@pytest.mark.parametrize(
    ("result", "body"), [({"a": 1}, b'{"a": 1}'), ("text", b"text"), (None, b"null"), ([1], b"[1]")]
)
def test_a_result_without_a_status_is_a_body_of_json(result: object, body: bytes) -> None:
    assert answer(result) == Answer(200, [("content-type", "application/json")], body)


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "abc"},
        {"statusCode": 99},
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "headers": {"a": "b\r\nc: d"}},
        {"statusCode": 200, "body": "not base64!", "isBase64Encoded": True},
    ],
)
def test_a_result_that_is_no_answer_is_refused(result: object) -> None:
    with pytest.raises(ValueError):
        answer(result)


def test_a_refusal_is_in_the_envelope() -> None:
    assert refusal(HTTPStatus.NOT_FOUND, "Not found").body == b'{"errors":["Not found"],"status":false}'
