import time
from typing import Any

import pytest

from teaching.errors import Unauthorized
from teaching.http import auth
from teaching.http.auth import Caller, Role, caller_of
from teaching.http.token import CLOCK_SKEW_SECONDS
from tests.signed import (
    ABSENT,
    KEY,
    LONGEST,
    PREVIOUS,
    STRANGERS,
    bad_headers,
    bearing,
    claims,
    headed,
    part,
    plain_base64,
    signature,
    signed,
)
from tests.support import ASESOR


@pytest.fixture(autouse=True)
def _keys(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "token_keys", lambda: (KEY, PREVIOUS))


def refused(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthorized) as error:
        caller_of(headers)
    assert error.value.details == ()


@pytest.mark.parametrize("role", ["admin", "asesor", "participant"])
def test_a_token_says_who_calls(role: str) -> None:
    assert caller_of(bearing(signed(role=role))) == Caller(ASESOR, Role(role))


@pytest.mark.parametrize("claim", ["sub", "role", "exp", "iat", "iss", "aud"])
def test_every_claim_is_required(claim: str) -> None:
    for missing in (ABSENT, None):
        changed: dict[str, Any] = {claim: missing}
        refused(bearing(signed(**changed)))


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("sub", 7),
        ("sub", [ASESOR]),
        ("sub", ""),
        ("sub", "budi"),
        ("sub", ASESOR.upper()),
        ("sub", f" {ASESOR}"),
        ("sub", f"{ASESOR}\n"),
        ("role", "Admin"),
        ("role", "admin "),
        ("role", "root"),
        ("role", ""),
        ("role", 1),
        ("role", True),
        ("role", ["admin"]),
        ("role", {"admin": True}),
        ("exp", "tomorrow"),
        ("exp", "4000000000"),
        ("exp", 4_000_000_000.5),
        ("exp", True),
        ("exp", [4_000_000_000]),
        ("exp", 0),
        ("exp", -1),
        ("iat", "yesterday"),
        ("iat", "1700000000"),
        ("iat", 1_700_000_000.5),
        ("iat", True),
        ("iat", []),
        ("iss", "https://auth.teaching.example/"),
        ("iss", ["https://auth.teaching.example"]),
        ("iss", 7),
        ("aud", "teaching"),
        ("aud", ["teaching-api"]),
        ("aud", ["teaching-api", "another"]),
        ("aud", []),
        ("aud", 7),
        ("nbf", 4_000_000_000),
    ],
)
def test_a_claim_that_is_wrong_or_mistyped_is_refused(claim: str, value: Any) -> None:
    refused(bearing(signed(**{claim: value})))


def test_a_token_expired_by_a_second_is_refused() -> None:
    refused(bearing(signed(exp=int(time.time()) - 1)))


def test_a_token_of_the_future_is_refused_beyond_the_clocks_skew() -> None:
    ahead = int(time.time()) + CLOCK_SKEW_SECONDS
    assert caller_of(bearing(signed(iat=ahead - 5, exp=ahead + 60)))
    refused(bearing(signed(iat=ahead + 5, exp=ahead + 60)))


def test_the_previous_key_is_accepted_and_a_strangers_is_not() -> None:
    assert caller_of(bearing(signed(PREVIOUS))).id == ASESOR
    refused(bearing(signed(STRANGERS)))


def test_an_expired_token_of_the_previous_key_is_refused() -> None:
    refused(bearing(signed(PREVIOUS, exp=int(time.time()) - 1)))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_an_unsigned_token_is_refused(algorithm: str) -> None:
    content = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims())}"
    refused(bearing(f"{content}."))
    refused(bearing(f"{content}.{plain_base64(b'nothing')}"))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "hs256"])
def test_the_algorithm_is_pinned_whatever_the_token_says(algorithm: str) -> None:
    refused(bearing(signed(says=algorithm)))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_with_the_right_key_is_refused(algorithm: str) -> None:
    refused(bearing(signed(KEY * 2, algorithm=algorithm, says=algorithm)))


@pytest.mark.parametrize(
    "header", [{"typ": "JWT"}, {"alg": None}, {"alg": ["HS256"]}, {"alg": 256}, [], 7, None]
)
def test_a_header_without_an_algorithm_is_refused(header: Any) -> None:
    content = f"{part(header)}.{part(claims())}"
    refused(bearing(f"{content}.{signature(content, KEY)}"))


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "a.b",
        "a.b.c.d",
        "ä.ö.ü",
        "\x00",
        "null",
        "{}",
        "a" * 20_000,
        "😀.😀.😀",
        "=.=.=",
    ],
)
def test_what_is_no_token_is_refused(token: str) -> None:
    refused(bearing(token))


@pytest.mark.parametrize("payload", [[], 7, "text", None, True])
def test_claims_that_are_no_object_are_refused(payload: Any) -> None:
    content = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(payload)}"
    refused(bearing(f"{content}.{signature(content, KEY)}"))


def test_a_changed_token_is_refused() -> None:
    header, _, sealed = signed().split(".")
    refused(bearing(f"{header}.{part(claims(role='admin'))}.{sealed}"))
    refused(bearing(f"{signed()[:-4]}AAAA"))


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION", "aUTHORIZATION"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_neither_the_headers_nor_the_schemes_case_matters(name: str, scheme: str) -> None:
    assert caller_of({"x-other": "7", name: f"{scheme} {signed()}"}).id == ASESOR


@pytest.mark.parametrize("before", ["", "Basic ", "Token ", "Bearer", "Bearer: ", "JWT "])
def test_only_the_bearer_scheme_is_accepted(before: str) -> None:
    refused({"authorization": before + signed()})


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": ""}, {"authorization": "Bearer"}, {"authorization": "Bearer  "}]
)
def test_no_token_is_refused(headers: dict[str, str]) -> None:
    refused(headers)


def test_a_token_elsewhere_is_not_looked_for() -> None:
    refused({"cookie": f"authorization=Bearer {signed()}", "x-authorization": f"Bearer {signed()}"})


def test_of_all_bad_tokens_none_is_taken() -> None:
    for name, headers in bad_headers():
        with pytest.raises(Unauthorized) as error:
            pytest.fail(f"{name} is {caller_of(headers)}")
        assert error.value.details == ()


@pytest.mark.parametrize("kind", [None, "JWT", "jwt", "at+jwt", "AT+JWT", "At+Jwt"])
def test_a_type_may_be_given(kind: str | None) -> None:
    assert caller_of(bearing(headed(typ=kind) if kind else headed())).id == ASESOR


def test_a_token_is_valid_for_as_long_as_the_template_says_and_no_longer() -> None:
    now = int(time.time())
    assert caller_of(bearing(signed(iat=now, exp=now + LONGEST)))
    refused(bearing(signed(iat=now, exp=now + LONGEST + 1)))
    assert caller_of(bearing(signed(iat=now - LONGEST + 60, exp=now + 60)))


@pytest.mark.parametrize("past", [0, 1, 1_700_000_000])
def test_a_token_may_say_since_when_it_is_valid(past: int) -> None:
    assert caller_of(bearing(signed(nbf=past)))
