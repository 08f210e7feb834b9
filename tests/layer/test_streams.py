import logging
from collections.abc import Sequence
from typing import Any

import pytest

from teaching import streams
from teaching.changed_rows import MILLISECONDS_TO_STOP, Change
from teaching.errors import Unavailable
from tests.support import context

ALL_TAKEN: dict[str, Any] = {"batchItemFailures": []}


def record(identity: str, sequence: str, table: str = "UsersTable") -> dict[str, Any]:
    tables = "arn:aws:dynamodb:ap-southeast-3:123456789012:table"
    return {
        "eventSourceARN": f"{tables}/{table}/stream/2026-02-20T10:00:00.000",
        "dynamodb": {"Keys": {"id": {"S": identity}}, "SequenceNumber": sequence},
    }


def batch(*ids: str) -> dict[str, Any]:
    """Records with these ids, numbered from 1."""
    return {"Records": [record(identity, str(number)) for number, identity in enumerate(ids, 1)]}


def go_on_from(sequence: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": sequence}]}


class Handle:
    """Takes changes up but those whose ids say how they fail."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.taken: list[str] = []

    def __call__(self, changes: Sequence[Change]) -> list[Change]:
        self.calls.append([change.id for change in changes])
        for change in changes:
            if change.id.startswith("raises"):
                raise RuntimeError
            if change.id.startswith("unavailable"):
                raise Unavailable
        bad = [change for change in changes if change.id.startswith("bad")]
        self.taken += [change.id for change in changes if change not in bad]
        return bad


@pytest.fixture
def handle() -> Handle:
    return Handle()


def test_a_batch_is_handed_over_once_with_each_change_once() -> None:
    told: list[list[Change]] = []

    def note(changes: Sequence[Change]) -> list[Change]:
        told.append(list(changes))
        return []

    records = [record("a", "1"), record("b", "2"), record("a", "3"), record("a", "4", "ItemsTable")]
    assert streams.follow({"Records": records}, context(), note) == ALL_TAKEN
    assert told == [[Change("UsersTable", "a"), Change("UsersTable", "b"), Change("ItemsTable", "a")]]


@pytest.mark.parametrize("at_a_time", [None, 1, 2])
@pytest.mark.parametrize("fails", ["bad", "raises"])
def test_what_fails_is_set_aside_by_its_id_and_holds_up_nothing(
    fails: str,
    at_a_time: int | None,
    handle: Handle,
    set_aside: list[Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = streams.follow(batch("a", fails, "b", "c"), context(), handle, at_a_time=at_a_time)
    assert answer == ALL_TAKEN
    assert handle.taken == ["a", "b", "c"]
    assert set_aside == [{"table": "UsersTable", "id": fails}]
    (told,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert vars(told)["changes"] == [f"UsersTable/{fails}"]


def test_a_fault_of_the_whole_batch_alone_loses_nothing(set_aside: list[Any]) -> None:
    told: list[str] = []

    def handle(changes: Sequence[Change]) -> list[Change]:
        if len(changes) > 1:
            raise RuntimeError
        told.extend(change.id for change in changes)
        return []

    assert streams.follow(batch("a", "b"), context(), handle) == ALL_TAKEN
    assert (told, set_aside) == (["a", "b"], [])


def test_while_the_store_is_unavailable_the_batch_comes_again_and_is_not_narrowed_down(
    handle: Handle, set_aside: list[Any]
) -> None:
    records = batch("a", "bad", "b", "unavailable", "a")
    assert streams.follow(records, context(), handle) == go_on_from("1")
    assert len(handle.calls) == 1
    assert streams.follow(records, context(), handle, at_a_time=2) == go_on_from("3")
    assert set_aside == [{"table": "UsersTable", "id": "bad"}]


def test_what_cannot_be_set_aside_is_gone_on_from(handle: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(changes: Sequence[Change]) -> None:
        if changes:
            raise Unavailable

    monkeypatch.setattr(streams, "set_aside", fail)
    assert streams.follow(batch("a", "b", "bad", "c", "bad"), context(), handle) == go_on_from("3")
    assert handle.taken == ["a", "b", "c"]


def test_a_row_that_fails_in_a_changes_stead_is_gone_on_from_that_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def handle(changes: Sequence[Change]) -> list[Change]:
        return [Change("SubmissionsTable", "carries b") for change in changes if change.id == "b"]

    def fail(changes: Sequence[Change]) -> None:
        if changes:
            raise Unavailable

    monkeypatch.setattr(streams, "set_aside", fail)
    assert streams.follow(batch("a", "b", "c"), context(), handle, at_a_time=1) == go_on_from("2")


def test_before_the_time_is_over_the_rest_is_given_back(handle: Handle, set_aside: list[Any]) -> None:
    records = batch("a", "bad", "a", "b", "c")
    ending = context(900_000, 900_000, MILLISECONDS_TO_STOP)
    assert streams.follow(records, ending, handle, at_a_time=1) == go_on_from("4")
    assert handle.taken == ["a"]
    assert set_aside == [{"table": "UsersTable", "id": "bad"}]
