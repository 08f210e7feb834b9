"""What AWS would be to the functions: their environment, and the three services besides DynamoDB.

The SDK finds them by its own variables, so nothing in the layer knows that it runs locally.
"""

import hashlib
import json
import os
import threading
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from io import FileIO
from pathlib import Path
from typing import Any

from local import template
from local.queues import Queue
from local.template import ACCOUNT, REGION
from teaching.limits import EVENT_BYTES

EVENTS_FILE = "events.jsonl"


def environment(dynamodb: str, stand_in: str) -> dict[str, str]:
    """The SDK's variables: no credentials but dummies, DynamoDB and the rest at these addresses."""
    return {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        **endpoints(dynamodb, stand_in),
    }


def endpoints(dynamodb: str, stand_in: str) -> dict[str, str]:
    """The SDK's variables for where services are."""
    return {
        "AWS_ENDPOINT_URL": stand_in,
        "AWS_ENDPOINT_URL_DYNAMODB": dynamodb,
        "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": dynamodb,
    }


class StandIn:
    """Secrets Manager's `GetSecretValue`, SQS's `SendMessage` and `SendMessageBatch` and EventBridge's
    `PutEvents`, as the functions call them.

    Messages go to the queue of that name among `queues`, which feed a function. Others are appended to
    `<folder>/<queue>.jsonl`; the `reason` of a rejected record is also kept for whoever sent the record
    and asks for it with `reason`. Events are appended to `<folder>/events.jsonl` as EventBridge delivers
    them, and are on the disk before the answer.
    """

    def __init__(self, secrets: Mapping[str, str], folder: Path, queues: Iterable[Queue] = ()) -> None:
        self._secrets = secrets
        self._folder = folder
        self._queues = {queue.name: queue for queue in queues}
        self._reasons: dict[str, str | None] = {}
        self._lock = threading.Lock()
        self._whole: set[Path] = set()
        """Files that end with a whole line."""

    def answer(self, target: str, request: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """The status and body of the answer to a call of the AWS JSON protocol."""
        match target:
            case "secretsmanager.GetSecretValue":
                return self._secret(request["SecretId"])
            case "AmazonSQS.SendMessage" | "AmazonSQS.SendMessageBatch":
                return self._send(request)
            case "AWSEvents.PutEvents":
                return self._put_events(request["Entries"])
        return 400, {"__type": "UnknownOperationException", "message": f"{target} has no stand-in here"}

    def _secret(self, name: str) -> tuple[int, dict[str, Any]]:
        if name not in self._secrets:
            return 400, {"__type": "ResourceNotFoundException", "message": f"no secret {name}"}
        return 200, {"Name": name, "SecretString": self._secrets[name]}

    def _send(self, request: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        queue = request["QueueUrl"].rpartition("/")[2]
        if queue not in self._queues and queue not in _queues():
            return 400, {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no such queue"}
        if "Entries" not in request:
            return 200, self._sent(queue, request)
        sent = [{"Id": entry["Id"], **self._sent(queue, entry)} for entry in request["Entries"]]
        return 200, {"Successful": sent}

    def _sent(self, queue: str, message: Mapping[str, Any]) -> dict[str, Any]:
        attributes = {
            name: attribute.get("StringValue", "")
            for name, attribute in message.get("MessageAttributes", {}).items()
        }
        body = message["MessageBody"]
        self.send(queue, body, attributes)
        with self._lock:
            if attributes.get("message_id") in self._reasons:
                self._reasons[attributes["message_id"]] = attributes.get("reason", "")
        digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
        return {"MessageId": str(uuid.uuid4()), "MD5OfMessageBody": digest}

    def send(self, queue: str, body: str, attributes: Mapping[str, str] | None = None) -> None:
        if queue in self._queues:
            self._queues[queue].send(body)
        else:
            self._keep(queue, {"attributes": dict(attributes or {}), "body": body})

    def _keep(self, queue: str, message: Mapping[str, Any]) -> None:
        """Appends a message to the queue's file, where a person can read it."""
        self._append(self._folder / f"{queue}.jsonl", [message])

    def _put_events(self, entries: Sequence[Mapping[str, Any]]) -> tuple[int, dict[str, Any]]:
        """An entry that EventBridge would refuse is refused alone, a request that it would is as a whole."""
        counted = ("Source", "DetailType", "Detail")
        size = sum(len(entry[name].encode()) for entry in entries for name in counted)
        if not 0 < len(entries) <= 10 or size > EVENT_BYTES:
            return 400, {"__type": "ValidationException", "message": f"{len(entries)} entries, {size} bytes"}
        results: list[dict[str, str]] = []
        events = []
        for entry in entries:
            if code := _refusal(entry):
                results.append({"ErrorCode": code, "ErrorMessage": "not an event"})
            else:
                events.append(_event(entry))
                results.append({"EventId": events[-1]["id"]})
        self._append(self._folder / EVENTS_FILE, events)
        return 200, {"FailedEntryCount": len(entries) - len(events), "Entries": results}

    def _append(self, path: Path, things: Iterable[Mapping[str, Any]]) -> None:
        """A line each, on the disk when this returns. What a killed server left of a line goes: it was never
        answered.
        """
        lines = "".join(json.dumps(thing, ensure_ascii=False) + "\n" for thing in things)
        with self._lock, open(path, "ab+", buffering=0, opener=_private) as file:
            if path not in self._whole:
                file.truncate(_length_of_whole_lines(file))
                self._whole.add(path)
            file.write(lines.encode())
            os.fsync(file.fileno())

    def await_reason(self, message_id: str) -> None:
        with self._lock:
            self._reasons[message_id] = None

    def reason(self, message_id: str) -> str | None:
        """Why the awaited record was rejected, asked once; None if it was not."""
        with self._lock:
            return self._reasons.pop(message_id, None)


def _refusal(entry: Mapping[str, Any]) -> str | None:
    """The code with which EventBridge refuses an entry."""
    if entry["EventBusName"] not in _buses():
        return "EventBusNotFound"
    try:
        detail = json.loads(entry["Detail"])
    except ValueError:
        return "MalformedDetail"
    return None if isinstance(detail, dict) else "MalformedDetail"


def _event(entry: Mapping[str, Any]) -> dict[str, Any]:
    moment = datetime.fromtimestamp(entry["Time"], UTC)
    return delivered(entry["Source"], entry["DetailType"], moment, json.loads(entry["Detail"]))


def delivered(source: str, kind: str, moment: datetime, detail: Any) -> dict[str, Any]:
    """An event as EventBridge delivers it."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": kind,
        "source": source,
        "account": ACCOUNT,
        "time": moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [],
        "detail": detail,
    }


def _length_of_whole_lines(file: FileIO) -> int:
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - 65536)
        file.seek(start)
        newline = (file.read(end - start) or b"").rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


@cache
def _buses() -> frozenset[str]:
    resources = template.read().resources.items()
    return frozenset(name for name, resource in resources if resource["Type"] == "AWS::Events::EventBus")


@cache
def _queues() -> frozenset[str]:
    """The template's queues, so that nobody who sends a message names a file of ours."""
    resources = template.read().resources.items()
    return frozenset(name for name, resource in resources if resource["Type"] == "AWS::SQS::Queue")


def _private(path: str, flags: int) -> int:
    """Records hold personal data: only their owner may read the file, also one that was there before."""
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor
