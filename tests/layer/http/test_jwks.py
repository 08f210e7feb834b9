"""The keys of an identity provider on loopback, and what its tokens may not do."""

import hmac
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from teaching.errors import Unauthorized, Unavailable
from teaching.http import auth, jwks, keys
from teaching.http.auth import Caller, Role, caller_of
from teaching.http.jwks import UNKNOWN_SECONDS, PublishedKeys, fetched, keys_of
from teaching.http.keys import AGAIN_SECONDS, KEYS_SECONDS, METRIC, UnusableKeys
from teaching.limits import JWKS_BYTES
from teaching.settings import settings
from tests import signed
from tests.provider import Provider, issued, providing, public, self_signed
from tests.signed import ABSENT, By, bearing, by_curve, by_rsa, curve_key, part, plain_base64, rsa_key
from tests.support import ASESOR, Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(keys, "time", clock)
    monkeypatch.setattr(jwks, "time", clock)
    return clock


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with providing() as provider:
        yield provider


@pytest.fixture
def provider(store: str, running: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """It publishes a key of each kind, the layer's keys come from there, and no secret is asked for."""
    monkeypatch.setenv("JWKS_URL", running.url)
    monkeypatch.setattr(jwks, "published_keys", PublishedKeys())
    monkeypatch.setattr(auth, "token_keys", lambda: pytest.fail("the secret was asked for"))
    settings.cache_clear()
    running.asked.clear()
    running.publish(*both())
    yield running
    settings.cache_clear()


def both() -> list[dict[str, Any]]:
    return [
        public(by_rsa().key, kid="r", alg="RS256", use="sig"),
        public(by_curve().key, kid="c", alg="ES256", use="sig"),
    ]


def caller(token: str) -> Caller:
    return caller_of(bearing(token))


def refused(token: str) -> None:
    with pytest.raises(Unauthorized) as error:
        caller(token)
    assert error.value.details == ()


each_kind = pytest.mark.parametrize(("make", "kid"), [(by_rsa, "r"), (by_curve, "c")], ids=["RS256", "ES256"])


@each_kind
@pytest.mark.parametrize("role", list(Role))
def test_a_token_of_the_provider_says_who_calls(
    provider: Provider, make: Callable[[], By], kid: str, role: str
) -> None:
    assert caller(issued(make(), kid, role=role)) == Caller(ASESOR, Role(role))


@each_kind
def test_of_all_bad_tokens_none_is_taken(provider: Provider, make: Callable[[], By], kid: str) -> None:
    by = make()
    provider.publish(public(by.key))
    tried = 0
    for name, headers in signed.bad_headers(by):
        tried += 1
        with pytest.raises(Unauthorized):
            pytest.fail(f"{name} is {caller_of(headers)}")
    assert tried > 300
    for good in (by.signed(), by.headed(), by.headed(typ="at+jwt"), by.signed(role=["asesor"])):
        assert caller(good).id == ASESOR


# Confusions: a token may not choose how it is verified.


@pytest.mark.parametrize("make", [by_rsa, by_curve])
def test_a_public_key_is_no_shared_secret(provider: Provider, make: Callable[[], By]) -> None:
    key = make().key.public_key()
    published = next(one for one in both() if one["kty"] == ("RSA" if make is by_rsa else "EC"))
    known = [
        key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).strip(),
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(published).encode(),
        published.get("n", published.get("x", "")).encode(),
        b"",
    ]
    for secret in known:
        for algorithm in ("HS256", make().algorithm):
            for kid in ("r", "c"):
                content = f"{part({'alg': algorithm, 'kid': kid})}.{part(signed.claims())}"
                refused(f"{content}.{plain_base64(hmac.digest(secret, content.encode(), 'sha256'))}")


def test_a_shared_key_is_refused_where_there_is_a_provider(provider: Provider) -> None:
    for kid in ({}, {"kid": "r"}):
        refused(signed.headed(**kid))


def test_a_shared_key_in_the_set_is_none_of_ours(provider: Provider) -> None:
    shared = {"kty": "oct", "k": plain_base64(signed.KEY.encode())}
    provider.publish(shared, {**shared, "kid": "s", "alg": "HS256"}, *both())
    refused(signed.signed())
    refused(signed.headed(kid="s"))


