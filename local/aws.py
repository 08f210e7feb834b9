"""What AWS would be to the functions: their environment, and the two services besides DynamoDB.

The SDK finds them by its own variables, so nothing in the layer knows that it runs locally.
"""

import hashlib
import json
import os
import threading
import uuid
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from local import template
from local.queues import Queue
from local.template import REGION


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
    """Secrets Manager's `GetSecretValue` and SQS's `SendMessage` and `SendMessageBatch`, as the functions
    call them.

    Messages go to the queue of that name among `queues`, which feed a function. Others are appended to
    `<folder>/<queue>.jsonl`; the `reason` of a rejected record is also kept for whoever sent the record
    and asks for it with `reason`.
    """

    def __init__(self, secrets: Mapping[str, str], folder: Path, queues: Iterable[Queue] = ()) -> None:
        self._secrets = secrets
        self._folder = folder
        self._queues = {queue.name: queue for queue in queues}
        self._reasons: dict[str, str | None] = {}
        self._lock = threading.Lock()

    def answer(self, target: str, request: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """The status and body of the answer to a call of the AWS JSON protocol."""
        match target:
            case "secretsmanager.GetSecretValue":
                return self._secret(request["SecretId"])
            case "AmazonSQS.SendMessage" | "AmazonSQS.SendMessageBatch":
                return self._send(request)
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
        path = self._folder / f"{queue}.jsonl"
        with self._lock, open(path, "a", encoding="utf-8", opener=_private) as file:
            file.write(json.dumps(message, ensure_ascii=False) + "\n")

    def await_reason(self, message_id: str) -> None:
        with self._lock:
            self._reasons[message_id] = None

    def reason(self, message_id: str) -> str | None:
        """Why the awaited record was rejected, asked once; None if it was not."""
        with self._lock:
            return self._reasons.pop(message_id, None)


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
