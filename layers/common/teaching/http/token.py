"""The rules of a bearer token: what is taken, to the character (README, "Tokens"). Pure.

A key has one algorithm, which is never read from the token: a shared key `ALGORITHM`, a published one its
own. PyJWT does the signature; names, types and times are judged here, for it forgives more than we do.
"""

import re
from collections.abc import Callable, Iterable
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
    of_provider: bool = False
    """Whether an identity provider makes them, which says in other ways whom a token is for."""


def bearer_token(authorization: str) -> str:
    """The token of an Authorization header: `Bearer`, one space, the compact form and not a character more.

    Raises `Unauthorized`. The scheme's letters may be of any case (RFC 9110, 11.1).
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not _COMPACT.fullmatch(token):
        raise Unauthorized()
    return token


def signed_claims(
    token: str, keys_for: Callable[[dict[str, Any]], Iterable[str | jwt.PyJWK]]
) -> dict[str, Any]:
    """The claims, once one of the keys for the token's header has signed them; what they say is still to be
    judged.

    Raises `Unauthorized`, and what `keys_for` raises.
    """
    header = _object(_decoded(token.partition(".")[0]))
    _check_header(header)
    for key in keys_for(header):
        algorithm = key.algorithm_name if isinstance(key, jwt.PyJWK) else ALGORITHM
        try:
            payload = _signatures.decode(token, key, algorithms=[algorithm])
        except jwt.InvalidSignatureError:
            continue
        except jwt.InvalidTokenError:
            raise Unauthorized() from None
        return _object(payload)
    raise Unauthorized()


def _decoded(part: str) -> bytes:
    try:
        return jwt.utils.base64url_decode(part)
    except ValueError:
        raise Unauthorized() from None


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
    if claims.get("iss") != expected.issuer or not _is_for(claims, expected):
        raise Unauthorized()
    if not isinstance(claims.get("jti", ""), str):
        raise Unauthorized()


def _is_for(claims: dict[str, Any], expected: Expected) -> bool:
    """Whether the audience is the expected one; of a provider's token, whether it is among several (RFC 7519,
    4.1.3). Cognito's access tokens have none, and name the client that they were made for.
    """
    audience = claims.get("aud")
    if expected.of_provider and isinstance(audience, list):
        return expected.audience in audience and all(isinstance(each, str) for each in audience)
    if expected.of_provider and "aud" not in claims and claims.get("token_use") == "access":
        audience = claims.get("client_id")
    return bool(audience == expected.audience)


def claim(claims: dict[str, Any], name: str) -> Any:
    """The claim of that name (`path`), None where there is none."""
    value: Any = claims
    for part in path(name):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def path(name: str) -> list[str]:
    """Where the claim of a configured name is: a dot leads into an object (`realm_access.roles`), but not in
    a name with a colon (`cognito:groups`, `https://teaching.example/role`).
    """
    return [name] if ":" in name else name.split(".")


def _seconds(claims: dict[str, Any], name: str) -> int:
    """A whole number, 0 or more: no fraction, no text, and `true` is not 1."""
    value = claims.get(name)
    if type(value) is not int or value < 0:
        raise Unauthorized()
    return value
