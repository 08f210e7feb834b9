"""A row that fails keeps no other from being brought up to date."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from teaching import dynamo, projections
from teaching.changed_rows import Change
from teaching.coaching import store as coaching
from teaching.directory import search
from teaching.errors import Unavailable
from teaching.grading import store as grading
from teaching.grading.rules import SubmissionQuery
from tests.support import (
    ASESOR,
    BY_ADMIN,
    ITEM,
    PARTICIPANT,
    SESSION,
    item,
    new_id,
    participant,
    person,
    settle,
    stored_presence,
    stored_session,
    stored_submission,
    submission,
    take_in,
    take_in_examples,
)

pytestmark = pytest.mark.usefixtures("tables")

LATER = "2026-03-01T00:00:00.000Z"
EVERYTHING = SubmissionQuery.model_validate({})


def damage(table: str, identity: str) -> dynamo.Item:
    """Leaves the row in its indexes but without what everything needs; gives the row as it was."""
    row = dynamo.get(table, {"id": identity}, consistent=True)
    assert row
    kept = ("id", "order_key", "version", "asesor_id", "user_id")
    dynamo.put(table, {name: row[name] for name in kept if name in row})
    return row


@pytest.fixture
def submissions() -> list[str]:
    """Submissions of the spec's participant, not counted yet."""
    take_in_examples()
    settle()
    made = [new_id() for _ in range(5)]
    take_in("submission", *[submission(id=identity) for identity in made])
    return made


def test_a_submission_that_cannot_be_counted_is_told_and_the_others_are_counted(
    submissions: list[str],
) -> None:
    whole = damage("SubmissionsTable", submissions[2])
    changes = [Change("SubmissionsTable", identity) for identity in submissions]
    assert projections.count(changes) == [changes[2]]
    assert grading.statistics(BY_ADMIN)["submission_total"]["total"] == 5
    dynamo.put("SubmissionsTable", whole)
    assert projections.count([changes[2]]) == []
    assert grading.statistics(BY_ADMIN)["submission_total"]["total"] == 6


def test_a_session_that_cannot_be_counted_keeps_no_submission_from_it(submissions: list[str]) -> None:
    damage("SessionsTable", SESSION)
    bad = Change("SessionsTable", SESSION)
    assert projections.count([bad, *[Change("SubmissionsTable", each) for each in submissions]]) == [bad]
    assert grading.statistics(BY_ADMIN)["submission_total"]["total"] == 6


def test_of_a_renamed_participant_only_the_rows_that_fail_are_told(submissions: list[str]) -> None:
    whole = damage("SubmissionsTable", submissions[2])
    take_in("user", participant(name="Aminah", updated_at=LATER))
    bad = Change("SubmissionsTable", submissions[2])
    assert projections.refresh([Change("UsersTable", PARTICIPANT)]) == [bad]
    for identity in set(submissions) - {bad.id}:
        assert "Aminah" in stored_submission(identity)["user"]
    assert "Aminah" in stored_presence()["user"]
    assert people_found("aminah") == {PARTICIPANT}
    dynamo.put("SubmissionsTable", whole)
    assert projections.refresh([bad]) == []
    assert "Aminah" in stored_submission(bad.id)["user"]


@pytest.mark.parametrize(
    ("failing", "told"),
    [
        ("teaching.directory.store.index_user", Change("UsersTable", PARTICIPANT)),
        ("teaching.coaching.store.refresh_presence", Change("PresencesTable", f"{SESSION}#{PARTICIPANT}")),
        ("teaching.grading.store.with_copy_of_user", Change("UsersTable", PARTICIPANT)),
    ],
)
def test_whatever_fails_of_a_person_is_told_as_the_change_that_does_it_again(
    failing: str, told: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in_examples()
    settle()
    take_in("user", participant(name="Aminah", updated_at=LATER), person("asesor", ASESOR, "Gatot"))
    changes = [Change("UsersTable", PARTICIPANT), Change("UsersTable", ASESOR)]
    with monkeypatch.context() as patch:
        patch.setattr(failing, failing_for(failing, PARTICIPANT))
        assert projections.refresh(changes) == [told]
    assert "Gatot" in stored_session()["asesor"]
    assert projections.refresh([told]) == []
    assert "Aminah" in stored_presence()["user"]
    assert people_found("aminah") == {PARTICIPANT}


def people_found(word: str) -> set[str]:
    holders = search.Holders(search.USER, None, [word])
    holders.read()
    return holders.known_to_hold([word])


def failing_for(function: str, identity: str) -> Callable[..., Any]:
    """The function, but that it raises where the id is among its arguments."""
    module, _, name = function.rpartition(".")
    really = getattr(import_module(module), name)

    def call(*arguments: Any) -> Any:
        if identity in arguments:
            raise RuntimeError
        return really(*arguments)

    return call


def test_what_loses_its_races_is_tried_again_while_the_others_are_kept(
    submissions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamo, "pause", lambda attempt: None)
    refreshed: list[str] = []
    refresh = grading.refresh

    def refresh_late(identity: str) -> None:
        refreshed.append(identity)
        if identity == submissions[0] and refreshed.count(identity) < 3:
            raise Unavailable
        refresh(identity)

    monkeypatch.setattr(grading, "refresh", refresh_late)
    take_in("item", item(title="Esai", updated_at=LATER))
    assert projections.refresh([Change("ItemsTable", ITEM)]) == []
    assert "Esai" in stored_submission(submissions[0])["item"]
    assert refreshed.count(submissions[0]) == 3
    assert refreshed.count(submissions[1]) == 1


def test_what_goes_on_losing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamo, "pause", lambda attempt: None)

    def fail(session: str) -> None:
        raise Unavailable

    monkeypatch.setattr(coaching, "index_session", fail)
    changes = [Change("SessionsTable", SESSION), Change("SessionsTable", new_id())]
    assert projections.refresh(changes) == changes


@pytest.mark.parametrize("table", ["UsersTable", "ItemsTable", "SessionsTable", "SubmissionsTable"])
def test_a_row_that_is_gone_is_no_failure(table: str) -> None:
    change = Change(table, new_id())
    assert projections.refresh([change]) == projections.count([change]) == []


def test_a_session_change_brings_its_own_copies_up_to_date() -> None:
    take_in_examples()
    take_in("user", person("asesor", ASESOR, "Gatot"))
    assert projections.refresh([Change("SessionsTable", SESSION)]) == []
    assert "Gatot" in stored_session()["asesor"]
    assert [row["id"] for row in search.sessions("gatot", None)] == [SESSION]
