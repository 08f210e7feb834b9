import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.functions import FunctionError
from local.store import client
from local.streams import Streams
from local.template import StreamSource


@pytest.fixture
def table(store: str) -> Iterator[str]:
    name = f"Things-{uuid.uuid4()}"
    dynamo = client("dynamodb", store)
    dynamo.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )
    yield name
    dynamo.delete_table(TableName=name)


class Project:
    """One stream, its checkpoints and a function that a test gives."""

    def __init__(self, store: str, table: str, folder: Path) -> None:
        self._store = store
        self._table = table
        self._folder = folder
        self._dynamo = client("dynamodb", store)
        self._running: list[Streams] = []
        self.given_up: list[tuple[str, Any]] = []

    def write(self, *ids: str) -> None:
        for key in ids:
            self._dynamo.put_item(TableName=self._table, Item={"id": {"S": key}})

    def follow(
        self,
        function: Callable[[list[str], Mapping[str, Any]], Any],
        *,
        batch_size: int = 100,
        retries: int | None = None,
        bisect: bool = False,
    ) -> Streams:
        """Starts the mapping to a function that is given the ids of the records and the event."""

        def invoke(name: str, event: Mapping[str, Any]) -> Any:
            assert name == "Follow"
            return function([record["dynamodb"]["Keys"]["id"]["S"] for record in event["Records"]], event)

        source = StreamSource("Follow", "Things", self._table, batch_size, retries, bisect, True, "Failures")
        streams = Streams(
            [source],
            self._store,
            invoke,
            send=lambda queue, body: self.given_up.append((queue, json.loads(body))),
            folder=self._folder / "checkpoints",
        )
        streams.start()
        self._running.append(streams)
        return streams

    def stop(self) -> None:
        for streams in self._running:
            streams.stop()


@pytest.fixture
def project(store: str, table: str, tmp_path: Path) -> Iterator[Project]:
    made = Project(store, table, tmp_path)
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.streams._FIRST_PAUSE", 0.001)
    monkeypatch.setattr("local.streams._LONGEST_PAUSE", 0.01)


def sequence_number(event: Mapping[str, Any], index: int) -> str:
    return str(event["Records"][index]["dynamodb"]["SequenceNumber"])


def names(number: int) -> list[str]:
    return [f"{index:03}" for index in range(number)]


def test_records_come_in_order_in_the_shape_of_lambda(project: Project) -> None:
    seen: list[str] = []
    events: list[Mapping[str, Any]] = []

    def function(ids: list[str], event: Mapping[str, Any]) -> None:
        seen.extend(ids)
        events.append(json.loads(json.dumps(event)))

    streams = project.follow(function, batch_size=10)
    project.write(*names(25))
    streams.drain()
    assert seen == names(25)
    assert max(len(event["Records"]) for event in events) <= 10
    record = events[0]["Records"][0]
    assert record["eventName"] == "INSERT"
    assert record["eventSource"] == "aws:dynamodb"
    assert record["eventSourceARN"].startswith("arn:aws:dynamodb:")
    assert record["dynamodb"]["Keys"] == {"id": {"S": "000"}}
    assert record["dynamodb"]["StreamViewType"] == "KEYS_ONLY"
    assert isinstance(record["dynamodb"]["ApproximateCreationDateTime"], float)


def test_what_was_written_before_the_start_comes_too(project: Project) -> None:
    seen: list[str] = []
    project.write("early")
    project.follow(lambda ids, _: seen.extend(ids)).drain()
    assert seen == ["early"]


def test_draining_waits_for_what_the_function_itself_writes(project: Project) -> None:
    seen: list[str] = []

    def function(ids: list[str], _: Mapping[str, Any]) -> None:
        seen.extend(ids)
        if len(seen) < 5:
            project.write(f"after {seen[-1]}")

    streams = project.follow(function)
    project.write("first")
    streams.drain()
    assert len(seen) == 5


def test_draining_gives_up_in_time(project: Project) -> None:
    let_go = threading.Event()

    def function(ids: list[str], _: Mapping[str, Any]) -> None:
        let_go.wait(20)

    streams = project.follow(function)
    project.write("slow")
    with pytest.raises(TimeoutError, match="Follow-Things has not caught up"):
        streams.drain(0.3)
    let_go.set()


def test_a_partial_failure_is_resumed_at_the_first_that_failed(project: Project) -> None:
    calls: list[list[str]] = []

    def function(ids: list[str], event: Mapping[str, Any]) -> Any:
        calls.append(ids)
        if len(calls) > 1:
            return {"batchItemFailures": []}
        return {"batchItemFailures": [{"itemIdentifier": sequence_number(event, index)} for index in (4, 2)]}

    project.write(*names(6))
    project.follow(function).drain()
    assert calls == [names(6), names(6)[2:]]


