"""Users and material items in DynamoDB: what came in, and what the search knows of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from teaching import dynamo, jsons
from teaching.directory import search
from teaching.directory.search import Document, normalised
from teaching.dynamo import Item
from teaching.records import ItemRecord, UserRecord
from teaching.settings import settings


def save_user(record: UserRecord) -> None:
    """Takes a record in. A user has no `updated_at` but their profile's: an older profile changes nothing.

    One that comes without a profile may be older or newer than the stored one, which it leaves as it is.
    """
    profile = record.participant_profile

    def read_and_write() -> None:
        stored = dynamo.get(settings().users_table, {"id": record.id}, consistent=True)
        if stored and profile and profile.updated_at < stored.get("source_updated_at", ""):
            return
        changes: Item = {
            "name": record.name,
            "email": record.email,
            "role": record.role,
            "profile": jsons.dumps(record.profile),
        }
        if profile:
            changes |= {
                "participant_profile": jsons.dumps(profile.model_dump()),
                "asesor_id": profile.asesor_id,
                "source_updated_at": profile.updated_at,
            }
        elif not stored:
            changes["participant_profile"] = jsons.dumps(None)
        _write_if_new(settings().users_table, record.id, stored, changes)

    dynamo.unless_lost(read_and_write)


def save_item(record: ItemRecord) -> None:
    """Takes a record in; one that is older than what is stored changes nothing."""

    def read_and_write() -> None:
        stored = dynamo.get(settings().items_table, {"id": record.id}, consistent=True)
        if stored and record.updated_at < stored["updated_at"]:
            return
        changes = record.model_dump(exclude={"id", "data"}) | {"data": jsons.dumps(record.data)}
        _write_if_new(settings().items_table, record.id, stored, changes)

    dynamo.unless_lost(read_and_write)


def _write_if_new(table: str, identity: str, stored: Item | None, changes: Mapping[str, Any]) -> None:
    """A write that changes nothing would only wake the projections."""
    if stored is None or not dynamo.holds(stored, changes):
        dynamo.update_from(table, {"id": identity}, stored, changes)


def index_user(user: str, *, repair: bool = False) -> None:
    """Brings what the search knows of a user up to date; `repair`: also where it seems to be."""

    def read() -> Document | None:
        row = dynamo.get(settings().users_table, {"id": user}, consistent=True)
        return user_document(row) if row else None

    search.index(search.USER, user, read, repair=repair)


def index_item(item: str, *, repair: bool = False) -> None:
    """As `index_user`."""

    def read() -> Document | None:
        row = dynamo.get(settings().items_table, {"id": item}, consistent=True)
        return item_document(row) if row else None

    search.index(search.ITEM, item, read, repair=repair)


def documents() -> Iterator[Document]:
    """What a search should find of all users and items. Reads both tables."""
    yield from map(user_document, dynamo.scan_all(settings().users_table))
    yield from map(item_document, dynamo.scan_all(settings().items_table))


def user_document(row: Mapping[str, Any]) -> Document:
    return Document(search.USER, row["id"], normalised(f"{row['name']} {row['email']}"), row.get("asesor_id"))


def item_document(row: Mapping[str, Any]) -> Document:
    return Document(search.ITEM, row["id"], normalised(row["title"]))
