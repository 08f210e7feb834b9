"""The plain ways to the same answers, on the same tables: count by Query, walk, filter in memory."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from teaching import dynamo
from teaching.directory import search
from teaching.dynamo import Item
from teaching.grading.rules import Status
from teaching.limits import PER_PAGE
from teaching.settings import settings


def page_of(status: Status, page: int) -> tuple[list[Item], int]:
    """The total by counting all rows, the page by walking those before it."""
    return list(islice(_newest(status), (page - 1) * PER_PAGE, page * PER_PAGE)), _count(status)


def statistics() -> tuple[int, int, float]:
    """Submitted, graded, and the average score of the graded: every row's score is read."""
    scores = [row["score"] for row in _newest(Status.GRADED)]
    return _count(Status.SUBMITTED), len(scores), float(sum(scores) / len(scores))


def searched(text: str) -> tuple[list[Item], int]:
    """All rows are read and filtered here."""
    words = search.words_of(text)
    found = [
        row
        for status in Status
        for row in _newest(status)
        if all(search.contains(search.normalised(row["user"] + row["item"]), word) for word in words)
    ]
    found.sort(key=lambda row: str(row["order_key"]).partition("#")[2], reverse=True)
    return found[:PER_PAGE], len(found)


def _newest(status: Status) -> Iterator[Item]:
    return dynamo.query(
        settings().submissions_table,
        "#status = :status",
        {":status": status.value},
        index="by_status",
        newest_first=True,
    )


def _count(status: Status) -> int:
    """By Select=COUNT: the rows are read, a megabyte at a time, but not sent."""
    total = 0
    start: dict[str, Any] = {}
    while True:
        answer = dynamo.call(
            "query",
            TableName=settings().submissions_table,
            IndexName="by_status",
            Select="COUNT",
            KeyConditionExpression="#status = :status",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues=dynamo.to_item({":status": status.value}),
            **start,
        )
        total += int(answer["Count"])
        if "LastEvaluatedKey" not in answer:
            return total
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
