import base64
import hmac
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local.aws import StandIn
from local.gateway import Gateway
from local.template import Template
from teaching.errors import Unauthorized, Unavailable
from teaching.http import auth
from teaching.http.auth import Caller, Role, caller_of
from tests.support import ASESOR

KEY = "a current key of more than 32 bytes"
PREVIOUS = "a previous key of more than 32 bytes"
STRANGERS = "the key of a stranger, long enough it is"

ABSENT = object()
"""In place of a claim: there is none."""


@pytest.fixture(autouse=True)
def _keys(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "token_keys", lambda: (KEY, PREVIOUS))


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    usual = {
        "sub": ASESOR,
        "role": "asesor",
        "iat": now,
        "exp": now + 60,
        "iss": "https://auth.teaching.example",
        "aud": "teaching-api",
    }
    return {name: value for name, value in (usual | changes).items() if value is not ABSENT}


def signed(key: str = KEY, *, algorithm: str = "HS256", says: str = "HS256", **changes: Any) -> str:
    """A token of these claims, whatever PyJWT would think of their types; its header may lie."""
    content = f"{part({'alg': says, 'typ': 'JWT'})}.{part(claims(**changes))}"
    return f"{content}.{signature(content, key, algorithm)}"


def signature(content: str, key: str, algorithm: str = "HS256") -> str:
    digest = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}[algorithm]
    return plain_base64(hmac.digest(key.encode(), content.encode(), digest))


def part(value: Any) -> str:
    return plain_base64(json.dumps(value).encode())


def plain_base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def bearing(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


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
    ahead = int(time.time()) + auth.CLOCK_SKEW_SECONDS
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


@pytest.fixture
def secret(facts: Template, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What Secrets Manager holds, by name; served over HTTP as AWS would."""
    held: dict[str, str] = {}
    gateway = Gateway(0, facts, lambda name, event: None, StandIn(held, tmp_path), {})
    thread = threading.Thread(target=gateway.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", gateway.url)
    yield held
    gateway.shutdown()
    thread.join()
    gateway.server_close()


NAME = "teaching/token-key"


@pytest.mark.parametrize(
    ("stored", "keys"),
    [
        ({"current": KEY}, (KEY,)),
        ({"current": KEY, "previous": None}, (KEY,)),
        ({"current": KEY, "previous": PREVIOUS}, (KEY, PREVIOUS)),
        ({"current": "ä" * 16}, ("ä" * 16,)),
    ],
)
def test_the_keys_come_from_the_secret(
    secret: dict[str, str], stored: dict[str, str], keys: tuple[str, ...]
) -> None:
    secret[NAME] = json.dumps(stored)
    assert auth._Keys()() == keys


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"current": ""},
        {"current": None},
        {"current": "a" * 31},
        {"current": KEY, "previous": "weak"},
        {"current": "weak", "previous": PREVIOUS},
    ],
)
def test_a_key_of_fewer_than_32_bytes_is_refused(secret: dict[str, str], stored: dict[str, str]) -> None:
    secret[NAME] = json.dumps(stored)
    with pytest.raises(auth.WeakKey) as error:
        auth._Keys()()
    assert all(key not in str(error.value) for key in (KEY, PREVIOUS, "weak"))


def test_the_keys_are_fetched_again_when_they_are_old(
    secret: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 1000.0
    monkeypatch.setattr("teaching.http.auth.time", SimpleNamespace(monotonic=lambda: clock))
    keys = auth._Keys()
    secret[NAME] = json.dumps({"current": PREVIOUS})
    assert keys() == (PREVIOUS,)
    secret[NAME] = json.dumps({"current": KEY, "previous": PREVIOUS})
    clock += auth.KEYS_SECONDS
    assert keys() == (PREVIOUS,)
    clock += 1
    assert keys() == (KEY, PREVIOUS)


def test_without_its_secret_the_service_is_unavailable(secret: dict[str, str]) -> None:
    with pytest.raises(Unavailable):
        auth._Keys()()