@each_kind
def test_a_provider_is_refused_where_there_is_a_shared_key(
    store: str, monkeypatch: pytest.MonkeyPatch, make: Callable[[], By], kid: str
) -> None:
    pem = make().key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    monkeypatch.setattr(auth, "token_keys", lambda: (signed.KEY, pem))
    monkeypatch.setattr(jwks, "published_keys", lambda: pytest.fail("the provider was asked"))
    refused(make().signed())
    refused(issued(make(), kid))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
def test_an_unsigned_token_is_refused(provider: Provider, algorithm: str) -> None:
    for kid in ({}, {"kid": "r"}):
        content = f"{part({'alg': algorithm} | kid)}.{part(signed.claims())}"
        refused(f"{content}.")
        refused(f"{content}.{plain_base64(b'nothing')}")


def test_a_key_of_another_kind_or_name_is_not_tried(provider: Provider) -> None:
    refused(issued(by_rsa(), "c"))
    refused(issued(by_curve(), "r"))
    refused(issued(by_rsa(), None))
    refused(issued(by_rsa(), ""))
    refused(issued(by_rsa(), "R"))
    refused(issued(by_curve(), "c", {"alg": "RS256"}))
    refused(issued(by_curve(), "r", {"alg": "RS256"}))
    refused(issued(by_rsa(), "r", {"alg": "ES256"}))
    refused(issued(by_rsa(), "c", {"alg": "ES256"}))


def test_other_paddings_and_hashes_of_the_right_key_are_refused(provider: Provider) -> None:
    for algorithm in ("RS384", "RS512", "PS256"):
        refused(signed.sealed({"alg": algorithm, "kid": "r"}, signed.claims(), by_rsa().key, algorithm))
        refused(signed.sealed({"alg": "RS256", "kid": "r"}, signed.claims(), by_rsa().key, algorithm))
    content = f"{part({'alg': 'RS256', 'kid': 'r'})}.{part(signed.claims())}"
    pss = padding.PSS(padding.MGF1(SHA256()), padding.PSS.MAX_LENGTH)
    refused(f"{content}.{plain_base64(by_rsa().key.sign(content.encode(), pss, SHA256()))}")
    der = by_curve().key.sign(content.encode(), ec.ECDSA(SHA256()))
    refused(f"{content}.{plain_base64(der)}")


@pytest.mark.parametrize(
    "signature", [b"", b"\x00" * 64, b"\x00" * 256, b"\xff" * 64, b"\x01" * 63, b"\x01" * 65]
)
def test_a_signature_that_is_none_is_refused(provider: Provider, signature: bytes) -> None:
    """Zeros are the one that some verifiers of ECDSA took for any message (CVE-2022-21449)."""
    for algorithm, kid in (("RS256", "r"), ("ES256", "c")):
        content = f"{part({'alg': algorithm, 'kid': kid})}.{part(signed.claims())}"
        refused(f"{content}.{plain_base64(signature)}")


def test_a_key_that_a_token_brings_or_points_to_is_not_looked_at(provider: Provider) -> None:
    own = By("RS256", by_rsa().stranger, None, ())
    pointers: list[dict[str, Any]] = [
        {"jwk": public(own.key, kid="r")},
        {"jku": provider.url.replace("/keys", "/theirs")},
        {"x5u": provider.url.replace("/keys", "/theirs")},
        {"x5c": ["MIIB"], "x5t": "AA", "x5t#S256": "AA"},
    ]
    for pointer in pointers:
        refused(issued(own, "r", pointer))
        refused(issued(own, "theirs", pointer))
        assert caller(issued(by_rsa(), "r", pointer)).id == ASESOR
    assert set(provider.asked) == {"/keys"}


# Which keys are taken.


def private(key: Any) -> dict[str, Any]:
    kind = ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else RSAAlgorithm
    return dict(kind.to_jwk(key, as_dict=True))


