"""Whatever the background functions are called with, nothing that came in is lost in silence."""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest

from teaching import changed_rows, dynamo, failed_queue, projections, records_queue, sqs, streams
from teaching.changed_rows import Change
from teaching.errors import Malformed, Unavailable
from teaching.records import ItemRecord, Record, SessionRecord, SubmissionRecord, UserRecord
from teaching.settings import settings
from tests import support
from tests.fuzz import odd
from tests.fuzz.effort import SEED, TIMES

MESSAGES = 1500 * TIMES
BATCHES = 2000 * TIMES

seeds = pytest.mark.parametrize("seed", [SEED], ids=lambda seed: f"seed={seed}")


def good_record(chance: Random) -> tuple[str, support.Data]:
    """Of one of few ids, so that records follow one another."""
    number = chance.randrange(3)
    changed = f"2026-02-{chance.randrange(10, 20)}T00:00:00Z"
    identity = f"{number}f1e1d1c-1b1a-4919-8817-161514131211"
    return chance.choice(
        (
            ("user", support.participant(identity, odd.text(chance)[:400].strip() or "Agus")),
            ("item", support.item(id=identity, updated_at=changed, data=odd.value(chance))),
            ("session", support.session(id=identity, updated_at=changed, participant_ids=[identity])),
            ("submission", support.submission(id=identity, updated_at=changed, feedback=odd.text(chance))),
        )
    )


def body(chance: Random) -> str:
    """Of a message: a good event, one with something odd in it, or anything."""
    kind, record = good_record(chance)
    shape = chance.random()
    if 0.3 < shape < 0.7:
        record = record | {chance.choice([*record, odd.text(chance)]): odd.value(chance)}
    elif shape < 0.8:
        del record[chance.choice(list(record))]
    event = json.loads(support.message(kind, record)["body"])
    if shape > 0.9:
        event = {**event, chance.choice(("detail", "detail-type", "version")): odd.value(chance)}
    text = json.dumps(event, ensure_ascii=chance.random() < 0.5)
    if 0.8 < shape < 0.85:
        text = text.replace(f'"{record["id"]}"', chance.choice(odd.LITERALS), 1)
    if 0.85 < shape < 0.9:
        text = chance.choice(
            (odd.text(chance), json.dumps(odd.value(chance)), text[: chance.randrange(len(text))])
        )
    return text


class Rejected(dict[str, str]):
    """The queue of rejected records: reasons by message; it refuses what SQS does."""

    def send(self, name: str, content: str, attributes: dict[str, str]) -> None:
        assert 0 < len(attributes["reason"].encode()) < 100_000
        self[attributes["message_id"]] = attributes["reason"]


def table_of(record: Record) -> str:
    tables = settings()
    return {
        UserRecord: tables.users_table,
        ItemRecord: tables.items_table,
        SessionRecord: tables.sessions_table,
        SubmissionRecord: tables.submissions_table,
    }[type(record)]


def is_stored(record: Record) -> bool:
    """It, or one that is newer."""
    row = dynamo.get(table_of(record), {"id": record.id}, consistent=True)
    if row is None:
        return False
    if isinstance(record, UserRecord):
        return True
    return str(row.get("source_updated_at", row["updated_at"])) >= record.updated_at


@pytest.fixture
def rejected(monkeypatch: pytest.MonkeyPatch) -> Rejected:
    made = Rejected()
    monkeypatch.setenv("REJECTED_RECORDS_QUEUE", "RejectedRecords")
    monkeypatch.setattr(sqs, "send", made.send)
    return made


def failing(chance: Random, share: float) -> Callable[..., Any]:
    """Requests to the store of which so many fail, each in its way."""
    call = dynamo.call

    def sometimes(operation: str, **arguments: Any) -> Any:
        if chance.random() < share:
            raise chance.choice((Unavailable(), dynamo.Conflict(), KeyError("a fault"), OSError("a fault")))
        return call(operation, **arguments)

    return sometimes


def record_or_reason(text: str) -> Record | str:
    try:
        return records_queue.record_of(text)
    except Malformed as malformed:
        return str(malformed)


