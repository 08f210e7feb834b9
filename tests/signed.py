"""Tokens of any make, good and bad, as an Authorization header bears them."""

import base64
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

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


def sealed(header: Any, payload: Any, key: str = KEY, algorithm: str = "HS256") -> str:
    """Signed, whatever the parts are: text goes in as it is."""
    content = f"{part(header)}.{part(payload)}"
    return f"{content}.{signature(content, key, algorithm)}"


def signature(content: str, key: str, algorithm: str = "HS256") -> str:
    digest = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}[algorithm]
    return plain_base64(hmac.digest(key.encode(), content.encode(), digest))


def part(value: Any) -> str:
    return plain_base64((value if isinstance(value, str) else json.dumps(value)).encode())


def plain_base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def bearing(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


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
HEADERS: dict[str, list[Any]] = {
    "alg": ["none", "None", "NONE", "", "hs256", "HS384", "RS256", "ES256", "EdDSA", None, 256, ["HS256"]],
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


def bad_headers() -> Iterator[tuple[str, dict[str, str]]]:
    """What no route may take for a caller: a name for it, and the request's headers."""
    good = signed()
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
    yield "a stranger's", bearing(signed(STRANGERS))
    for algorithm in ("HS384", "HS512"):
        yield algorithm, bearing(signed(KEY * 2, algorithm=algorithm, says=algorithm))
    for name, values in MISTYPED.items():
        for value in values:
            yield f"{name} {str(value)[:30]!r}", bearing(signed(**{name: value}))
    for name in ("sub", "role", "exp", "iat", "iss", "aud"):
        absent: dict[str, Any] = {name: ABSENT}
        yield f"without {name}", bearing(signed(**absent))
    for name, values in HEADERS.items():
        for value in values:
            yield f"header {name} {value!r}", bearing(headed(**{name: value}))
    for shape in SHAPES:
        yield f"header is {str(shape)[:10]}", bearing(sealed(shape, claims()))
        yield f"claims are {str(shape)[:10]}", bearing(sealed({"alg": "HS256"}, shape))
    yield from _named_twice()
    yield from _out_of_time()


def _named_twice() -> Iterator[tuple[str, dict[str, str]]]:
    text = json.dumps(claims())
    for name, value in claims().items():
        twice = f"{text[:-1]}, {json.dumps(name)}: {json.dumps(value)}}}"
        yield f"{name} twice", bearing(sealed({"alg": "HS256"}, twice))
    deep = f'{text[:-1]}, "more": [{{"a": 1, "a": 1}}]}}'
    yield "a name twice, deep", bearing(sealed({"alg": "HS256"}, deep))
    escaped = f'{text[:-1]}, "\\u0072ole": "admin"}}'
    yield "a name twice, once escaped", bearing(sealed({"alg": "HS256"}, escaped))
    for header in ('{"alg": "HS256", "alg": "HS256"}', '{"alg": "none", "alg": "HS256"}'):
        yield header, bearing(sealed(header, claims()))
    yield "typ twice", bearing(sealed('{"alg": "HS256", "typ": "JWT", "typ": "JWT"}', claims()))


def _out_of_time() -> Iterator[tuple[str, dict[str, str]]]:
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
        yield name, bearing(signed(**changes))
