import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from local.aws import StandIn
from local.functions import FunctionError
from local.records import Intake
from local.template import QueueSource
from teaching.limits import ANSWER_BYTES

SOURCE = QueueSource("IngestRecords", "Records", batch_size=3, visibility_timeout=0, max_receives=4)


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    return StandIn({}, tmp_path)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.records._FIRST_PAUSE", 0.001)


def line(name: str) -> str:
    return json.dumps({"type": "thing.saved", "data": {"name": name}})


def names(event: Mapping[str, Any]) -> list[str]:
    return [json.loads(record["body"])["detail"]["name"] for record in event["Records"]]


def test_records_come_as_eventbridge_events_in_sqs_messages(stand_in: StandIn) -> None:
    events: list[Mapping[str, Any]] = []
    answer = Intake(SOURCE, lambda _, event: events.append(event), stand_in).accept([line("Rén")])
    assert answer == {"accepted": 1, "rejected": []}
    (message,) = events[0]["Records"]
    assert message["eventSource"] == "aws:sqs"
    assert message["eventSourceARN"].endswith(":Records")
    body = json.loads(message["body"])
    assert body["detail-type"] == "thing.saved"
    assert body["detail"] == {"name": "Rén"}
    assert {"version", "id", "source", "time", "region", "account", "resources"} < body.keys()


def test_batches_are_as_the_template_says_and_blank_lines_are_skipped(stand_in: StandIn) -> None:
    batches: list[list[str]] = []
    lines = [line("a"), "", line("b"), line("c"), "  ", line("d")]
    answer = Intake(SOURCE, lambda _, event: batches.append(names(event)), stand_in).accept(lines)
    assert batches == [["a", "b", "c"], ["d"]]
    assert answer == {"accepted": 4, "rejected": []}


def test_a_batch_is_no_larger_than_a_function_takes(stand_in: StandIn) -> None:
    sizes: list[int] = []

    def ingest(_: str, event: Mapping[str, Any]) -> None:
        sizes.append(len(json.dumps(event, ensure_ascii=False).encode()))

    source = QueueSource("IngestRecords", "Records", batch_size=100, visibility_timeout=0, max_receives=4)
    lines = [line('"' * 120_000) for _ in range(40)]
    assert Intake(source, ingest, stand_in).accept(lines)["accepted"] == 40
    assert len(sizes) == 4
    assert max(sizes) <= ANSWER_BYTES


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ('{"type": "x", "data": NaN}', "NaN is not a JSON number"),
        ('{"type": "x", "data": [1e400]}', "a number is beyond the range of a double"),
        ("[1]", "not a record"),
        ('{"type": 1, "data": {}}', "not a record"),
        ('{"type": "x"}', "not a record"),
        ('{"type": "x", "type": "y", "data": {}}', "'type' must be given once"),
        ('{"type": "x", "data": [{"a": 1, "\\u0061": 1}]}', "'a' must be given once"),
        ('{"type": "x", "data": {"\\ud800": 1, "\\ud800": 1}}', "'\\ud800' must be given once"),
        ('{"type": "x", "data": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ('{"type": "x", "data": ' + "1" * 5000 + "}", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        (
            json.dumps({"type": "x", "data": {"id": "7", "data": "x" * 256 * 1024}}),
            "data: has 262146 bytes; an event has at most 262144 bytes",
        ),
        (json.dumps({"type": "x", "data": "x" * 256 * 1024}), "an event has at most 262144 bytes"),
        (json.dumps({"type": "x", "data": ["\ud83d" * 100_000]}), "an event has at most 262144 bytes"),
    ],
)
def test_a_line_that_is_no_record_is_named_and_kept(
    stand_in: StandIn, tmp_path: Path, text: str, reason: str
) -> None:
    answer = Intake(SOURCE, lambda _, event: None, stand_in).accept([line("a"), text, line("b")])
    assert answer["accepted"] == 2
    (rejected,) = answer["rejected"]
    assert rejected["line"] == 2
    assert reason in rejected["reason"]
    assert json.loads((tmp_path / "RejectedRecords.jsonl").read_text())["body"] == text


