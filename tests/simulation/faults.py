"""What may befall a call, and what the caller then sees and the table then holds."""

from collections.abc import Mapping
from enum import StrEnum
from random import Random
from typing import Any, NamedTuple

from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from tests.simulation.dynamodb import cancelled, error


class Fault(StrEnum):
    ERROR_BEFORE = "error before"
    """It never arrived."""
    ANSWER_LOST = "answer lost"
    """It was done, the caller hears of a timeout."""
    ASKED_AGAIN = "asked again"
    """Its answer was lost, and the SDK has asked a second time; the caller hears only of the second."""
    THROTTLED = "throttled"
    CONFLICT = "conflict"
    UNKNOWN_CODE = "unknown code"
    """DynamoDB answers what nobody has heard of yet, and may have done it or not."""
    LATE = "late"
    """The caller hears of a timeout, and it is done only then."""
    PARTIAL = "partial"
    """A part of a batch is left undone; a page ends early."""
    KILLED = "killed"
    """The process of the caller ends, before or after it was done."""


WRITES = {"put_item", "update_item", "delete_item", "batch_write_item", "transact_write_items"}


class Weather(NamedTuple):
    """What a schedule has in store."""

    faults: list[Fault]
    rate: float
    """Faults for each call."""
    stays: float
    lag: float
    """How likely a read that is not consistent sees not all."""
    long_lag: bool
    """Whether an index may be behind even when a stream tells of the change."""
    small_pages: float
    drops: float
    """Batches of a stream for each one delivered, that never come and are told to nobody."""
    gives_up: float
    """The same, that Lambda gives up and tells to the queue of failed changes."""
    disorder: float
    """How likely a batch is cut, shuffled or told twice."""
    out_of_time: float
    checks: int
    mends: int

    @property
    def needs_check(self) -> bool:
        """Whether only the scheduled check knows of all that is missing."""
        return self.drops > 0 or self.long_lag or Fault.LATE in self.faults


def weather(random: Random) -> Weather:
    """Some kinds of faults and not others, so that each is seen with and without the others."""
    kinds = [fault for fault in Fault if random.random() < 0.4]
    return Weather(
        faults=kinds,
        rate=random.choice([0, 0.01, 0.03, 0.1]),
        stays=random.choice([0, 0.5, 0.9]),
        lag=random.choice([0, 0, 0.3, 0.8]),
        long_lag=random.random() < 0.15,
        small_pages=random.choice([0, 0, 0.2]),
        drops=random.choice([0, 0, 0, 0.1, 0.5]),
        gives_up=random.choice([0, 0, 0.1]),
        disorder=random.choice([0, 0.3, 0.8]),
        out_of_time=random.choice([0, 0, 0.05]),
        checks=random.choice([0, 0, 1, 2]),
        mends=random.choice([0, 0, 1]),
    )


def timeout() -> Exception:
    return ReadTimeoutError(endpoint_url="https://dynamodb")


def unreachable() -> Exception:
    return ConnectTimeoutError(endpoint_url="https://dynamodb")


def throttled(operation: str, random: Random) -> Exception:
    if operation == "transact_write_items" and random.random() < 0.5:
        return cancelled(["None", "ThrottlingError"])
    return error(random.choice(["ThrottlingException", "ProvisionedThroughputExceededException"]), operation)


def conflict(operation: str) -> Exception:
    if operation == "transact_write_items":
        return cancelled(["TransactionConflict", "None"])
    return error("TransactionConflictException", operation)


def unknown(operation: str, random: Random) -> Exception:
    code, status = random.choice([("NeverHeardOf", 500), ("", 0), ("Unknown", 0), ("529", 529)])
    return error(code, operation, status=status)


def part_of(operation: str, arguments: Mapping[str, Any], random: Random) -> tuple[Any, Any]:
    """A batch's requests in two parts, the second of which is left undone and may be all."""
    name = "RequestItems"
    done: dict[str, Any] = {}
    left: dict[str, Any] = {}
    for table, of in arguments[name].items():
        things = of["Keys"] if operation == "batch_get_item" else of
        kept = [thing for thing in things if random.random() < 0.5]
        rest = [thing for thing in things if thing not in kept]
        for part, some in ((done, kept), (left, rest)):
            if some:
                part[table] = {**of, "Keys": some} if operation == "batch_get_item" else some
    return done, left
