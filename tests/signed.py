"""Tokens of any make, good and bad, as an Authorization header bears them."""

import base64
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.support import ASESOR

KEY = "a current key of more than 32 bytes"
PREVIOUS = "a previous key of more than 32 bytes"
STRANGERS = "the key of a stranger, long enough it is"

ABSENT = object()
"""In place of a claim: there is none."""

HOUR = 3600
LONGEST = 24 * HOUR


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
    return sealed({"alg": says, "typ": "JWT"}, claims(**changes), key, algorithm)


def headed(**header: Any) -> str:
    """A good token but for what its header says besides the algorithm."""
    return sealed({"alg": "HS256"} | header, claims())


def sealed(header: Any, payload: Any, key: Any = KEY, algorithm: str = "HS256") -> str:
    """Signed, whatever the parts are: text goes in as it is."""
    content = f"{part(header)}.{part(payload)}"
    return f"{content}.{signature(content, key, algorithm)}"


def signature(content: str, key: Any, algorithm: str = "HS256") -> str:
    if not algorithm.startswith("HS"):
        return plain_base64(jwt.get_algorithm_by_name(algorithm).sign(content.encode(), key))
    digest = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}[algorithm]
    return plain_base64(hmac.digest(key.encode(), content.encode(), digest))


def part(value: Any) -> str:
    return plain_base64((value if isinstance(value, str) else json.dumps(value)).encode())