def test_a_record_is_measured_as_it_is_sent(stand_in: StandIn) -> None:
    """A character of two bytes is not the six that escaping makes of it."""
    text = json.dumps({"type": "x", "data": "é" * 100_000})
    assert Intake(SOURCE, lambda _, event: None, stand_in).accept([text])["accepted"] == 1


def test_what_the_function_rejects_is_told_with_its_reason(stand_in: StandIn, tmp_path: Path) -> None:
    def ingest(_: str, event: Mapping[str, Any]) -> None:
        message = event["Records"][1]
        attributes = {"message_id": message["messageId"], "reason": "name: too short"}
        stand_in.answer(
            "AmazonSQS.SendMessage",
            {
                "QueueUrl": "http://127.0.0.1:1/123456789012/RejectedRecords",
                "MessageBody": message["body"],
                "MessageAttributes": {name: {"StringValue": value} for name, value in attributes.items()},
            },
        )

    answer = Intake(SOURCE, ingest, stand_in).accept([line("a"), line(""), line("c")])
    assert answer == {"accepted": 2, "rejected": [{"line": 2, "reason": "name: too short"}]}
    kept = json.loads((tmp_path / "RejectedRecords.jsonl").read_text())
    assert kept["attributes"]["reason"] == "name: too short"


def test_only_what_failed_comes_again(stand_in: StandIn) -> None:
    calls: list[list[str]] = []

    def ingest(_: str, event: Mapping[str, Any]) -> Any:
        calls.append(names(event))
        failed = [record for record in event["Records"] if len(calls) == 1 and "b" in record["body"]]
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed[-1:]]}

    answer = Intake(SOURCE, ingest, stand_in).accept([line("a"), line("c"), line("b")])
    assert calls == [["a", "c", "b"], ["b"]]
    assert answer == {"accepted": 3, "rejected": []}


def test_a_function_that_goes_on_failing_is_told_for_every_line(stand_in: StandIn, tmp_path: Path) -> None:
    tries: list[str] = []

    def ingest(_: str, event: Mapping[str, Any]) -> None:
        tries.extend(names(event))
        raise FunctionError("IngestRecords: a fault")

    answer = Intake(SOURCE, ingest, stand_in).accept([line("a"), line("b")])
    assert answer["accepted"] == 0
    assert [row["line"] for row in answer["rejected"]] == [1, 2]
    assert all(row["reason"].endswith("IngestRecords: a fault") for row in answer["rejected"])
    assert tries == ["a", "b"] * 4
    assert len((tmp_path / "RejectedRecords.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("depth", [60, 500, *range(940, 1010, 3), 5000, 50_000])
def test_no_nesting_keeps_the_other_lines_of_a_batch_from_being_taken(stand_in: StandIn, depth: int) -> None:
    taken: list[str] = []
    deep = f'{{"type": "thing.saved", "data": {{"name": {"[" * depth + "]" * depth}}}}}'

    def ingest(_: str, event: Mapping[str, Any]) -> None:
        taken.extend(record["body"] for record in event["Records"] if "good" in record["body"])

    answer = Intake(SOURCE, ingest, stand_in).accept([line("good"), deep, line("good")])
    assert len(taken) == 2
    assert answer["accepted"] + len(answer["rejected"]) == 3
    assert {row["line"] for row in answer["rejected"]} <= {2}


def test_rejected_records_are_their_owners_alone(stand_in: StandIn, tmp_path: Path) -> None:
    path = tmp_path / "RejectedRecords.jsonl"
    path.touch(0o644)
    for _ in range(2):
        Intake(SOURCE, lambda _, event: None, stand_in).accept(["{"])
        assert path.stat().st_mode & 0o777 == 0o600
        path.unlink()


@pytest.mark.parametrize(
    "queue", ["", "other", "..", "../outside", "RejectedRecords.jsonl", "RejectedRecords\x00", "token-key"]
)
def test_a_message_goes_to_a_queue_of_the_template_or_nowhere(
    stand_in: StandIn, tmp_path: Path, queue: str
) -> None:
    request = {"QueueUrl": f"http://127.0.0.1:1/123456789012/{queue}", "MessageBody": "a"}
    status, answer = stand_in.answer("AmazonSQS.SendMessage", request)
    assert (status, answer["__type"]) == (400, "com.amazonaws.sqs#QueueDoesNotExist")
    assert not list(tmp_path.iterdir())
