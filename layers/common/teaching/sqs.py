"""SQS as the functions use it: one client, made when there is something to send."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from teaching import aws, dynamo
from teaching.errors import Unavailable

BATCH_LIMIT = 10


@cache
def client() -> Any:
    return aws.create_client("sqs", read_timeout=5)


def send(queue: str, body: str, attributes: Mapping[str, str]) -> None:
    """One message to the queue (its URL). Raises what botocore raises."""
    typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    client().send_message(QueueUrl=queue, MessageBody=body, MessageAttributes=typed)


def send_all(queue: str, bodies: Iterable[str]) -> None:
    """A message for each body. Raises `Unavailable` or what botocore raises, when some may have been sent."""
    for some in dynamo.chunked(bodies, BATCH_LIMIT):
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(some)]
        answer = client().send_message_batch(QueueUrl=queue, Entries=entries)
        if answer.get("Failed"):
            raise Unavailable()