def plain_base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def bearing(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@dataclass(frozen=True)
class By:
    """What tokens are signed with, and what else might be."""

    algorithm: str
    key: Any
    stranger: Any
    others: tuple[str, ...]
    """Algorithms that the key would do for, too."""

    @property
    def of_provider(self) -> bool:
        return not isinstance(self.key, str)

    def signed(self, **changes: Any) -> str:
        return self.sealed({"alg": self.algorithm, "typ": "JWT"}, claims(**changes))

    def headed(self, **header: Any) -> str:
        """A good token but for what its header says besides the algorithm."""
        return self.sealed({"alg": self.algorithm} | header, claims())

    def sealed(self, header: Any, payload: Any) -> str:
        return sealed(header, payload, self.key, self.algorithm)


SHARED = By("HS256", KEY, STRANGERS, ("HS384", "HS512"))


@cache
def by_rsa() -> By:
    return By("RS256", rsa_key(), rsa_key(), ("RS384", "RS512", "PS256"))


@cache
def by_curve() -> By:
    return By("ES256", curve_key(), curve_key(), ())


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def curve_key(curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


MISTYPED: dict[str, list[Any]] = {
    "sub": [7, True, None, [ASESOR], {"id": ASESOR}, "", "budi", ASESOR.upper(), f" {ASESOR}", f"{ASESOR}\n"],
    "role": ["Admin", "admin ", "root", "", 1, True, None, ["admin"], {"admin": True}, "asesor\x00"],
    "exp": ["tomorrow", "4000000000", True, None, [4_000_000_000], {}, 0, -1, 10**400],
    "iat": ["yesterday", "1700000000", True, False, None, [], {}, -1, 1_700_000_000.5],
    "nbf": ["0", "yesterday", True, False, None, [], {}, -1, 0.5, 1e9, 4_000_000_000],
    "iss": ["https://auth.teaching.example/", ["https://auth.teaching.example"], 7, None, True, ""],
    "aud": ["teaching", ["teaching-api"], ["teaching-api", "another"], [], 7, None, True, "", {}],
    "jti": [7, None, True, ["a"]],
}
TAKEN_OF_PROVIDERS = {
    "role": [["admin"]],
    "aud": [["teaching-api"], ["teaching-api", "another"]],
}
"""Of these, what an identity provider may say."""
MISTYPED_OF_PROVIDERS: dict[str, list[Any]] = {
    "role": [
        [],
        ["root"],
        ["admin", "asesor"],
        ["asesor", "asesor"],
        [["admin"]],
        [None],
        [{"role": "admin"}],
    ],
    "aud": [["teaching-api", 7], ["teaching-api", None], ["teaching"], [["teaching-api"]]],
}
HEADERS: dict[str, list[Any]] = {
    "alg": [
        *["none", "None", "NONE", "", "hs256", "HS256", "HS384", "RS256", "ES256", "EdDSA"],
        *[None, 256, ["HS256"]],
    ],
    "typ": [
        "",
        "JWE",
        "JOSE",
        "at+jws",
        "application/jwt",
        "dpop+jwt",
        " JWT",
        "JWT ",
        None,
        7,
        True,
        ["JWT"],
    ],
    "zip": ["DEF", "", None],
    "enc": ["A256GCM", "", None],
    "crit": [["exp"], ["b64"], [], "b64", None],
    "b64": [True, False, None],
    "kid": [7, None, ["a"]],
}
NO_TOKENS = [
    *["", " ", ".", "..", "a.b", "a.b.c", "a.b.c.d", "ä.ö.ü", "\x00", "null", "{}", "=.=.=", "😀.😀.😀"],
    "a" * 20_000,
    "undefined",
]
AROUND = [
    *"=\t\n\r\x00\x0b\x0c\x1c\x1f\x7f\x85 .,;'\"",
    "==",
    "\u00a0",
    "\u2003",
    "\u200b",
    "\ufeff",
    "%20",
    "\r\n",
]
SHAPES: list[Any] = [[], 7, "text", "null", "true", "", "{", "[" * 5000, "\ufeff{}"]
"""In place of an object."""


def bad_headers(by: By = SHARED) -> Iterator[tuple[str, dict[str, str]]]:
    """What no route may take for a caller: a name for it, and the request's headers."""
    good = by.signed()
    header, payload, seal = good.split(".")
    yield "no header", {}
    yield "elsewhere", {"cookie": f"authorization=Bearer {good}", "x-authorization": f"Bearer {good}"}
    yield "two headers", {"authorization": f"Bearer {good}", "Authorization": f"Bearer {good}"}
    yield "two in one", {"authorization": f"Bearer {good},Bearer {good}"}
    for scheme in (
        "",
        "Basic ",
        "Token ",
        "Bearer",
        "Bearer: ",
        "JWT ",
        "Bearer  ",
        "Bearer\t",
        " Bearer ",
        "\nBearer ",
    ):
        yield f"scheme {scheme!r}", {"authorization": scheme + good}
    for text in NO_TOKENS:
        yield f"no token {text[:20]!r}", bearing(text)
    for extra in AROUND:
        yield f"{extra!r} behind", bearing(good + extra)
        yield f"{extra!r} before", bearing(extra + good)
        for number in range(3):
            parts = good.split(".")
            parts[number] += extra
            yield f"{extra!r} in part {number}", bearing(".".join(parts))
    for number, text in enumerate((header, payload, seal)):
        padded = good.replace(text, text + "=" * (-len(text) % 4 or 4))
        yield f"padding of part {number}", bearing(padded)
    yield "bits behind the signature", bearing(good[:-1] + chr(ord(good[-1]) + 1))
    yield "standard base64", bearing(f"{header}.{payload}.{seal[:-2]}+/")
    yield "another's payload", bearing(f"{header}.{part(claims(role='admin'))}.{seal}")
    yield "a changed signature", bearing(f"{good[:-6]}AAAA{good[-2:]}")
    yield "no signature", bearing(f"{header}.{payload}.")
    yield "unsigned", bearing(f"{part({'alg': 'none'})}.{payload}.{seal}")
    yield "a stranger's", bearing(sealed({"alg": by.algorithm}, claims(), by.stranger, by.algorithm))
    for algorithm in by.others:
        key = by.key if by.of_provider else by.key * 2
        yield algorithm, bearing(sealed({"alg": algorithm}, claims(), key, algorithm))
    for name, value in mistyped(by):
        yield f"{name} {str(value)[:30]!r}", bearing(by.signed(**{name: value}))
    for name in ("sub", "role", "exp", "iat", "iss", "aud"):
        absent: dict[str, Any] = {name: ABSENT}
        yield f"without {name}", bearing(by.signed(**absent))
    for name, values in HEADERS.items():
        for value in values:
            if (name, value) != ("alg", by.algorithm):
                yield f"header {name} {value!r}", bearing(by.headed(**{name: value}))
    for shape in SHAPES:
        yield f"header is {str(shape)[:10]}", bearing(by.sealed(shape, claims()))
        yield f"claims are {str(shape)[:10]}", bearing(by.sealed({"alg": by.algorithm}, shape))
    yield from _named_twice(by)
    yield from _out_of_time(by)


def mistyped(by: By) -> Iterator[tuple[str, Any]]:
    for name, values in MISTYPED.items():
        taken = TAKEN_OF_PROVIDERS.get(name, []) if by.of_provider else []
        more = MISTYPED_OF_PROVIDERS.get(name, []) if by.of_provider else []
        yield from ((name, value) for value in [*values, *more] if value not in taken)


def _named_twice(by: By) -> Iterator[tuple[str, dict[str, str]]]:
    text = json.dumps(claims())
    for name, value in claims().items():
        twice = f"{text[:-1]}, {json.dumps(name)}: {json.dumps(value)}}}"
        yield f"{name} twice", bearing(by.sealed({"alg": by.algorithm}, twice))
    deep = f'{text[:-1]}, "more": [{{"a": 1, "a": 1}}]}}'
    yield "a name twice, deep", bearing(by.sealed({"alg": by.algorithm}, deep))
    escaped = f'{text[:-1]}, "\\u0072ole": "admin"}}'
    yield "a name twice, once escaped", bearing(by.sealed({"alg": by.algorithm}, escaped))
    alg = f'"alg": "{by.algorithm}"'
    for header in (
        f"{{{alg}, {alg}}}",
        f'{{"alg": "none", {alg}}}',
        f'{{{alg}, "typ": "JWT", "typ": "JWT"}}',
    ):
        yield header, bearing(by.sealed(header, claims()))


def _out_of_time(by: By) -> Iterator[tuple[str, dict[str, str]]]:
    now = int(time.time())
    times: dict[str, dict[str, Any]] = {
        "expired": {"exp": now - 1},
        "exp is iat": {"iat": now + 50, "exp": now + 50},
        "exp below iat": {"iat": now + 50, "exp": now + 40},
        "valid for too long": {"exp": now + LONGEST + 1},
        "valid for too long, from long ago": {"iat": now - LONGEST, "exp": now + 1},
        "without end": {"exp": 2**53},
        "issued in the future": {"iat": now + 120, "exp": now + 180},
        "not yet": {"nbf": now + 30},
        "a fraction": {"exp": now + 60.5},
        "a float": {"exp": now + 60.0, "iat": now},
        "infinity": {"exp": float("inf")},
        "no number": {"exp": float("nan")},
    }
    for name, changes in times.items():
        yield name, bearing(by.signed(**changes))