def test_an_identifier_that_is_not_of_the_batch_fails_all_of_it(project: Project) -> None:
    calls: list[list[str]] = []

    def function(ids: list[str], _: Mapping[str, Any]) -> Any:
        calls.append(ids)
        return {"batchItemFailures": [{"itemIdentifier": "unknown"}] if len(calls) == 1 else []}

    project.write(*names(3))
    project.follow(function).drain()
    assert calls == [names(3), names(3)]


def test_a_function_that_fails_is_called_again_until_it_succeeds(project: Project) -> None:
    calls: list[list[str]] = []

    def function(ids: list[str], _: Mapping[str, Any]) -> None:
        calls.append(ids)
        if len(calls) < 4:
            raise FunctionError("not yet")

    project.write("a", "b")
    project.follow(function).drain()
    assert calls == [["a", "b"]] * 4


def test_a_poisonous_record_is_isolated_given_up_and_kept(project: Project) -> None:
    seen: list[str] = []
    tries: list[str] = []

    def function(ids: list[str], _: Mapping[str, Any]) -> None:
        if "005" in ids:
            if len(ids) == 1:
                tries.extend(ids)
            raise FunctionError("poison")
        seen.extend(ids)

    project.write(*names(10))
    streams = project.follow(function, retries=3, bisect=True)
    streams.drain()
    assert seen == [name for name in names(10) if name != "005"]
    assert tries == ["005"] * 4
    ((queue, message),) = project.given_up
    assert queue == "Failures"
    assert message["requestContext"]["approximateInvokeCount"] == 4
    assert message["DDBStreamBatchInfo"]["batchSize"] == 1
    assert (
        message["DDBStreamBatchInfo"]["startSequenceNumber"]
        == message["DDBStreamBatchInfo"]["endSequenceNumber"]
    )


def test_without_bisecting_the_whole_batch_is_given_up(project: Project) -> None:
    seen: list[str] = []

    def function(ids: list[str], _: Mapping[str, Any]) -> None:
        if "poison" in ids:
            raise FunctionError("poison")
        seen.extend(ids)

    project.write("a", "poison", "b")
    streams = project.follow(function, retries=1)
    streams.drain()
    project.write("c")
    streams.drain()
    assert seen == ["c"]
    assert project.given_up[0][1]["DDBStreamBatchInfo"]["batchSize"] == 3


def test_a_restart_goes_on_after_what_succeeded(project: Project) -> None:
    before: list[str] = []
    after: list[str] = []
    first = project.follow(lambda ids, _: before.extend(ids))
    project.write("a", "b")
    first.drain()
    first.stop()
    project.write("c")
    project.follow(lambda ids, _: after.extend(ids)).drain()
    assert (before, after) == (["a", "b"], ["c"])


def test_what_had_not_succeeded_when_it_stopped_comes_again(project: Project) -> None:
    taken = threading.Event()
    after: list[str] = []

    def fails(ids: list[str], event: Mapping[str, Any]) -> Any:
        taken.set()
        return {"batchItemFailures": [{"itemIdentifier": sequence_number(event, len(ids) - 1)}]}

    project.write("a", "b")
    first = project.follow(fails)
    assert taken.wait(20)
    first.stop()
    project.follow(lambda ids, _: after.extend(ids)).drain()
    assert after[-1] == "b"


def test_the_checkpoints_of_another_stream_do_not_count(project: Project, tmp_path: Path) -> None:
    seen: list[str] = []
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / "Follow-Things.json").write_text('{"stream": "another", "shards": {"shard": "999"}}')
    project.write("a")
    project.follow(lambda ids, _: seen.extend(ids)).drain()
    assert seen == ["a"]


def test_whoever_tells_of_a_change_need_not_wait(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.streams._FIRST_IDLE", 3600.0)
    monkeypatch.setattr("local.streams._LONGEST_IDLE", 3600.0)
    came = threading.Event()

    def function(ids: list[str], _: Mapping[str, Any]) -> None:
        if ids[-1] == "told":
            came.set()

    streams = project.follow(function)
    streams.drain()
    project.write("told")
    streams.wake()
    assert came.wait(20)


def test_what_nobody_tells_of_is_seen_too(project: Project) -> None:
    came = threading.Event()
    streams = project.follow(lambda *_: came.set())
    streams.drain()
    project.write("untold")
    assert came.wait(20)


def test_damaged_checkpoints_begin_the_stream_anew(project: Project, tmp_path: Path) -> None:
    seen: list[str] = []
    first = project.follow(lambda ids, _: seen.extend(ids))
    project.write("a")
    first.drain()
    first.stop()
    for file in (tmp_path / "checkpoints").iterdir():
        file.write_text('{"stream": ')
    project.follow(lambda ids, _: seen.extend(ids)).drain()
    assert seen == ["a", "a"]
