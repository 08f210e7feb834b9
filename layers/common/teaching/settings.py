"""What the environment says, read once on first use.

template.yaml sets every variable named here; a missing one is an error that names it, but for one that has a
default.
"""

import os
from dataclasses import dataclass
from functools import cache
from typing import get_type_hints


@dataclass(frozen=True)
class Settings:
    submissions_table: str
    history_table: str
    sessions_table: str
    presences_table: str
    users_table: str
    items_table: str
    tallies_table: str
    search_table: str
    published_table: str
    token_secret_name: str
    token_issuer: str
    token_audience: str
    token_role_claim: str
    token_subject_claim: str
    maximum_token_hours: float
    jwks_url: str = ""
    """Of an identity provider; empty where tokens are signed with the secret's key."""


class MissingSettings(Exception):
    """The environment lacks variables; the message names them all."""


@cache
def settings() -> Settings:
    """Raises `MissingSettings`."""
    types = get_type_hints(Settings)
    given = {name: text for name in types if (text := os.environ.get(name.upper()))}
    missing = [name.upper() for name in types if name not in given and not hasattr(Settings, name)]
    if missing:
        raise MissingSettings(f"not set in the environment: {', '.join(missing)}")
    return Settings(**{name: types[name](text) for name, text in given.items()})
