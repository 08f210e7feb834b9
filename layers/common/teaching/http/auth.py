"""Who calls: the bearer token, checked before anything else of a request is judged.

Rights follow the token until it ends: an asesor who became a participant, or was struck off, keeps the
asesor's until then, at most `MAXIMUM_TOKEN_HOURS`. What they may see of others follows the store.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import jwt

from teaching.errors import Unauthorized
from teaching.fields import is_uuid
from teaching.http.keys import token_keys
from teaching.http.token import Expected, bearer_token, check_claims, claim, signed_claims
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
    claims = signed_claims(token, accepted_keys)
    told = settings()
    of_provider = bool(told.jwks_url)
    longest_seconds = told.maximum_token_hours * 3600
    expected = Expected(told.token_issuer, told.token_audience, longest_seconds, of_provider)
    check_claims(claims, expected, time.time())
    subject = claim(claims, told.token_subject_claim)
    if not isinstance(subject, str) or not is_uuid(subject):
        raise Unauthorized()
    role = claim(claims, told.token_role_claim)
    if of_provider and isinstance(role, list):
        role = _only(role)
    if not isinstance(role, str) or role not in set(Role):
        raise Unauthorized()
    return Caller(subject, Role(role))


def accepted_keys(header: Mapping[str, Any] | None = None) -> Sequence[str | jwt.PyJWK]:
    """The keys that a token with this header may be signed with; all without one. They are the identity
    provider's where there is one, else the shared ones, never both. Raises `Unavailable` where none is known.
    """
    if not settings().jwks_url:
        return token_keys()
    # Not imported for a shared key: it needs another layer, and longer to start.
    from teaching.http.jwks import published_keys

    return published_keys() if header is None else published_keys.named(header)


def _only(groups: list[Any]) -> str | None:
    """The one role among a provider's roles or groups, others of which mean nothing here; None where there
    is no such one: somebody who is two things to the provider is none to us.
    """
    roles = [group for group in groups if group in list(Role)]
    return roles[0] if len(roles) == 1 else None


def _authorization(headers: Mapping[str, Any]) -> str:
    """The one Authorization header; API Gateway lower-cases names, `sam local` does not.

    Raises `Unauthorized`.
    """
    given = [value for name, value in headers.items() if name.lower() == "authorization"]
    if len(given) != 1 or not isinstance(given[0], str):
        raise Unauthorized()
    return given[0]
