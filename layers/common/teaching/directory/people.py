"""The shapes of people and items in answers, and the short copies that sessions and submissions carry.

A copy is JSON text, so that it keeps its key order and costs one attribute. It stands in every row that
shows it, once for each index, so a long one is compressed.
"""

import json
import zlib
from collections.abc import Mapping
from typing import Any

from typing_extensions import TypedDict

from teaching import jsons

Json = Any
"""Whatever the service that owns it put there."""
Copy = str | bytes
"""JSON: text, or compressed by zlib."""

COMPRESSED_FROM = 250
"""Bytes; what is shorter gains too little."""


class Person(TypedDict):
    id: str
    name: str
    email: str
    profile: Json


class ParticipantProfile(TypedDict):
    """`nik` and `npwp` are personal: in details only, and never in a log."""

    id: str
    clasification: str | None
    nik: str | None
    npwp: str | None
    last_education: str | None
    stage: str | None
    start_year: int | None
    province: str | None
    street: str | None
    city: str | None
    postal_code: str | None
    source_joined: str | None
    asesor_id: str | None
    user_id: str
    created_at: str
    updated_at: str


class Participant(Person):
    participant_profile: ParticipantProfile | None


class ItemSummary(TypedDict):
    id: str
    title: str
    category: str


class MaterialItem(TypedDict):
    id: str
    module_id: str
    title: str
    category: str
    sequence: int
    data: Json
    is_published: bool
    created_at: str
    updated_at: str


def person_copy(user: Mapping[str, Any]) -> Copy:
    """From a row of the Users table."""
    person: Person = {
        "id": user["id"],
        "name": user["name"],
        "email": user["email"],
        "profile": json.loads(user["profile"]),
    }
    return _copy(person)


def unknown_person(identity: str) -> Copy:
    """The copy of somebody who is not in the Users table yet; completed when they arrive."""
    person: Person = {"id": identity, "name": "", "email": "", "profile": None}
    return _copy(person)


def item_copy(item: Mapping[str, Any]) -> Copy:
    """From a row of the MaterialItems table."""
    summary: ItemSummary = {"id": item["id"], "title": item["title"], "category": item["category"]}
    return _copy(summary)


def _copy(value: Person | ItemSummary) -> Copy:
    text = jsons.dumps(value)
    content = text.encode()
    return text if len(content) < COMPRESSED_FROM else zlib.compress(content, 9)


def read_copy(copy: Copy) -> Json:
    """What was copied."""
    return json.loads(copy if isinstance(copy, str) else zlib.decompress(copy))


def participant(user: Mapping[str, Any]) -> Participant:
    """From a row of the Users table."""
    return {
        "id": user["id"],
        "name": user["name"],
        "email": user["email"],
        "profile": json.loads(user["profile"]),
        "participant_profile": json.loads(user["participant_profile"]),
    }


def material_item(item: Mapping[str, Any]) -> MaterialItem:
    """From a row of the MaterialItems table."""
    return {
        "id": item["id"],
        "module_id": item["module_id"],
        "title": item["title"],
        "category": item["category"],
        "sequence": item["sequence"],
        "data": json.loads(item["data"]),
        "is_published": item["is_published"],
        "created_at": item["created_at"],
        "updated_at": item["updated_at"],
    }
