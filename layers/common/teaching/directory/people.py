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
    """Of the user."""
    name: str
    """Empty while the user is not known here yet."""
    email: str
    """Empty while the user is not known here yet."""
    profile: Json
    """Whatever the service that owns users keeps there, or null."""


class ParticipantProfile(TypedDict):
    """`nik` and `npwp` are personal: in details only, and never in a log."""

    id: str
    """Of the profile; the participant's own is `user_id`."""
    clasification: str | None
    """The class of the business, such as `go_digital`; spelt as its service spells it."""
    nik: str | None
    """Number of the identity card."""
    npwp: str | None
    """Taxpayer number."""
    last_education: str | None
    """Highest degree."""
    stage: str | None
    """Stage of the programme, such as `regional`."""
    start_year: int | None
    """Year in which the business began."""
    province: str | None
    """Of the business, as are street, city and postal code."""
    street: str | None
    """With its number."""
    city: str | None
    """City or regency."""
    postal_code: str | None
    """As text: it may begin with 0."""
    source_joined: str | None
    """How the participant heard of the programme."""
    asesor_id: str | None
    """The participant's asesor, who may see and grade their submissions; null when there is none."""
    user_id: str
    """The participant."""
    created_at: str
    """When its service made it."""
    updated_at: str
    """When its service last changed it."""


class Participant(Person):
    participant_profile: ParticipantProfile | None
    """Null when the user has none."""


class ItemSummary(TypedDict):
    id: str
    """Of the item."""
    title: str
    """As participants see it."""
    category: str
    """What kind of item it is, such as `quiz` or `assignment`."""


class MaterialItem(TypedDict):
    id: str
    """Of the item."""
    module_id: str
    """The module of the course that it belongs to."""
    title: str
    """As participants see it."""
    category: str
    """What kind of item it is, such as `quiz` or `assignment`."""
    sequence: int
    """Its place in the module."""
    data: Json
    """The content, as its service keeps it: a quiz's questions, with which option is right."""
    is_published: bool
    """Whether participants can see it."""
    created_at: str
    """When its service made it."""
    updated_at: str
    """When its service last changed it."""


def person_copy(user: Mapping[str, Any]) -> Copy:
    """From a row of the table of users."""
    person: Person = {
        "id": user["id"],
        "name": user["name"],
        "email": user["email"],
        "profile": json.loads(user["profile"]),
    }
    return _copy(person)


def unknown_person(identity: str) -> Copy:
    """The copy of somebody who is not in the table of users yet; completed when they arrive."""
    person: Person = {"id": identity, "name": "", "email": "", "profile": None}
    return _copy(person)


def item_copy(item: Mapping[str, Any]) -> Copy:
    """From a row of the table of items."""
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
    """From a row of the table of users."""
    return {
        "id": user["id"],
        "name": user["name"],
        "email": user["email"],
        "profile": json.loads(user["profile"]),
        "participant_profile": json.loads(user["participant_profile"]),
    }


def material_item(item: Mapping[str, Any]) -> MaterialItem:
    """From a row of the table of items."""
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
