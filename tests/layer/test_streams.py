from collections.abc import Sequence
from typing import Any

from teaching import streams
from teaching.streams import Change


def record(identity: str, sequence: str, table: str = "UsersTable") -> dict[str, Any]:
    tables = "arn:aws:dynamodb:ap-southeast-3:123456789012:table"
    return {
        "eventSourceARN": f"{tables}/{table}/stream/2026-02-20T10:00:00.000",
        "dynamodb": {"Keys": {"id": {"S": identity}}, "SequenceNumber": sequence},
    }


def test_a_batch_is_handed_over_once_with_each_change_once() -> None:
    told: list[list[Change]] = []
    batch = [record("a", "1"), record("b", "2"), record("a", "3"), record("a", "4", "ItemsTable")]
    answer = streams.follow({"Records": batch}, lambda changes: told.append(list(changes)))
    assert answer == {"batchItemFailures": []}
    assert told == [[Change("UsersTable", "a"), Change("UsersTable", "b"), Change("ItemsTable", "a")]]


def test_after_a_fault_it_goes_on_from_the_first_change_that_fails() -> None:
    told: list[str] = []

    def handle(changes: Sequence[Change]) -> None:
        if any(change.id == "bad" for change in changes):
            raise RuntimeError
        told.extend(change.id for change in changes)

    batch = [record("a", "1"), record("b", "2"), record("bad", "3"), record("c", "4")]
    answer = streams.follow({"Records": batch}, handle)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "3"}]}
    assert told == ["a", "b"]


def test_a_fault_of_the_whole_batch_alone_loses_nothing() -> None:
    told: list[str] = []

    def handle(changes: Sequence[Change]) -> None:
        if len(changes) > 1:
            raise RuntimeError
        told.extend(change.id for change in changes)

    batch = [record("a", "1"), record("b", "2")]
    assert streams.follow({"Records": batch}, handle) == {"batchItemFailures": []}
    assert told == ["a", "b"]
