"""The rules of a bearer token: what is taken, to the character (README, "Tokens"). Pure.

The algorithm is pinned here and never read from the token. PyJWT does the signature; names, types and
times are judged here, for it forgives more than we do.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import jwt

from teaching import jsons
from teaching.errors import Unauthorized

ALGORITHM = "HS256"
CLOCK_SKEW_SECONDS = 60
"""How far ahead of ours the issuer's clock may run in `iat`; `exp` and `nbf` get no such grace."""

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TYPES = {"jwt", "at+jwt"}
_FOREIGN = ("crit", "b64", "zip", "enc")
"""What changes how a token is to be read; we read it in one way."""

_signatures = jwt.PyJWS(algorithms=[ALGORITHM])


@dataclass(frozen=True)
class Expected:
    """What every token must say, and how long it may be valid."""

    issuer: str
    audience: str
    longest_seconds: float


def bearer_token(authorization: str) -> str:
    """The token of an Authorization header: `Bearer`, one space, the compact form and not a character more.

    Raises `Unauthorized`. The scheme's letters may be of any case (RFC 9110, 11.1).
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not _COMPACT.fullmatch(token):
        raise Unauthorized()
    return token


def signed_claims(token: str, keys: Iterable[str]) -> dict[str, Any]:
    """The claims, once one of the keys has signed them; what they say is still to be judged.

    Raises `Unauthorized`.
    """
    for key in keys:
        try:
            signed = _signatures.decode_complete(token, key, algorithms=[ALGORITHM])
        except jwt.InvalidSignatureError:
            continue
        except jwt.InvalidTokenError:
            raise Unauthorized() from None
        _check_header(_object(jwt.utils.base64url_decode(token.partition(".")[0])))
        return _object(signed["payload"])
    raise Unauthorized()


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = jsons.loads(content.decode())
    except (ValueError, RecursionError):
        raise Unauthorized() from None
    if not isinstance(found, dict):
        raise Unauthorized()
    return found


def _check_header(header: dict[str, Any]) -> None:
    if any(name in header for name in _FOREIGN):
        raise Unauthorized()
    if "typ" in header and not (isinstance(header["typ"], str) and header["typ"].lower() in _TYPES):
        raise Unauthorized()


def check_claims(claims: dict[str, Any], expected: Expected, now: float) -> None:
    """Everything but `sub` and `role`, which say who calls. `now` in seconds since 1970.

    Raises `Unauthorized`.
    """
    issued, expires = _seconds(claims, "iat"), _seconds(claims, "exp")
    if issued > now + CLOCK_SKEW_SECONDS or expires <= now:
        raise Unauthorized()
    if not 0 < expires - issued <= expected.longest_seconds:
        raise Unauthorized()
    if "nbf" in claims and _seconds(claims, "nbf") > now:
        raise Unauthorized()
    if claims.get("iss") != expected.issuer or claims.get("aud") != expected.audience:
        raise Unauthorized()
    if not isinstance(claims.get("jti", ""), str):
        raise Unauthorized()


def _seconds(claims: dict[str, Any], name: str) -> int:
    """A whole number, 0 or more: no fraction, no text, and `true` is not 1."""
    value = claims.get(name)
    if type(value) is not int or value < 0:
        raise Unauthorized()
    return value
