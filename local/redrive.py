"""`make redrive`: has every failed change tried again now, of the running server or of a stack in AWS.

`STACK=<name>` names the stack. Exit code 1 if changes remain that fail.
"""

import json
import os
import sys
import time
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from local import settings
from local.account import Account, AccountError, region_of
from local.load import LoadError, call
from local.settings import SettingsError

_LONGEST_POLL = 20
"""Seconds; SQS's own limit."""


class Redriven(NamedTuple):
    healed: int
    remaining: list[str]
    """The bodies of the messages that still fail."""


def redrive_server(url: str) -> Redriven:
    """Raises `LoadError` when no server answers."""
    return Redriven(**call(url, "redrive"))


def redrive_stack(stack: str) -> Redriven:
    """Raises `AccountError` and what botocore raises."""
    account = Account(region_of(stack))
    print(f"As {account.caller}, in {account.region}:", file=sys.stderr)
    if not account.stack(stack):
        raise AccountError(f"there is no stack {stack} in {account.region}")
    resources = account.client("cloudformation")

    def identity(name: str) -> str:
        found = resources.describe_stack_resource(StackName=stack, LogicalResourceId=name)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    functions = account.client("lambda", read_timeout=300)
    return redrive_queue(account.client("sqs"), functions, identity("FailedChanges"), identity("HealChanges"))


def redrive_queue(sqs: Any, functions: Any, queue: str, function: str) -> Redriven:
    """Hands every message to the function. Those that Lambda tried lately are not visible: waits for them,
    for a visibility timeout at most.
    """
    healed = 0
    remaining: dict[str, str] = {}
    known = _attributes(sqs, queue)
    deadline = time.monotonic() + int(known["VisibilityTimeout"]) + _LONGEST_POLL
    while time.monotonic() < deadline:
        known = _attributes(sqs, queue)
        hidden = int(known["ApproximateNumberOfMessagesNotVisible"]) - len(remaining)
        if int(known["ApproximateNumberOfMessages"]) == 0 and hidden <= 0:
            break
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=_LONGEST_POLL)
        for message in messages.get("Messages", []):
            if _heals(functions, function, message):
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                remaining.pop(message["MessageId"], None)
                healed += 1
            else:
                remaining[message["MessageId"]] = message["Body"]
    return Redriven(healed, list(remaining.values()))


def _attributes(sqs: Any, queue: str) -> dict[str, str]:
    names = ["VisibilityTimeout", "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes: dict[str, str] = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return attributes


def _heals(functions: Any, function: str, message: dict[str, Any]) -> bool:
    event = {"Records": [{"messageId": message["MessageId"], "body": message["Body"]}]}
    answer = functions.invoke(FunctionName=function, Payload=json.dumps(event))
    failed = "FunctionError" in answer or json.load(answer["Payload"])["batchItemFailures"]
    return not failed


def main() -> int:
    try:
        stack = os.environ.get("STACK")
        done = redrive_stack(stack) if stack else redrive_server(settings.server_url())
    except (LoadError, SettingsError, AccountError, BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{done.healed} healed, {len(done.remaining)} remaining")
    for body in done.remaining:
        print(f"  {_named(body)}")
    return 1 if done.remaining else 0


def _named(body: str) -> str:
    """The row that a message is about; a message of another kind as it is."""
    try:
        told = json.loads(body)
        return f"{told['table']}/{told['id']}"
    except (ValueError, KeyError, TypeError):
        return body


if __name__ == "__main__":
    sys.exit(main())