UNUSABLE_KEYS: dict[str, Callable[[], Any]] = {
    "for encryption": lambda: public(by_rsa().key, use="enc"),
    "for something": lambda: public(by_rsa().key, use=""),
    "to sign": lambda: public(by_rsa().key, key_ops=["sign"]),
    "to do nothing": lambda: public(by_rsa().key, key_ops=[]),
    "operations as text": lambda: public(by_rsa().key, key_ops="verify"),
    "small": lambda: public(rsa_key(1024)),
    "almost large enough": lambda: public(rsa_key(2040)),
    "of another hash": lambda: public(by_rsa().key, alg="RS512"),
    "of another padding": lambda: public(by_rsa().key, alg="PS256"),
    "of a key's encryption": lambda: public(by_rsa().key, alg="RSA-OAEP-256"),
    "of none": lambda: public(by_rsa().key, alg="none"),
    "of a secret": lambda: public(by_rsa().key, alg="HS256"),
    "a curve for RSA": lambda: public(by_curve().key, alg="RS256"),
    "RSA for a curve": lambda: public(by_rsa().key, alg="ES256"),
    "another curve": lambda: public(curve_key(ec.SECP384R1)),
    "another curve for this algorithm": lambda: public(curve_key(ec.SECP384R1), alg="ES256"),
    "bitcoin's curve for this algorithm": lambda: public(curve_key(ec.SECP256K1), alg="ES256"),
    "not on the curve": lambda: public(by_curve().key, x=plain_base64(b"\x01" * 32)),
    "an exponent of 1": lambda: public(by_rsa().key, e="AQ"),
    "private": lambda: private(by_rsa().key),
    "private, of a curve": lambda: private(by_curve().key),
    "Edwards": lambda: OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key(), as_dict=True),
    "shared": lambda: {"kty": "oct", "k": plain_base64(signed.KEY.encode())},
    "shared, as RSA": lambda: {"kty": "oct", "k": plain_base64(signed.KEY.encode()), "alg": "RS256"},
    "of no kind": lambda: {"kid": "r"},
    "of an unknown kind": lambda: public(by_rsa().key, kty="rsa"),
    "without a number": lambda: {"kty": "RSA", "e": "AQAB"},
    "no base64": lambda: public(by_rsa().key, n="ä"),
    "empty": lambda: public(by_rsa().key, n=""),
    "zero": lambda: public(by_rsa().key, n="AA"),
    "huge": lambda: public(by_rsa().key, n="_" * 2000),
    "mistyped": lambda: public(by_rsa().key, n=7),
    "named by a number": lambda: public(by_rsa().key, kid=7),
    "named by null": lambda: public(by_rsa().key, kid=None),
    "of a list of algorithms": lambda: public(by_rsa().key, alg=["RS256"]),
    "of a list of uses": lambda: public(by_rsa().key, use=["sig"]),
    "no object": lambda: "RSA",
    "null": lambda: None,
    "a list": lambda: [],
}


@pytest.mark.parametrize("make", UNUSABLE_KEYS.values(), ids=UNUSABLE_KEYS)
def test_a_key_that_is_not_for_us_is_left_out_and_holds_up_no_other(make: Callable[[], Any]) -> None:
    with pytest.raises(UnusableKeys):
        keys_of(json.dumps({"keys": [make()]}).encode())
    found = keys_of(json.dumps({"keys": [make(), *both(), make()]}).encode())
    assert [(key.key_id, key.algorithm_name) for key in found] == [("r", "RS256"), ("c", "ES256")]


def test_a_key_may_do_without_a_name_and_an_algorithm(provider: Provider) -> None:
    """A token that names no key is of one without a name; one that names a key is not."""
    provider.publish(public(by_rsa().key), public(by_curve().key), public(by_rsa().stranger, kid="other"))
    assert caller(issued(by_rsa(), None)).id == ASESOR
    assert caller(issued(by_curve(), None)).id == ASESOR
    refused(issued(by_rsa(), "r"))
    refused(issued(By("RS256", by_rsa().stranger, None, ()), None))


def test_keys_of_one_name_are_all_tried(provider: Provider) -> None:
    another = By("RS256", by_rsa().stranger, None, ())
    twice = [public(each, kid="r") for each in (another.key, by_curve().key, by_rsa().key)]
    provider.publish(*twice)
    for by in (by_rsa(), by_curve(), another):
        assert caller(issued(by, "r")).id == ASESOR
    refused(issued(By("RS256", rsa_key(), None, ()), "r"))


def test_a_larger_key_is_taken(provider: Provider) -> None:
    large = By("RS256", rsa_key(3072), None, ())
    provider.publish(public(large.key, kid="large"))
    assert caller(issued(large, "large")).id == ASESOR


# When keys are fetched.