@seeds
@pytest.mark.parametrize("share", [0, 0.05], ids=["store-works", "store-fails-at-times"])
@pytest.mark.usefixtures("tables")
def test_a_message_is_saved_or_rejected_or_comes_again(
    share: float, seed: int, rejected: Rejected, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {"saved": 0, "rejected": 0, "again": 0}
    number = 0
    while number < MESSAGES:
        chance = Random(f"{seed} {share} {number}")
        batch = [
            {"messageId": support.new_id(), "body": body(chance)} for _ in range(chance.randrange(1, 11))
        ]
        number += len(batch)
        with monkeypatch.context() as patch:
            if share:
                patch.setattr(dynamo, "call", failing(chance, share))
                patch.setattr(dynamo, "pause", lambda attempt: None)
            answer = records_queue.take(batch)
        again = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for message in batch:
            record = record_or_reason(message["body"])
            if isinstance(record, str):
                assert rejected[message["messageId"]] == record[:1000], message
                assert message["messageId"] not in again
                counts["rejected"] += 1
                continue
            assert message["messageId"] not in rejected
            if message["messageId"] in again:
                counts["again"] += 1
            else:
                assert is_stored(record), message
                counts["saved"] += 1
    assert counts["saved"] > MESSAGES / 10, counts
    assert counts["rejected"] > MESSAGES / 10, counts
    assert bool(counts["again"]) is bool(share), counts


class Follower:
    """Stands for the projections: takes up changes but those that fail, and notes which."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.taken: set[Change] = set()

    def __call__(self, changes: Sequence[Change]) -> list[Change]:
        fate = self._chance.random()
        if fate < 0.1:
            raise Unavailable
        if fate < 0.2:
            raise KeyError("a fault")
        failed = [change for change in changes if self._chance.random() < 0.2]
        self.taken |= set(changes) - set(failed)
        return failed


class Queue:
    """Stands for FailedChanges, which at times is not there."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.kept: set[Change] = set()

    def send_all(self, name: str, bodies: Sequence[str]) -> None:
        if self._chance.random() < 0.2:
            raise self._chance.choice((Unavailable(), OSError("a fault")))
        self.kept |= {Change(**json.loads(each)) for each in bodies}


@seeds
def test_a_change_is_taken_up_or_set_aside_or_comes_again(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILED_CHANGES_QUEUE", "FailedChanges")
    came_again = 0
    for number in range(BATCHES):
        chance = Random(f"{seed} {number}")
        handle, failed = Follower(chance), Queue(chance)
        monkeypatch.setattr(sqs, "send_all", failed.send_all)
        records: list[Any] = [
            {
                "eventSourceARN": f"arn:aws:dynamodb:region:account:table/{chance.choice('AB')}/stream/now",
                "dynamodb": {"Keys": {"id": {"S": odd.text(chance)}}, "SequenceNumber": str(sequence)},
            }
            for sequence in range(chance.randrange(1, 12))
        ]
        left = support.context(*(chance.choice((900_000, 900_000, 900_000, 0)) for _ in range(12)))
        answer = streams.follow({"Records": records}, left, handle, at_a_time=chance.choice((None, 1, 3)))
        numbers = [int(failure["itemIdentifier"]) for failure in answer["batchItemFailures"]]
        done = records[: min(numbers, default=len(records))]
        came_again += len(records) - len(done)
        for record in done:
            change = Change(
                record["eventSourceARN"].split("/")[1],
                record["dynamodb"]["Keys"]["id"]["S"],
            )
            assert change in handle.taken | failed.kept, (number, record)
    assert came_again > BATCHES


def told(chance: Random) -> str:
    """A message of the queue FailedChanges, or what nobody sends there."""
    tables = settings()
    names = (
        tables.users_table,
        tables.submissions_table,
        tables.presences_table,
        tables.tallies_table,
        tables.search_table,
        "Nothing",
    )
    good = {"table": chance.choice(names), "id": odd.text(chance)}
    batch = {"shardId": "s", "startSequenceNumber": "1", "endSequenceNumber": "2", "streamArn": "a/b"}
    shape = chance.random()
    if shape < 0.4:
        return json.dumps(good)
    if shape < 0.6:
        return json.dumps({"DDBStreamBatchInfo": batch | {chance.choice(list(batch)): odd.value(chance)}})
    if shape < 0.8:
        return json.dumps(good | {chance.choice(("table", "id", "more")): odd.value(chance)})
    return chance.choice((odd.text(chance), *odd.LITERALS, json.dumps(odd.value(chance))))


@seeds
@pytest.mark.usefixtures("store")
def test_a_failed_change_is_healed_or_set_aside_or_stays(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILED_CHANGES_QUEUE", "FailedChanges")
    counts = {"healed": 0, "stays": 0}
    number = 0
    while number < MESSAGES:
        chance = Random(f"{seed} {number}")
        handle, failed = Follower(chance), Queue(chance)
        between = [Change("A", odd.text(chance)) for _ in range(chance.randrange(4))]
        monkeypatch.setattr(sqs, "send_all", failed.send_all)
        monkeypatch.setattr(changed_rows, "changes_between", lambda *place, found=between: found)
        monkeypatch.setattr(projections, "mend", lambda changes: [])
        monkeypatch.setattr(projections, "count", lambda changes: [])
        monkeypatch.setattr(projections, "refresh", handle)
        monkeypatch.setattr(failed_queue, "publish", lambda changes: [])
        messages = [{"messageId": str(each), "body": told(chance)} for each in range(chance.randrange(1, 11))]
        number += len(messages)
        answer = failed_queue.heal({"Records": messages}, support.context())
        stay = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for message in messages:
            if message["messageId"] in stay:
                counts["stays"] += 1
                continue
            counts["healed"] += 1
            content = json.loads(message["body"])
            changes = (
                between if "DDBStreamBatchInfo" in content else [Change(content["table"], content["id"])]
            )
            assert set(changes) <= handle.taken | failed.kept, message
            for change in changes:
                assert change in between or change.table in projections.tables(), message
    assert min(counts.values()) > MESSAGES / 10, counts
