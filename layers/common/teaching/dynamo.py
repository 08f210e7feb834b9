"""DynamoDB as the stores use it: one client, plain Python values, the API's errors.

Items are dicts of str, int, Decimal, bool, None, bytes, list and dict; `to_item` and `from_item`
turn them into DynamoDB's typed values and back. Table names come from the settings.

Every call raises `Unavailable` when DynamoDB throttles, conflicts or does not answer after the
client's own retries (standard mode, 3 attempts, 1 s to connect, 2 s to read), and
`ConditionFailed` when a condition of the call did not hold.
"""

import random
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from teaching.errors import Unavailable

Item = dict[str, Any]
Key = dict[str, str]

BATCH_GET_LIMIT = 100
TRANSACTION_LIMIT = 100

_TRANSIENT = {
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
}


class ConditionFailed(Exception):
    """The condition of a write did not hold when it came to be written."""


@cache
def client() -> Any:
    """The process's one low-level client; botocore's clients are safe under threads."""
    return botocore.session.get_session().create_client(
        "dynamodb",
        config=Config(
            connect_timeout=1,
            read_timeout=2,
            retries={"mode": "standard", "total_max_attempts": 3},
            max_pool_connections=64,
        ),
    )


def call(operation: str, **arguments: Any) -> Any:
    """One request to DynamoDB. Raises `ConditionFailed`, `Unavailable`."""
    try:
        return getattr(client(), operation)(**arguments)
    except ClientError as error:
        raise _translated(error) from error
    except (BotoCoreError, HTTPClientError) as error:
        raise Unavailable() from error


def _translated(error: ClientError) -> Exception:
    code = error.response["Error"]["Code"]
    if code == "ConditionalCheckFailedException":
        return ConditionFailed()
    if code == "TransactionCanceledException":
        codes = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
        if "ConditionalCheckFailed" in codes:
            return ConditionFailed()
        if codes <= {"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}:
            return Unavailable()
    return Unavailable() if code in _TRANSIENT else error


def to_value(value: Any) -> dict[str, Any]:
    """DynamoDB's typed value. Raises `TypeError` for a type that it does not have."""
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int() | Decimal():
            return {"N": str(value)}
        case None:
            return {"NULL": True}
        case bytes():
            return {"B": value}
        case list() | tuple():
            return {"L": [to_value(element) for element in value]}
        case dict():
            return {"M": to_item(value)}
    raise TypeError(f"DynamoDB has no type for {type(value).__name__}")


def to_item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: to_value(value) for name, value in item.items()}


def from_value(typed: Mapping[str, Any]) -> Any:
    ((kind, value),) = typed.items()
    match kind:
        case "S" | "B" | "BOOL":
            return value
        case "N":
            number = Decimal(value)
            return int(number) if number == number.to_integral_value() else number
        case "NULL":
            return None
        case "L":
            return [from_value(element) for element in value]
        case "M":
            return from_item(value)
    raise TypeError(f"not a value that we write: {kind}")


def from_item(typed: Mapping[str, Any]) -> Item:
    return {name: from_value(value) for name, value in typed.items()}
