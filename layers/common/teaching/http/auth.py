"""Who calls: the bearer token, checked before anything else of a request is judged.

A token carries `sub` (the user's UUID), `role`, `exp`, `iat`, `iss` and `aud`, all required and
strictly typed (contract, "Who may do what"). It is signed with HS256; the algorithm is pinned here
and never read from the token. The keys are in Secrets Manager as
`{"current": "…", "previous": "…"}`: both are accepted, so a key is rotated by publishing the new
one and waiting `KEYS_SECONDS` before the issuer signs with it.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import botocore.session
import jwt
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from teaching.errors import Unauthorized, Unavailable
from teaching.http.fields import is_uuid
from teaching.settings import settings

ALGORITHM = "HS256"
KEY_BYTES = 32
KEYS_SECONDS = 300
CLOCK_SKEW_SECONDS = 60
"""How far ahead of ours the issuer's clock may run; an expiry gets no such grace."""


class Role(StrEnum):
    ADMIN = "admin"
    ASESOR = "asesor"
    PARTICIPANT = "participant"


ADMIN, ASESOR, PARTICIPANT = Role


@dataclass(frozen=True)
class Caller:
    id: str
    role: Role

    @property
    def own(self) -> str | None:
        """The asesor whose records alone the caller may see; None for an admin, who sees all."""
        return None if self.role is ADMIN else self.id


class WeakKey(Exception):
    """The secret holds no key of at least `KEY_BYTES` bytes."""


class _Keys:
    """The accepted keys, fetched again every `KEYS_SECONDS`, or kept when they cannot be."""

    def __init__(self) -> None:
        self._kept: tuple[float, tuple[str, ...]] = (float("-inf"), ())

    def __call__(self) -> tuple[str, ...]:
        fetched, keys = self._kept
        if time.monotonic() - fetched > KEYS_SECONDS:
            try:
                keys = _fetch_keys(settings().token_secret_name)
            except Unavailable:
                if not keys:
                    raise
            self._kept = (time.monotonic(), keys)
        return keys


token_keys = _Keys()


def _fetch_keys(secret: str) -> tuple[str, ...]:
    client: Any = botocore.session.get_session().create_client(
        "secretsmanager",
        config=Config(
            connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3}
        ),
    )
    try:
        stored = json.loads(client.get_secret_value(SecretId=secret)["SecretString"])
    except (BotoCoreError, ClientError) as error:
        raise Unavailable() from error
    keys = tuple(stored[name] for name in ("current", "previous") if stored.get(name))
    if not keys or any(len(key.encode()) < KEY_BYTES for key in keys):
        raise WeakKey(f"{secret}: a key needs at least {KEY_BYTES} bytes")
    return keys


def caller_of(headers: Mapping[str, str]) -> Caller:
    """Raises `Unauthorized`; `Unavailable` when the keys cannot be fetched."""
    scheme, _, token = bearer(headers).partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized()
    claims = _claims(token.strip())
    subject, role = claims["sub"], claims["role"]
    if not isinstance(subject, str) or not is_uuid(subject):
        raise Unauthorized()
    if not isinstance(role, str) or role not in set(Role):
        raise Unauthorized()
    return Caller(subject, Role(role))


def bearer(headers: Mapping[str, str]) -> str:
    """The Authorization header; API Gateway lower-cases names, `sam local` does not."""
    return next((value for name, value in headers.items() if name.lower() == "authorization"), "")


def _claims(token: str) -> dict[str, Any]:
    for key in token_keys():
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=settings().token_issuer,
                audience=settings().token_audience,
                options={
                    "require": ["sub", "role", "exp", "iat", "iss", "aud"],
                    "strict_aud": True,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidSignatureError:
            continue
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError):
            raise Unauthorized() from None
        if any(type(claims[name]) is not int for name in ("exp", "iat")):
            raise Unauthorized()
        if claims["iat"] > time.time() + CLOCK_SKEW_SECONDS:
            raise Unauthorized()
        return claims
    raise Unauthorized()
