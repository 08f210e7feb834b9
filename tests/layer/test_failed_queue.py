"""What the streams gave up on comes back without a person, and stays known until it is healed."""

import json
import logging
from typing import Any

import pytest

from teaching import changed_rows, dynamo, failed_queue, projections
from teaching.changed_rows import MILLISECONDS_TO_STOP, Change, Trimmed
from teaching.errors import Unavailable
from tests.support import SUBMISSION, context, given_up, new_id, submission, take_in, take_in_examples

pytestmark = pytest.mark.usefixtures("store")

CHANGE = {"table": "SubmissionsTable", "id": SUBMISSION}
ALL_TAKEN: dict[str, Any] = {"batchItemFailures": []}


def event(*bodies: Any) -> dict[str, Any]:
    """Messages numbered from 1; a body that is no text is sent as JSON."""
    texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
    return {"Records": [{"messageId": str(number), "body": text} for number, text in enumerate(texts, 1)]}


def failing(*messages: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": message} for message in messages]}


class Projections:
    """Stand for the real ones: what fails of the changes that they are told."""

    def __init__(self) -> None:
        self.told: list[Change] = []
        self.failing: dict[Change, list[Change]] = {}

    def count(self, changes: list[Change]) -> list[Change]:
        self.told += changes
        return [failed for change in changes for failed in self.failing.get(change, [])]

    def refresh(self, changes: list[Change]) -> list[Change]:
        return []


@pytest.fixture
def standing_in(monkeypatch: pytest.MonkeyPatch) -> Projections:
    made = Projections()
    monkeypatch.setattr(projections, "count", made.count)
    monkeypatch.setattr(projections, "refresh", made.refresh)
    return made


A, B, C = (Change("UsersTable", name) for name in "abc")
ROW = Change("SubmissionsTable", "row")


def body(change: Change) -> dict[str, str]:
    return change._asdict()


def test_a_change_that_still_fails_stays_and_the_others_are_healed(
    standing_in: Projections, set_aside: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    standing_in.failing[B] = [B]
    assert failed_queue.heal(event(body(A), body(B), body(C)), context()) == failing("2")
    assert standing_in.told == [A, B, C]
    assert set_aside == []
    (told,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert vars(told)["changes"] == ["UsersTable/b"]


def test_a_row_that_fails_in_a_changes_stead_gets_a_message_of_its_own(
    standing_in: Projections, set_aside: list[Any]
) -> None:
    standing_in.failing[A] = [ROW]
    assert failed_queue.heal(event(body(A)), context()) == ALL_TAKEN
    assert set_aside == [body(ROW)]


def test_rows_of_a_change_that_still_fails_do_not_multiply(
    standing_in: Projections, set_aside: list[Any]
) -> None:
    standing_in.failing[A] = [ROW, A]
    assert failed_queue.heal(event(body(A)), context()) == failing("1")
    assert set_aside == []


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        "{}",
        '{"table": "UsersTable", "id": 7}',
        '{"table": "SearchTable", "id": "a"}',
        "[" * 100_000,
    ],
)
def test_a_message_that_nobody_here_sends_stays_for_a_person(
    text: str, standing_in: Projections, set_aside: list[Any]
) -> None:
    assert failed_queue.heal(event(text, body(A)), context()) == failing("1")
    assert standing_in.told == [A]


def test_before_the_time_is_over_the_rest_is_left_in_the_queue(
    standing_in: Projections, set_aside: list[Any]
) -> None:
    ending = context(900_000, MILLISECONDS_TO_STOP, 0)
    assert failed_queue.heal(event(body(A), body(B), body(C)), ending) == failing("2", "3")
    assert standing_in.told == [A]


def test_while_the_store_is_unavailable_a_message_stays(
    monkeypatch: pytest.MonkeyPatch, between: list[Change], set_aside: list[Any]
) -> None:
    between.append(A)

    def fail(changes: list[Change]) -> list[Change]:
        raise Unavailable

    monkeypatch.setattr(projections, "count", fail)
    assert failed_queue.heal(event(body(A), GIVEN_UP), context()) == failing("1", "2")


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> list[Change]:
    """The changes of every batch that was given up."""
    changes: list[Change] = []
    monkeypatch.setattr(changed_rows, "changes_between", lambda *place: list(changes))
    return changes


GIVEN_UP = {
    "DDBStreamBatchInfo": {
        "shardId": "shard",
        "startSequenceNumber": "1",
        "endSequenceNumber": "9",
        "streamArn": "arn:aws:dynamodb:ap-southeast-3:123456789012:table/UsersTable/stream/2026",
    }
}


def test_of_a_batch_that_was_given_up_what_fails_gets_messages_of_its_own(
    standing_in: Projections, between: list[Change], set_aside: list[Any]
) -> None:
    between += [A, B, C]
    standing_in.failing[B] = [B]
    assert failed_queue.heal(event(GIVEN_UP), context()) == ALL_TAKEN
    assert standing_in.told == [A, B, C]
    assert set_aside == [body(B)]


def test_what_the_time_does_not_suffice_for_gets_messages_of_its_own(
    standing_in: Projections, between: list[Change], set_aside: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed_queue, "AT_A_TIME", 2)
    between += [A, B, C]
    assert failed_queue.heal(event(GIVEN_UP), context(900_000, 900_000, 0)) == ALL_TAKEN
    assert standing_in.told == [A, B]
    assert set_aside == [body(C)]


def test_a_batch_whose_rest_cannot_be_set_aside_stays(
    standing_in: Projections, between: list[Change], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise Unavailable

    between.append(A)
    standing_in.failing[A] = [A]
    monkeypatch.setattr("teaching.sqs.send_all", fail)
    monkeypatch.setenv("FAILED_CHANGES_QUEUE", "FailedChanges")
    assert failed_queue.heal(event(GIVEN_UP), context()) == failing("1")


def test_records_that_the_stream_forgot_are_told_as_lost(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise Trimmed

    monkeypatch.setattr(changed_rows, "changes_between", fail)
    assert failed_queue.heal(event(GIVEN_UP), context()) == ALL_TAKEN
    (told,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert (vars(told)["first"], vars(told)["last"]) == ("1", "9")


def test_a_batch_is_read_from_the_stream_and_counted(tables: str, set_aside: list[Any]) -> None:
    take_in_examples()
    first, second = new_id(), new_id()
    take_in("submission", submission(id=first), submission(id=second))
    message = given_up(tables, "SubmissionsTable", first)
    assert failed_queue.heal(event(message), context()) == ALL_TAKEN
    assert counted(first)
    assert not counted(second)
    assert set_aside == []


def counted(identity: str) -> bool:
    key = {"list": f"ledger#submission#{identity}", "node": "ledger"}
    return dynamo.get("TalliesTable", key, consistent=True) is not None


def test_a_stream_that_is_gone_has_lost_its_records(tables: str) -> None:
    take_in_examples()
    told = json.dumps(given_up(tables, "SubmissionsTable"))
    gone = told.replace("SubmissionsTable", "GoneTable")
    assert failed_queue.heal(event(gone), context()) == ALL_TAKEN


def test_a_poisoned_row_is_healed_when_the_cause_is_gone(tables: str, set_aside: list[Any]) -> None:
    take_in_examples()
    whole = dynamo.get("SubmissionsTable", {"id": SUBMISSION}, consistent=True)
    assert whole
    dynamo.put("SubmissionsTable", {name: whole[name] for name in ("id", "order_key", "version")})
    assert failed_queue.heal(event(CHANGE), context()) == failing("1")
    assert not counted(SUBMISSION)
    dynamo.put("SubmissionsTable", whole)
    assert failed_queue.heal(event(CHANGE), context()) == ALL_TAKEN
    assert counted(SUBMISSION)
