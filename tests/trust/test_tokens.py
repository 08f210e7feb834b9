"""No route takes a bad token, and none looks at anything else of its request."""

from typing import Any

import pytest

from local import template
from local.template import Route
from teaching import dynamo
from teaching.http import auth
from tests import signed
from tests.examples import example
from tests.support import call

TEMPLATE = template.read()
ROUTES = [route for route in TEMPLATE.routes if route.path]

REFUSED = (
    401,
    {"content-type": "application/json", "www-authenticate": "Bearer"},
    '{"errors":["Unauthorized"],"status":false}',
)


@pytest.fixture(autouse=True)
def _keys_and_no_store(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_call(operation: str, **arguments: Any) -> Any:
        raise AssertionError(f"the store was asked for {operation} {arguments}")

    monkeypatch.setattr(auth, "token_keys", lambda: (signed.KEY, signed.PREVIOUS))
    monkeypatch.setattr(dynamo, "call", no_call)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.key)
def test_a_bad_token_is_401_before_anything_else(route: Route) -> None:
    function = TEMPLATE.functions[route.function].module.split(".")[1]
    taken = {}
    tried = 0
    for name, headers in signed.bad_headers():
        tried += 1
        event = example(function, headers=headers, rawQueryString="limit=0&limit=0", body="{")
        event["pathParameters"] = dict.fromkeys(event.get("pathParameters", {}), "malformed")
        answer = call(function, event)
        if (answer.status, answer.headers, answer.text) != REFUSED:
            taken[name] = answer
    assert not taken
    assert tried > 100


def test_each_bad_token_is_bad_for_one_reason() -> None:
    """Otherwise the list would prove nothing: the good ones beside it are taken."""
    for header in ({}, {"typ": "JWT"}, {"typ": "jwt"}, {"typ": "at+jwt"}, {"typ": "AT+JWT"}, {"kid": "one"}):
        assert auth.caller_of(signed.bearing(signed.headed(**header)))
    for changes in (
        {},
        {"nbf": 0},
        {"jti": "a"},
        {"scope": ["b"]},
        {"exp": signed.claims()["iat"] + signed.LONGEST},
    ):
        assert auth.caller_of(signed.bearing(signed.signed(**changes)))
    names = [name for name, _ in signed.bad_headers()]
    assert len(set(names)) == len(names)
