"""Versions of rows as clients see them: ETag tells one, If-Match asks for one (RFC 9110, 8.8.3, 13.1.1)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from teaching.errors import InvalidHeaders, PreconditionFailed

Data = TypeVar("Data")

_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_TAKEN = "\n"
"""In place of a tag that was read: no header holds one."""


class Versioned(dict[str, Any]):
    """The data of an answer, which knows the version of the row that it was made of."""

    version: int


def versioned(data: Data, stored: Mapping[str, Any]) -> Data:
    """Data made of a row, as `Versioned`."""
    known = Versioned(cast(Mapping[str, Any], data))
    known.version = stored["version"]
    return cast(Data, known)


def entity_tag(version: int) -> str:
    return f'"{version}"'


@dataclass(frozen=True)
class IfMatch:
    """The versions of which a row may be for a request to change it."""

    tags: frozenset[str] | None = None
    """None: any."""

    def check(self, stored: Mapping[str, Any]) -> None:
        """Raises `PreconditionFailed` when the row is of another version."""
        if self.tags is not None and entity_tag(stored["version"]) not in self.tags:
            raise PreconditionFailed(f"If-Match: it is of version {entity_tag(stored['version'])}")


ANY_VERSION = IfMatch()


def if_match(headers: Mapping[str, Any]) -> IfMatch:
    """What the header asks for; a weak tag never matches. Raises `InvalidHeaders` when it is malformed."""
    given = [value for name, value in headers.items() if name.lower() == "if-match"]
    if not given:
        return ANY_VERSION
    text = ",".join(map(str, given))
    if text.strip() == "*":
        return ANY_VERSION
    tags = frozenset(_TAG.findall(text))
    # A list may have empty members, and commas within its tags.
    members = {member.strip(" \t") for member in _TAG.sub(_TAKEN, text).split(",")}
    if not tags or not members <= {_TAKEN, ""}:
        raise InvalidHeaders('If-Match: must be * or entity tags in quotes, as in "5"')
    return IfMatch(tags)