def test_known_keys_are_fetched_again_when_they_are_old(provider: Provider, clock: Clock) -> None:
    assert caller(issued(by_rsa(), "r"))
    provider.publish(public(by_curve().key, kid="c"))
    clock.now += KEYS_SECONDS
    assert caller(issued(by_rsa(), "r"))
    assert len(provider.asked) == 1
    clock.now += 1
    refused(issued(by_rsa(), "r"))
    assert len(provider.asked) == 2


def test_an_unknown_key_is_looked_for_at_once_but_not_more_often_than_once_a_minute(
    provider: Provider, clock: Clock
) -> None:
    provider.publish(both()[0])
    assert caller(issued(by_rsa(), "r"))
    provider.publish(*both())
    clock.now += UNKNOWN_SECONDS
    for kid in ("c", "made up", "another", ""):
        refused(issued(by_curve(), kid))
    assert len(provider.asked) == 1
    clock.now += 1
    assert caller(issued(by_curve(), "c"))
    assert len(provider.asked) == 2
    for number in range(10):
        refused(issued(by_curve(), f"made up {number}"))
    assert len(provider.asked) == 2


def test_a_first_unknown_key_is_not_looked_for_twice(provider: Provider, clock: Clock) -> None:
    refused(issued(by_rsa(), "made up"))
    assert len(provider.asked) == 1


def test_what_is_no_token_fetches_nothing(provider: Provider) -> None:
    for token in (
        "",
        "a.b.c",
        f"{part([])}.{part({})}.AAAA",
        signed.headed(typ="JWE"),
        signed.headed(crit=["b64"]),
    ):
        refused(token)
    assert provider.asked == []


UNUSABLE: dict[str, tuple[int, bytes]] = {
    "not there": (404, b""),
    "down": (503, b"{}"),
    "elsewhere": (302, b""),
    "for ever elsewhere": (301, b""),
    "nothing": (200, b""),
    "no content": (204, b""),
    "no JSON": (200, b"<html>"),
    "no text": (200, b"\xff\xfe"),
    "deep": (200, b'{"keys":' + b"[" * 5000),
    "a name twice": (200, b'{"keys": [], "keys": []}'),
    "a list": (200, b"[]"),
    "null": (200, b"null"),
    "no keys": (200, b"{}"),
    "an empty set": (200, b'{"keys": []}'),
    "keys by name": (200, b'{"keys": {"r": {}}}'),
    "too large": (200, b'{"keys": []}' + b" " * JWKS_BYTES),
}

each_unusable = pytest.mark.parametrize(("status", "answer"), UNUSABLE.values(), ids=UNUSABLE)


def metrics(said: str) -> list[Any]:
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return [line[METRIC] for line in lines if METRIC in line]


@each_unusable
def test_a_set_that_cannot_be_used_leaves_the_keys_that_are_known(
    provider: Provider,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    status: int,
    answer: bytes,
) -> None:
    assert caller(issued(by_rsa(), "r"))
    provider.status, provider.answer = status, answer
    for _ in range(3):
        clock.now += KEYS_SECONDS + 1
        assert caller(issued(by_rsa(), "r"))
        assert caller(issued(by_curve(), "c"))
        refused(issued(by_rsa(), "unknown"))
    assert provider.asked == ["/keys"] * 4
    (error,) = caplog.records
    assert error.getMessage() == "the JWKS cannot be used: the keys known before stay"
    assert metrics(capsys.readouterr().out) == [[1.0]] * 3
    provider.publish(both()[1])
    clock.now += AGAIN_SECONDS + 1
    refused(issued(by_rsa(), "r"))
    assert caller(issued(by_curve(), "c"))


@each_unusable
def test_without_any_key_nobody_gets_in_and_the_log_says_what_to_do(
    provider: Provider, clock: Clock, caplog: pytest.LogCaptureFixture, status: int, answer: bytes
) -> None:
    provider.status, provider.answer = status, answer
    for _ in range(5):
        with pytest.raises(Unavailable):
            caller(issued(by_rsa(), "r"))
    assert provider.asked == ["/keys"]
    (error,) = caplog.records
    assert error.getMessage() == "the JWKS cannot be used: no token is accepted"
    told = vars(error)
    assert told["jwks_url"] == provider.url
    assert told["reason"]
    assert "jwks_uri" in told["remedy"]
    provider.publish(*both())
    clock.now += AGAIN_SECONDS + 1
    assert caller(issued(by_rsa(), "r"))


