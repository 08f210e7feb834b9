import json
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.aws import StandIn
from local.functions import FunctionError
from local.queues import Queue
from local.template import QueueSource

LONG = 3600.0


class Project:
    """One queue and a function that a test gives; the queue can be stopped and made anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[Queue] = []

    def queue(
        self, function: Callable[[list[str], Mapping[str, Any]], Any], *, visibility_timeout: float = LONG
    ) -> Queue:
        """The function is given the messages' bodies and the event."""

        def invoke(name: str, event: Mapping[str, Any]) -> Any:
            assert name == "Heal"
            return function([record["body"] for record in event["Records"]], event)

        source = QueueSource("Heal", "Failures", 3, visibility_timeout, None)
        queue = Queue(source, invoke, folder=self._folder)
        self._running.append(queue)
        return queue

    def stop(self) -> None:
        for queue in self._running:
            queue.stop()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path)
    yield made
    made.stop()


def failures(event: Mapping[str, Any], *bodies: str) -> dict[str, Any]:
    """The answer of a function that did not take these."""
    failed = [record["messageId"] for record in event["Records"] if record["body"] in bodies]
    return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}


def test_messages_come_in_batches_in_the_shape_of_lambda(project: Project) -> None:
    batches: list[list[str]] = []
    events: list[Mapping[str, Any]] = []

    def function(bodies: list[str], event: Mapping[str, Any]) -> None:
        batches.append(bodies)
        events.append(event)

    queue = project.queue(function)
    for body in "abcd":
        queue.send(body)
    queue.start()
    queue.drain(20)
    assert batches == [["a", "b", "c"], ["d"]]
    assert queue.waiting() == []
    record = json.loads(json.dumps(events[0]))["Records"][0]
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"].endswith(":Failures")


def test_what_fails_waits_for_its_visibility_timeout_and_then_comes_again_alone(project: Project) -> None:
    calls: list[list[str]] = []
    came_again = threading.Event()

    def function(bodies: list[str], event: Mapping[str, Any]) -> Any:
        calls.append(bodies)
        if len(calls) == 2:
            came_again.set()
        return failures(event, "bad") if len(calls) == 1 else None

    queue = project.queue(function, visibility_timeout=0.1)
    for body in ("good", "bad"):
        queue.send(body)
    queue.start()
    assert came_again.wait(20)
    queue.drain(20)
    assert calls == [["good", "bad"], ["bad"]]
    assert queue.waiting() == []


def test_a_redrive_does_not_wait(project: Project) -> None:
    cause = ["bad"]
    queue = project.queue(lambda bodies, event: failures(event, *cause))
    queue.send("bad")
    queue.start()
    queue.drain(20)
    assert [message.body for message in queue.waiting()] == ["bad"]
    cause.clear()
    queue.redrive()
    queue.drain(20)
    assert queue.waiting() == []


def test_a_function_that_raises_has_taken_nothing(project: Project) -> None:
    def function(bodies: list[str], _: Mapping[str, Any]) -> None:
        raise FunctionError("Heal: a fault")

    queue = project.queue(function)
    queue.send("a")
    queue.start()
    queue.drain(20)
    assert [message.body for message in queue.waiting()] == ["a"]


def test_messages_outlast_the_server(project: Project) -> None:
    first = project.queue(lambda *_: None)
    first.send("a")
    first.stop()
    seen: list[str] = []
    second = project.queue(lambda bodies, _: seen.extend(bodies))
    second.start()
    second.drain(20)
    assert seen == ["a"]


def test_what_a_function_sends_reaches_the_queue(project: Project, tmp_path: Path) -> None:
    queue = project.queue(lambda *_: None)
    stand_in = StandIn({}, tmp_path, [queue])
    entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(("a", "b"))]
    request = {"QueueUrl": "http://127.0.0.1:1/123456789012/Failures", "Entries": entries}
    status, answer = stand_in.answer("AmazonSQS.SendMessageBatch", request)
    assert status == 200
    assert [sent["Id"] for sent in answer["Successful"]] == ["0", "1"]
    assert [message.body for message in queue.waiting()] == ["a", "b"]
