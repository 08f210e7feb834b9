"""SQS to functions, as Lambda's event source mappings do it."""

import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.functions import FunctionError
from local.template import ACCOUNT, REGION, QueueSource

Invoke = Callable[[str, Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Message:
    body: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


def deliver(source: QueueSource, invoke: Invoke, messages: Sequence[Message]) -> tuple[set[str], str]:
    """Invokes the queue's function with the messages; the ids of those that failed, and why."""
    try:
        result = invoke(source.function, _event(source, messages))
    except FunctionError as error:
        return {message.id for message in messages}, str(error)
    failures = (result or {}).get("batchItemFailures", [])
    return {failure["itemIdentifier"] for failure in failures}, "not taken"


class Queue:
    """A queue that keeps its messages until its function has taken them, however often that takes.

    A message that was handed over is seen again after the visibility timeout. `folder` holds the file of
    messages (None: in memory). A redrive policy is not for this queue.
    """

    def __init__(self, source: QueueSource, invoke: Invoke, *, folder: Path | None) -> None:
        self.name = source.queue
        self._source = source
        self._invoke = invoke
        self._database = sqlite3.connect(
            folder / f"{source.queue}.db" if folder else ":memory:",
            check_same_thread=False,
            isolation_level=None,
        )
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY, body TEXT, visible_at REAL)"
        )
        self._changed = threading.Condition()
        self._handing_over = False
        self._stopping = threading.Event()

    def send(self, body: str) -> None:
        message = Message(body)
        with self._changed:
            self._database.execute("INSERT INTO messages VALUES (?, ?, 0)", (message.id, message.body))
            self._changed.notify_all()

    def waiting(self) -> list[Message]:
        """The messages that are not taken yet, in the order of sending."""
        with self._changed:
            rows = self._database.execute("SELECT body, id FROM messages ORDER BY rowid").fetchall()
        return [Message(*row) for row in rows]

    def start(self) -> None:
        threading.Thread(target=self._run, name=self.name, daemon=True).start()

    def stop(self) -> None:
        """Hands nothing over any more; what is with the function is not waited for, and comes again."""
        with self._changed:
            self._stopping.set()
            self._changed.notify_all()
            self._database.close()

    def redrive(self) -> None:
        """Makes every message visible at once."""
        with self._changed:
            self._database.execute("UPDATE messages SET visible_at = 0")
            self._changed.notify_all()

    def drain(self, timeout: float) -> None:
        """Returns when every message has been handed over and none is visible. Raises `TimeoutError`."""
        with self._changed:
            if not self._changed.wait_for(self._is_quiet, timeout):
                raise TimeoutError(f"{self.name} has not been handed over within {timeout:g} s")

    def _is_quiet(self) -> bool:
        return not self._handing_over and not self._visible(1)

    def _visible(self, most: int) -> list[Message]:
        rows = self._database.execute(
            "SELECT body, id FROM messages WHERE visible_at <= ? ORDER BY rowid LIMIT ?", (time.time(), most)
        ).fetchall()
        return [Message(*row) for row in rows]

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._hand_over():
                with self._changed:
                    if not self._stopping.is_set() and not self._visible(1):
                        self._changed.wait(self._seconds_to_next())

    def _seconds_to_next(self) -> float | None:
        """Until a message becomes visible; None if there is none."""
        (next_at,) = self._database.execute("SELECT min(visible_at) FROM messages").fetchone()
        return None if next_at is None else max(0.0, next_at - time.time())

    def _hand_over(self) -> bool:
        """One batch; whether there was one."""
        with self._changed:
            if self._stopping.is_set():
                return False
            batch = self._visible(self._source.batch_size)
            if not batch:
                self._changed.notify_all()
                return False
            self._handing_over = True
            seen_again = time.time() + self._source.visibility_timeout
            for message in batch:
                self._database.execute(
                    "UPDATE messages SET visible_at = ? WHERE id = ?", (seen_again, message.id)
                )
        failed, _ = deliver(self._source, self._invoke, batch)
        with self._changed:
            if self._stopping.is_set():
                return False
            for message in batch:
                if message.id not in failed:
                    self._database.execute("DELETE FROM messages WHERE id = ?", (message.id,))
            self._handing_over = False
            self._changed.notify_all()
        return True


def _event(source: QueueSource, messages: Sequence[Message]) -> dict[str, Any]:
    sent = str(int(time.time() * 1000))
    return {
        "Records": [
            {
                "messageId": message.id,
                "receiptHandle": message.id,
                "body": message.body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": sent,
                    "SenderId": "local",
                    "ApproximateFirstReceiveTimestamp": sent,
                },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{source.queue}",
                "awsRegion": REGION,
            }
            for message in messages
        ]
    }