def test_a_provider_that_is_away_is_as_one_without_keys(
    provider: Provider, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("JWKS_URL", "http://127.0.0.1:9/keys")
    settings.cache_clear()
    with pytest.raises(Unavailable):
        caller(issued(by_rsa(), "r"))
    (error,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert vars(error)["reason"] == "it cannot be fetched (NewConnectionError)"


def test_an_answer_that_never_ends_is_not_waited_for(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "LONGEST_SECONDS", 0.1)
    monkeypatch.setattr(provider, "trickles", True)
    with pytest.raises(UnusableKeys, match="takes longer"):
        fetched(provider.url)


def test_a_set_may_be_as_large_as_the_limit_and_no_larger(provider: Provider) -> None:
    provider.answer = provider.answer.ljust(JWKS_BYTES)
    assert len(keys_of(fetched(provider.url))) == 2
    provider.answer += b" "
    with pytest.raises(UnusableKeys, match=f"more than {JWKS_BYTES} bytes"):
        fetched(provider.url)


@pytest.mark.parametrize("status", [201, 206, 302, 307, 401, 500])
def test_keys_that_come_with_another_status_are_not_taken(provider: Provider, status: int) -> None:
    provider.status = status
    with pytest.raises(UnusableKeys, match=f"answers {status}"):
        fetched(provider.url)
    assert provider.asked == ["/keys"]


@pytest.mark.parametrize(
    "url",
    [
        "http://auth.teaching.example/keys",
        "http://127.0.0.1.teaching.example/keys",
        "http://127.0.0.1@auth.teaching.example/keys",
        "http://0.0.0.0/keys",
        "http://10.0.0.1/keys",
        "file:///etc/passwd",
        "ftp://127.0.0.1/keys",
        "//127.0.0.1/keys",
        "127.0.0.1/keys",
        "https",
        "",
        "http://[::1",
    ],
)
def test_keys_come_by_https_only_but_from_this_machine(no_network: None, url: str) -> None:
    with pytest.raises(UnusableKeys, match="its address is not one of https"):
        fetched(url)


def test_a_provider_is_who_its_certificate_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = self_signed(tmp_path)
    with providing(certificate) as provider:
        provider.publish(*both())
        with pytest.raises(UnusableKeys, match="SSLError"):
            fetched(provider.url)
        assert provider.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert len(keys_of(fetched(provider.url))) == 2
        with pytest.raises(UnusableKeys, match="SSLError"):
            fetched(provider.url.replace("127.0.0.1", "localhost"))


@pytest.mark.parametrize("url", ["https://", "https://ä\x00/keys", "https:///keys", "https://a:b/keys"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(UnusableKeys):
        fetched(url)


# What providers say.

COGNITO = {
    "cognito:groups": ["asesor", "ap-southeast-3_Ab12_Google"],
    "role": ABSENT,
    "iss": "https://cognito-idp.ap-southeast-3.amazonaws.com/ap-southeast-3_Ab12",
    "aud": ABSENT,
    "client_id": "1example23456789",
    "token_use": "access",
    "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-example",
    "event_id": "64f513be-32db-42b0-b78e-b02127b4f463",
    "scope": "openid profile",
    "version": 2,
    "username": ASESOR,
    "jti": "aaaaaaaa-bbbb-cccc-dddd-example",
}
AUTH0 = {
    "sub": "auth0|6543210fedcba9876543210f",
    "https://teaching.example/id": ASESOR,
    "https://teaching.example/roles": ["asesor"],
    "role": ABSENT,
    "iss": "https://teaching.eu.auth0.com/",
    "aud": ["https://api.teaching.example", "https://teaching.eu.auth0.com/userinfo"],
    "azp": "my_client_id",
    "scope": "openid profile email",
}
KEYCLOAK = {
    "realm_access": {"roles": ["default-roles-teaching", "offline_access", "asesor", "uma_authorization"]},
    "resource_access": {"account": {"roles": ["manage-account", "admin"]}},
    "role": ABSENT,
    "iss": "https://keycloak.example/realms/teaching",
    "aud": ["teaching-api", "account"],
    "azp": "teaching-web",
    "typ": "Bearer",
    "jti": "onrtac:0d0b3cb5-9d9b-4b3c-8f0b-0f0e0d0c0b0a",
    "sid": "0e4e3a0b-5b5c-4f5d-8d6e-7f8091a2b3c4",
    "acr": "1",
    "allowed-origins": ["https://teaching.example"],
}
PROVIDERS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "Cognito": ({"TOKEN_ROLE_CLAIM": "cognito:groups", "TOKEN_AUDIENCE": "1example23456789"}, COGNITO),
    "Auth0": (
        {
            "TOKEN_ROLE_CLAIM": "https://teaching.example/roles",
            "TOKEN_SUBJECT_CLAIM": "https://teaching.example/id",
            "TOKEN_AUDIENCE": "https://api.teaching.example",
        },
        AUTH0,
    ),
    "Keycloak": ({"TOKEN_ROLE_CLAIM": "realm_access.roles"}, KEYCLOAK),
}


@pytest.fixture
def configured(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Any]]:
    """Configures a stack for the provider of the name, whose claims it answers."""

    def configure(name: str) -> dict[str, Any]:
        variables, told = PROVIDERS[name]
        for variable, value in (variables | {"TOKEN_ISSUER": told["iss"]}).items():
            monkeypatch.setenv(variable, value)
        settings.cache_clear()
        return told

    return configure


Configured = Callable[[str], dict[str, Any]]


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_tokens_of_known_providers_are_taken(configured: Configured, name: str) -> None:
    assert caller(issued(by_rsa(), "r", **configured(name))) == Caller(ASESOR, Role.ASESOR)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("Cognito", {"cognito:groups": ABSENT}),
        ("Cognito", {"cognito:groups": ["ap-southeast-3_Ab12_Google"]}),
        ("Cognito", {"cognito:groups": ["admin", "asesor"]}),
        ("Cognito", {"client_id": "2example23456789"}),
        ("Cognito", {"client_id": ["1example23456789"]}),
        ("Cognito", {"client_id": ABSENT}),
        ("Cognito", {"token_use": ABSENT}),
        ("Cognito", {"token_use": "id"}),
        ("Cognito", {"aud": "2example23456789"}),
        ("Cognito", {"aud": None}),
        ("Cognito", {"aud": []}),
        ("Auth0", {"sub": ASESOR, "https://teaching.example/id": ABSENT}),
        ("Auth0", {"aud": "https://teaching.eu.auth0.com/userinfo"}),
        ("Auth0", {"aud": ABSENT, "client_id": "https://api.teaching.example"}),
        ("Auth0", {"iss": "https://teaching.eu.auth0.com"}),
        (
            "Auth0",
            {"https://teaching.example/roles": ABSENT, "https://teaching": {"example/roles": ["asesor"]}},
        ),
        ("Auth0", {"https://teaching.example/roles": ABSENT, "roles": ["asesor"]}),
        ("Keycloak", {"realm_access": ABSENT}),
        ("Keycloak", {"realm_access": ["roles"]}),
        ("Keycloak", {"realm_access": {}}),
        ("Keycloak", {"realm_access": {"roles": {"asesor": True}}}),
        ("Keycloak", {"realm_access": ABSENT, "realm_access.roles": ["asesor"]}),
        ("Keycloak", {"realm_access": {"roles": ["asesor", "participant"]}}),
        ("Keycloak", {"aud": "account"}),
    ],
)
def test_what_they_leave_open_is_not_guessed(
    configured: Configured, name: str, changes: dict[str, Any]
) -> None:
    refused(issued(by_rsa(), "r", **(configured(name) | changes)))


def test_names_of_claims_are_those_of_a_shared_key_too(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "token_keys", lambda: (signed.KEY,))
    monkeypatch.setenv("TOKEN_ROLE_CLAIM", "app.role")
    monkeypatch.setenv("TOKEN_SUBJECT_CLAIM", "user_id")
    settings.cache_clear()
    try:
        token = signed.signed(sub="7", user_id=ASESOR, role=ABSENT, app={"role": "admin"})
        assert caller(token) == Caller(ASESOR, Role.ADMIN)
        refused(signed.signed(app={"role": "admin"}))
        refused(signed.signed(user_id=ASESOR))
    finally:
        settings.cache_clear()
