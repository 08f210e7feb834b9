from collections.abc import Callable
from typing import Any

import pytest

from teaching import changed_rows
from teaching.changed_rows import Trimmed
from teaching.errors import Unavailable

STREAM = "arn:aws:dynamodb:ap-southeast-3:123456789012:table/UsersTable/stream/2026-02-20T10:00:00.000"


class Shard:
    """Stands for the client of DynamoDB Streams: pages of sequence numbers, one after another."""

    class exceptions:
        class TrimmedDataAccessException(Exception): ...

        class ResourceNotFoundException(Exception): ...

    def __init__(self, *pages: list[int], fault: Callable[[], Exception] | None = None) -> None:
        self._pages = pages
        self._fault = fault
        self.read = 0

    def get_shard_iterator(self, **_: Any) -> dict[str, Any]:
        return {"ShardIterator": 0}

    def get_records(self, ShardIterator: int) -> dict[str, Any]:
        if self._fault and ShardIterator == len(self._pages):
            raise self._fault()
        self.read += 1
        numbers = self._pages[ShardIterator] if ShardIterator < len(self._pages) else []
        records = [
            {"dynamodb": {"Keys": {"id": {"S": f"row {number}"}}, "SequenceNumber": str(number)}}
            for number in numbers
        ]
        return {"Records": records, "NextShardIterator": ShardIterator + 1}


def read_between(shard: Shard, first: int, last: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(changed_rows, "_client", lambda: shard)
    changes = changed_rows.changes_between(STREAM, "shard", str(first), str(last))
    return [change.id for change in changes]


def test_a_batch_is_read_anew_over_pages_and_empty_ones_up_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shard = Shard([], [8, 9], [], [10, 11], [12])
    assert read_between(shard, 8, 10, monkeypatch) == ["row 8", "row 9", "row 10"]
    assert shard.read == 4
    assert read_between(Shard([8], [11]), 8, 10, monkeypatch) == ["row 8"]


def test_a_shard_that_never_comes_to_the_end_is_read_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable):
        read_between(Shard([8]), 8, 10, monkeypatch)


def test_records_that_the_stream_forgot_are_told_as_trimmed(monkeypatch: pytest.MonkeyPatch) -> None:
    for fault in (Shard.exceptions.TrimmedDataAccessException, Shard.exceptions.ResourceNotFoundException):
        with pytest.raises(Trimmed):
            read_between(Shard([8], fault=fault), 8, 10, monkeypatch)
