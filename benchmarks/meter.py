"""Counts what a request costs in DynamoDB; nothing here measures time.

What a request asks for at the same time is asked one after the other while the meter runs, in the
calling thread, so that the same request always comes to the same figures.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from teaching import dynamo

READS = {"get_item", "batch_get_item", "query", "scan"}


@dataclass
class Cost:
    """`trips`: requests that wait for one another; `writes`: those of the requests that write.

    Units are DynamoDB's own, those of indexes included.
    """

    requests: int = 0
    trips: int = 0
    writes: int = 0
    reads_of: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Read units by table."""
    write_units: float = 0

    @property
    def read_units(self) -> float:
        return sum(self.reads_of.values())


@contextmanager
def metered() -> Iterator[Cost]:
    """Counts the requests that the block makes in this thread through `teaching.dynamo`."""
    cost = Cost()
    plain_call = dynamo.call

    def call(operation: str, **arguments: Any) -> Any:
        cost.requests += 1
        cost.trips += 1
        answer = plain_call(operation, **arguments, ReturnConsumedCapacity="TOTAL")
        consumed = answer["ConsumedCapacity"]
        parts = consumed if isinstance(consumed, list) else [consumed]
        for part in parts:
            if operation in READS:
                cost.reads_of[part["TableName"]] += part["CapacityUnits"]
            else:
                cost.write_units += part["CapacityUnits"]
        cost.writes += operation not in READS
        return answer

    def at_once(*requests: Callable[[], Any]) -> list[Any]:
        """The trips of the one that takes the most of them."""
        before, answers, most = cost.trips, [], 0
        for request in requests:
            cost.trips = 0
            answers.append(request())
            most = max(most, cost.trips)
        cost.trips = before + most
        return answers

    with patch.multiple(dynamo, call=call, at_once=at_once, both=lambda *requests: tuple(at_once(*requests))):
        yield cost
