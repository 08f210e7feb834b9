"""Who calls: the bearer token, checked before anything else of a request is judged.

Rights follow the token until it ends: an asesor who became a participant, or was struck off, keeps the
asesor's until then, at most `MAXIMUM_TOKEN_HOURS`. What they may see of others follows the store.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from teaching.errors import Unauthorized
from teaching.fields import is_uuid
from teaching.http.keys import token_keys
from teaching.http.token import Expected, bearer_token, check_claims, signed_claims
from teaching.settings import settings


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
    def sees_only(self) -> str | None:
        """The asesor whose records alone the caller may see; None for an admin, who sees all."""
        return None if self.role is ADMIN else self.id


def caller_of(headers: Mapping[str, Any]) -> Caller:
    """Raises `Unauthorized`; `Unavailable` when no key is known to check the token with."""
    token = bearer_token(_authorization(headers))
    claims = signed_claims(token, token_keys())
    told = settings()
    expected = Expected(told.token_issuer, told.token_audience, told.maximum_token_hours * 3600)
    check_claims(claims, expected, time.time())
    subject, role = claims.get("sub"), claims.get("role")
    if not isinstance(subject, str) or not is_uuid(subject):
        raise Unauthorized()
    if not isinstance(role, str) or role not in set(Role):
        raise Unauthorized()
    return Caller(subject, Role(role))


def _authorization(headers: Mapping[str, Any]) -> str:
    """The one Authorization header; API Gateway lower-cases names, `sam local` does not.

    Raises `Unauthorized`.
    """
    given = [value for name, value in headers.items() if name.lower() == "authorization"]
    if len(given) != 1 or not isinstance(given[0], str):
        raise Unauthorized()
    return given[0]
