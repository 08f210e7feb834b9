"""No route takes a bad token, and none looks at anything else of its request."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from local import template
from local.template import Route
from teaching import dynamo
from teaching.http import auth, jwks
from teaching.settings import settings
from tests import signed
from tests.examples import example
from tests.provider import public
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


@pytest.mark.parametrize("make", [signed.by_rsa, signed.by_curve], ids=["RS256", "ES256"])
def test_nor_is_a_bad_one_of_an_identity_provider_taken(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], signed.By]
) -> None:
    """On one route: which keys there are makes no difference to what a route does."""
    by = make()
    published = jwks.PublishedKeys()
    content = json.dumps({"keys": [public(by.key)]}).encode()
    monkeypatch.setattr(jwks, "fetched", lambda url: content)
    monkeypatch.setattr(jwks, "published_keys", published)
    monkeypatch.setattr(
        auth, "settings", lambda: replace(settings(), jwks_url="https://auth.teaching.example")
    )
    taken = {}
    tried = 0
    for name, headers in signed.bad_headers(by):
        tried += 1
        answer = call("get_statistics", example("get_statistics", headers=headers))
        if (answer.status, answer.headers, answer.text) != REFUSED:
            taken[name] = answer
    assert not taken
    assert tried > 300
    assert auth.caller_of(signed.bearing(by.signed()))


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
