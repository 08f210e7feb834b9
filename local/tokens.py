"""Tokens for this machine: `make token ROLE=asesor [SUB=<uuid>]` prints one, valid for 12 hours, or less
where the template's `MaximumTokenHours` is less.

The key is made on first use in `DATA_DIR/token-key`, readable by its owner only, and is what the
local server answers for the secret that the template names. Of an identity provider (`JwksUrl` among
`PARAMETERS`) nobody can make tokens but itself.
"""

import json
import os
import secrets
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from functools import reduce
from pathlib import Path
from typing import Any

import jwt

from local import template
from local.demo import PEOPLE
from local.settings import SettingsError, data_dir, parameters
from local.template import Template
from teaching.http.token import path

_HOURS = 12


def token_key(folder: Path) -> str:
    """The key kept in the folder; made if there is none, by whoever comes first."""
    path = folder / "token-key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # Readable by its owner only, and whole before it has its name.
        with tempfile.NamedTemporaryFile("w", dir=folder, encoding="ascii") as fresh:
            fresh.write(secrets.token_urlsafe(48))
            fresh.flush()
            with suppress(FileExistsError):
                os.link(fresh.name, path)
    return path.read_text(encoding="ascii")


def secret_name(facts: Template) -> str:
    """What the secret with the keys is called, in the account too."""
    return _environment(facts)["TOKEN_SECRET_NAME"]


def secret(facts: Template, key: str) -> dict[str, str]:
    """The secrets that the functions ask for, by name."""
    return {secret_name(facts): json.dumps({"current": key})}


def are_of_provider(facts: Template) -> bool:
    """Whether an identity provider makes the tokens, and not we."""
    return bool(_environment(facts)["JWKS_URL"])


def hours(facts: Template) -> float:
    """How long a token is valid that is made here."""
    return min(_HOURS, float(_environment(facts)["MAXIMUM_TOKEN_HOURS"]))


def token(facts: Template, key: str, role: str, subject: str) -> str:
    told = _environment(facts)
    now = int(time.time())
    claims: dict[str, Any] = {
        "iat": now,
        "exp": now + int(hours(facts) * 3600),
        "iss": told["TOKEN_ISSUER"],
        "aud": told["TOKEN_AUDIENCE"],
    }
    for variable, value in (("TOKEN_SUBJECT_CLAIM", subject), ("TOKEN_ROLE_CLAIM", role)):
        *objects, name = path(told[variable])
        reduce(lambda inside, each: inside.setdefault(each, {}), objects, claims)[name] = value
    return jwt.encode(claims, key, algorithm="HS256")


def _environment(facts: Template) -> Mapping[str, str]:
    """What every function is told."""
    return next(iter(facts.functions.values())).environment


def main() -> int:
    role, subject = os.environ.get("ROLE") or "", os.environ.get("SUB") or ""
    ids = {person.role: person.id for person in PEOPLE}
    if role not in ids:
        print(f"ROLE must be one of {', '.join(ids)}: make token ROLE=asesor", file=sys.stderr)
        return 2
    subject = subject or ids[role]
    if not _is_uuid(subject):
        print(f"SUB must be a lower-case UUID, such as {ids[role]}", file=sys.stderr)
        return 2
    try:
        facts = template.read(**parameters())
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    if are_of_provider(facts):
        print("With a JwksUrl tokens come from your identity provider", file=sys.stderr)
        return 2
    print(token(facts, token_key(data_dir()), role, subject))
    return 0


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


if __name__ == "__main__":
    sys.exit(main())
