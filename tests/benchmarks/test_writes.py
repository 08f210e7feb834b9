"""The changes that are measured really happen, and leave every list right."""

from collections.abc import Iterator

import pytest

from benchmarks import writes
from benchmarks.load import Part, Spread, World, loaded
from benchmarks.writes import Supply, follow
from local.template import Template
from teaching import dynamo
from teaching.dynamo import Item
from teaching.grading.rules import Status
from teaching.schedule import recompute
from teaching.settings import settings

SUBMISSIONS = 300


@pytest.fixture(scope="module")
def world(facts: Template) -> Iterator[World]:
    with loaded(facts, SUBMISSIONS, Spread.SKEWED, Part.WHOLE) as (_, world):
        yield world


@pytest.fixture(scope="module")
def supply(world: World) -> Iterator[Supply]:
    """After all tests nothing may be left to mend."""
    yield Supply(world)
    assert recompute(lambda: True) == (0, 0, True)


def stored(submission: str) -> Item:
    row = dynamo.get(settings().submissions_table, {"id": submission}, consistent=True)
    assert row
    return row


@pytest.mark.parametrize("batch", [1, 3])
def test_every_kind_of_change_is_written_and_followed(supply: Supply, batch: int) -> None:
    for changes, status in (
        (supply.grades(3), Status.GRADED),
        (supply.hand_ins(3), Status.SUBMITTED),
        (supply.arrivals(3), Status.IN_PROGRESS),
    ):
        spent = writes.measured(changes, batch)
        assert {stored(change.ids[0])["status"] for change in changes} == {status}
        assert spent.writes > spent.of_all > 0
        assert spent.a_second == pytest.approx(1000 / spent.of_all)
        assert not spent.wasted


@pytest.mark.parametrize("batch", [1, 3])
def test_every_kind_of_change_of_a_session_is_written_and_followed(supply: Supply, batch: int) -> None:
    table = settings().sessions_table
    for changes, status in (
        (supply.starts(3), "ongoing"),
        (supply.ends(3), "completed"),
        (supply.closes(3), "completed"),
    ):
        spent = writes.measured(changes, batch, table)
        for identity in [identity for change in changes for identity in change.ids]:
            assert (dynamo.get(table, {"id": identity}, consistent=True) or {})["status"] == status
        assert spent.writes > 0
        assert not spent.wasted


def test_records_come_together_in_a_batch_of_the_queue(supply: Supply) -> None:
    assert [len(sent.ids) for sent in supply.hand_ins(5, 2)] == [2, 2, 1]


def test_shards_in_step_get_everything_done(supply: Supply) -> None:
    changed: list[str] = []
    for submissions, send in supply.hand_ins(6):
        send()
        changed += submissions
    cost = writes.interleaved(changed[:3], changed[3:], times=2)
    assert 0 <= cost.wasted < cost.writes


def test_shards_at_once_get_everything_done(facts: Template, supply: Supply) -> None:
    raced = writes.race(facts, supply, 2)
    assert raced.requests > 0
    assert raced.seconds > 0
    assert not raced.unavailable
    assert 0 <= raced.wasted < 1


def test_what_is_left_of_a_failed_batch_is_told(supply: Supply, monkeypatch: pytest.MonkeyPatch) -> None:
    (sent,) = supply.arrivals(1)
    sent.send()
    with monkeypatch.context() as patch:
        patch.setattr(dynamo, "call", lambda *_, **__: 1 / 0)
        assert follow(["first", *sent.ids]) == ["first", *sent.ids]
    assert follow(sent.ids) == []
