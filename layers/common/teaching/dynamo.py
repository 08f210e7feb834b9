"""DynamoDB as the stores use it: one client, plain Python values, the API's errors.

Items are dicts of str, int, Decimal, bool, None, bytes, list and dict; `to_item` and `from_item`
turn them into DynamoDB's typed values and back. Table names come from the settings.

Every call raises `Unavailable` when DynamoDB throttles, conflicts or does not answer after the
client's own retries (standard mode, 3 attempts, 1 s to connect, 2 s to read), and
`ConditionFailed` when a condition of the call did not hold; `Conflict` is an `Unavailable`.
"""

import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError

from teaching import aws
from teaching.errors import Unavailable

Item = dict[str, Any]
Key = dict[str, str]
Answer = TypeVar("Answer")
Other = TypeVar("Other")
Thing = TypeVar("Thing")

BATCH_GET_LIMIT = 100
BATCH_WRITE_LIMIT = 25
TRANSACTION_LIMIT = 100
AT_ONCE_MOST = 100
"""Requests that are under way at the same time: as many as a batch of marks or grades writes."""
AGAIN = 8
"""How often what DynamoDB left unprocessed is asked for again, with growing pauses."""
RACES = 16
"""How often one tries whom others overtake, with growing pauses of 2 s on average in all; of 50 that wrote a
row at once some needed 9, on a busy machine 13.
"""

REMEMBERED = 8
"""So many of the requests that wrote a row are known by it, the last ones."""

_TRANSIENT = {
    "InternalFailure",
    "InternalServerError",
    "InternalServiceError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionInProgressException",
}


_TRANSIENT_STATUSES = (408, 429)
"""Besides all of 500 and more."""


class ConditionFailed(Exception):
    """The condition of a write did not hold when it came to be written."""

    sent_once = False
    """Whether nothing can have been written: what the client has sent again may be refused by itself."""


class Conflict(Unavailable):
    """A transaction was writing one of the rows at that moment."""

    sent_once = False
    """As of `ConditionFailed`."""


@cache
def client() -> Any:
    """The process's one low-level client; botocore's clients are safe under threads."""
    return aws.create_client("dynamodb", read_timeout=2, connections=AT_ONCE_MOST, parsers=aws.ItemParsers())


def connect() -> None:
    """Opens a connection that the next request will find open. Raises what botocore raises.

    By DynamoDB's answer to a plain GET, which is about its health, costs nothing and needs no permission.
    """
    request = AWSRequest(method="GET", url=client().meta.endpoint_url)
    client()._endpoint.http_session.send(request.prepare())


def call(operation: str, **arguments: Any) -> Any:
    """One request to DynamoDB. Raises `ConditionFailed`, `Unavailable`."""
    try:
        return getattr(client(), operation)(**arguments)
    except ClientError as error:
        raise _translated(error) from error
    except BotoCoreError as error:
        raise Unavailable() from error


def code_of(error: ClientError) -> str:
    """AWS's own name of the error; where it has none, botocore puts the HTTP status, `Unknown` or nothing."""
    return str(error.response.get("Error", {}).get("Code", ""))


def may_pass(error: ClientError) -> bool:
    """Whether it is AWS's trouble and no mistake of ours, so that the same request may succeed later."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= 500 or status in _TRANSIENT_STATUSES:
        return True
    code = code_of(error)
    return code in _TRANSIENT or code in ("", "Unknown") or code.isdigit()


def _translated(error: ClientError) -> Exception:
    translated = _meaning(error)
    if isinstance(translated, ConditionFailed | Conflict):
        translated.sent_once = error.response.get("ResponseMetadata", {}).get("RetryAttempts") == 0
    return translated


def _meaning(error: ClientError) -> Exception:
    code = code_of(error)
    if code == "ConditionalCheckFailedException":
        return ConditionFailed()
    if code == "TransactionCanceledException":
        codes = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
        if "ConditionalCheckFailed" in codes:
            return ConditionFailed()
        if codes <= {"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}:
            return Conflict() if "TransactionConflict" in codes else Unavailable()
    if code == "TransactionConflictException":
        return Conflict()
    return Unavailable() if may_pass(error) else error


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


_in_pool = threading.local()
"""Marks the pool's own threads: a request made there waits for no other thread, or all might wait."""


def _mark() -> None:
    _in_pool.yes = True


@cache
def _pool() -> ThreadPoolExecutor:
    client()  # Here once: several threads at a time would each make their own.
    return ThreadPoolExecutor(max_workers=AT_ONCE_MOST, thread_name_prefix="dynamo", initializer=_mark)


def at_once(*requests: Callable[[], Answer]) -> list[Answer]:
    """The answers of requests made at the same time, in their order: one round trip."""
    if len(requests) < 2 or hasattr(_in_pool, "yes"):
        return [request() for request in requests]
    return [future.result() for future in [_pool().submit(request) for request in requests]]


def outcome(request: Callable[[], Answer]) -> Answer | Exception:
    """Its answer, or the error that it fails with."""
    try:
        return request()
    except Exception as error:
        return error


def both(first: Callable[[], Answer], second: Callable[[], Other]) -> tuple[Answer, Other]:
    """The answers of two kinds of requests made at the same time: one round trip."""
    if hasattr(_in_pool, "yes"):
        return first(), second()
    waiting = _pool().submit(first)
    answer = second()
    return waiting.result(), answer


def chunked(things: Iterable[Thing], size: int) -> Iterator[list[Thing]]:
    """The things in lists of `size`, the last one shorter."""
    rest = iter(things)
    while chunk := list(islice(rest, size)):
        yield chunk


def pause(attempt: int) -> None:
    """Waits 5 ms doubled by every attempt, up to 400 ms, with full jitter."""
    time.sleep(random.uniform(0, min(0.4, 0.005 * 2**attempt)))


def get(table: str, key: Key, *, consistent: bool = False) -> Item | None:
    found = call("get_item", TableName=table, Key=to_item(key), ConsistentRead=consistent).get("Item")
    return from_item(found) if found else None


def batch_get(keys: Mapping[str, Sequence[Key]], *, consistent: bool = False) -> dict[str, list[Item]]:
    """The items that exist, by table, in no order; chunks of 100 keys are read at once."""
    wanted = [(table, key) for table, of_table in keys.items() for key in of_table]
    found: dict[str, list[Item]] = {table: [] for table in keys}
    if not wanted:
        return found
    for items in at_once(*[_batch_get_of(chunk, consistent) for chunk in chunked(wanted, BATCH_GET_LIMIT)]):
        for table, item in items:
            found[table].append(item)
    return found


def _batch_get_of(chunk: Sequence[tuple[str, Key]], consistent: bool) -> Callable[[], list[tuple[str, Item]]]:
    def read() -> list[tuple[str, Item]]:
        request: dict[str, Any] = {}
        for table, key in chunk:
            request.setdefault(table, {"Keys": [], "ConsistentRead": consistent})["Keys"].append(to_item(key))
        found: list[tuple[str, Item]] = []
        for attempt in range(AGAIN):
            answer = call("batch_get_item", RequestItems=request)
            for table, items in answer["Responses"].items():
                found += [(table, from_item(item)) for item in items]
            request = answer.get("UnprocessedKeys") or {}
            if not request:
                return found
            pause(attempt)
        raise Unavailable()

    return read


def query(
    table: str,
    condition: str,
    values: Item,
    *,
    index: str | None = None,
    limit: int | None = None,
    newest_first: bool = False,
    consistent: bool = False,
) -> Iterator[Item]:
    """The items that meet the key condition, over as many pages as DynamoDB makes, read as they are taken.

    No more than `limit` of them, if one is given. In `condition` a name that DynamoDB reserves is written
    with a leading `#`: `#status = :status`.
    """
    arguments: dict[str, Any] = {
        "TableName": table,
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": to_item(values),
        "ScanIndexForward": not newest_first,
        "ConsistentRead": consistent,
    } | _names(condition)
    if index:
        arguments["IndexName"] = index
    if limit:
        arguments["Limit"] = limit
    while True:
        answer = call("query", **arguments)
        yield from map(from_item, answer["Items"])
        if limit:
            arguments["Limit"] -= len(answer["Items"])
        if "LastEvaluatedKey" not in answer or arguments.get("Limit") == 0:
            return
        arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def scan(
    table: str,
    start: Key | None = None,
    *,
    index: str | None = None,
    part: int = 0,
    parts: int = 1,
    limit: int = 1000,
) -> tuple[list[Item], Key | None]:
    """One page of a whole table or index, or of one of so many parts of it, and where the next one starts.

    Only the scheduled functions do this.
    """
    arguments: dict[str, Any] = {"TableName": table, "Limit": limit}
    if index:
        arguments["IndexName"] = index
    if parts > 1:
        arguments |= {"Segment": part, "TotalSegments": parts}
    if start:
        arguments["ExclusiveStartKey"] = to_item(start)
    answer = call("scan", **arguments)
    last = answer.get("LastEvaluatedKey")
    return [from_item(item) for item in answer["Items"]], from_item(last) if last else None


def scan_all(table: str, *, index: str | None = None) -> Iterator[Item]:
    """Every item of a whole table or index, read page by page as they are taken."""
    start: Key | None = None
    while True:
        rows, start = scan(table, start, index=index)
        yield from rows
        if not start:
            return


def put(table: str, item: Item) -> None:
    call("put_item", **put_arguments(table, item))


def put_arguments(
    table: str, item: Item, *, condition: str | None = None, values: Item | None = None
) -> dict[str, Any]:
    return {"TableName": table, "Item": to_item(item)} | _conditional(condition, values)


def delete(table: str, key: Key) -> None:
    call("delete_item", **delete_arguments(table, key))


def batch_write(table: str, puts: Sequence[Item], deletes: Sequence[Key]) -> None:
    """Writes without conditions and in no order, 25 to a request; no key may come twice."""
    writes: list[dict[str, Any]] = [{"PutRequest": {"Item": to_item(item)}} for item in puts]
    writes += [{"DeleteRequest": {"Key": to_item(key)}} for key in deletes]
    at_once(*[_batch_write_of(table, chunk) for chunk in chunked(writes, BATCH_WRITE_LIMIT)])


def _batch_write_of(table: str, chunk: list[dict[str, Any]]) -> Callable[[], None]:
    def write() -> None:
        request: dict[str, Any] = {table: chunk}
        for attempt in range(AGAIN):
            request = call("batch_write_item", RequestItems=request).get("UnprocessedItems") or {}
            if not request:
                return
            pause(attempt)
        raise Unavailable()

    return write


def put_from(table: str, item: Item, version: int) -> None:
    """Puts the item, if what is stored is still of this version (0: not there).

    Raises `ConditionFailed`, `Unavailable`.
    """
    call("put_item", **put_from_arguments(table, item, version))


def put_from_arguments(table: str, item: Item, version: int) -> dict[str, Any]:
    if not version:
        return put_arguments(table, item, condition="attribute_not_exists(version)")
    return put_arguments(table, item, condition="version = :version", values={":version": version})


def check(table: str, key: Key, condition: str, values: Item) -> dict[str, Any]:
    """Part of a transaction: it writes only if the condition holds for this row."""
    return {"ConditionCheck": {"TableName": table, "Key": to_item(key), **_conditional(condition, values)}}


def delete_arguments(
    table: str, key: Key, *, condition: str | None = None, values: Item | None = None
) -> dict[str, Any]:
    return {"TableName": table, "Key": to_item(key)} | _conditional(condition, values)


def update(
    table: str, key: Key, changes: Mapping[str, Any], *, condition: str, values: Item | None = None
) -> Item:
    """Sets `changes` (None removes the attribute) and adds 1 to `version`.

    Answers the whole item as it is now. Raises `ConditionFailed`, `Unavailable`.
    """
    arguments = update_arguments(table, key, changes, condition=condition, values=values)
    return from_item(call("update_item", **arguments, ReturnValues="ALL_NEW")["Attributes"])


def update_arguments(
    table: str,
    key: Key,
    changes: Mapping[str, Any],
    *,
    condition: str | None = None,
    values: Item | None = None,
) -> dict[str, Any]:
    """What `update` asks for; also part of a transaction."""
    given = dict(values or {})
    sets, removes = [], []
    for name, value in changes.items():
        if value is None:
            removes.append(f"#{name}")
        else:
            sets.append(f"#{name} = :new_{name}")
            given[f":new_{name}"] = value
    expression = (f"SET {', '.join(sets)} " if sets else "") + (
        f"REMOVE {', '.join(removes)} " if removes else ""
    )
    return {
        "TableName": table,
        "Key": to_item(key),
        "UpdateExpression": expression + "ADD version :one",
        "ExpressionAttributeValues": to_item(given | {":one": 1}),
        **({"ConditionExpression": condition} if condition else {}),
        **_names(f"{expression} {condition or ''}"),
    }


def update_from(
    table: str,
    key: Key,
    stored: Item | None,
    changes: Mapping[str, Any],
    also: Sequence[Mapping[str, Any]] = (),
) -> Item:
    """`update`, if the row is still the version that was read; None: if there is still none.

    With what is `also` to be written it is one transaction, which costs twice as much.
    """
    version = stored["version"] if stored else 0
    held = "version = :version" if stored else "attribute_not_exists(version)"
    values = {":version": version} if stored else None
    if not also:
        return update(table, key, changes, condition=held, values=values)
    transact([{"Update": update_arguments(table, key, changes, condition=held, values=values)}, *also])
    # A transaction answers nothing, and its condition says what the row was before.
    return _changed(stored or {**key, "version": 0}, changes)


def _changed(stored: Item, changes: Mapping[str, Any]) -> Item:
    """A row after an update."""
    row = {**stored, **changes, "version": stored["version"] + 1}
    return {name: value for name, value in row.items() if value is not None}


class Request:
    """A request that reads a row, decides, and writes it once, whatever becomes of the answers.

    A write whose answer was lost is sent again by the client, and then refused because of itself. So each
    write leaves an id in the row's `requests`, which keeps those of the last `REMEMBERED`, and what was
    refused after being sent again is known by it when the row is read anew, even if others have written the
    row since. And each write is one from the version that was read: what was on its way for long cannot
    overwrite what came after it. The version that it makes is noted in the row (`acted_version`), for what is
    told of requests and not of other changes.
    """

    def __init__(self, table: str, key: Key) -> None:
        self._table = table
        self._key = key
        self._doubtful: dict[bytes, Item] = {}
        """What the row has become if a write was made, by its id."""

    def written(self, stored: Item | None) -> Item | None:
        """The row as this request wrote it; None when it has not, as the row that was read now tells.

        Raises `Unavailable` when too many others have written the row to tell.
        """
        if not stored:
            return None
        for write in stored.get("requests", []):
            if write in self._doubtful:
                return self._doubtful[write]
        if any(stored["version"] - row["version"] >= REMEMBERED for row in self._doubtful.values()):
            raise Unavailable()
        # What has not written the version that it would have written never will.
        possible = {write for write, row in self._doubtful.items() if row["version"] > stored["version"]}
        self._doubtful = {write: self._doubtful[write] for write in possible}
        return None

    def write(self, stored: Item, changes: Mapping[str, Any], also: Sequence[Mapping[str, Any]] = ()) -> Item:
        """`update_from`, remembered; the row as it is now."""
        write = os.urandom(6)
        requests = [*stored.get("requests", []), write]
        acted = {"requests": requests[-REMEMBERED:], "acted_version": stored["version"] + 1}
        changes = {**changes, **acted}
        try:
            return update_from(self._table, self._key, stored, changes, also)
        except (ConditionFailed, Conflict) as refused:
            if not refused.sent_once:
                self._doubtful[write] = _changed(stored, changes)
            raise


def unless_lost(read_and_write: Callable[[], Answer]) -> Answer:
    """Reads, decides and writes anew while others change the same row first. Raises `Unavailable`."""
    for attempt in range(RACES):
        try:
            return read_and_write()
        except (ConditionFailed, Conflict):
            pause(attempt)
    raise Unavailable()


def each_unless_lost(
    things: Sequence[Thing], make: Callable[[Sequence[Thing]], Sequence[Answer | Exception]]
) -> list[Answer | Exception]:
    """What `make` gives for each of the things: a result, or the error that it failed with.

    It is asked anew for those that others were faster at; what is still so in the end is `Unavailable`.
    """
    outcomes: list[Answer | Exception] = [Unavailable() for _ in things]
    waiting = list(range(len(things)))
    for attempt in range(RACES):
        try:
            made = make([things[number] for number in waiting])
        except Unavailable:
            if not attempt:
                raise
            return outcomes
        lost = []
        for number, outcome in zip(waiting, made, strict=True):
            if isinstance(outcome, ConditionFailed | Conflict):
                lost.append(number)
            else:
                outcomes[number] = outcome
        waiting = lost
        if not waiting:
            break
        pause(attempt)
    return outcomes


def unless_busy(write: Callable[[], Answer]) -> Answer:
    """Writes again while DynamoDB has no capacity, or another transaction is at it. Raises `Unavailable`."""
    for attempt in range(AGAIN):
        try:
            return write()
        except Unavailable:
            pause(attempt)
    raise Unavailable()


def refresh(table: str, key: Key, derived: Callable[[Item], Mapping[str, Any]]) -> None:
    """Brings what a row carries of others in line with them, until a look at them finds nothing to change."""

    def read_and_write() -> bool:
        stored = get(table, key, consistent=True)
        fresh = derived(stored) if stored else {}
        if not stored or holds(stored, fresh):
            return True
        update_from(table, key, stored, fresh)
        return False

    while not unless_lost(read_and_write):
        continue


def holds(stored: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Whether a row has all of the values; None stands for an attribute that is not there."""
    return all(stored.get(name) == value for name, value in values.items())


def transact(writes: Sequence[Mapping[str, Any]], token: str | None = None) -> None:
    """All of the writes (`{"Put": …}`, `{"Update": …}`, …) or none; with one token they are made once.

    Raises `ConditionFailed`, `Conflict`, `Unavailable`.
    """
    named = {"ClientRequestToken": token} if token else {}
    call("transact_write_items", TransactItems=list(writes), **named)


def _conditional(condition: str | None, values: Item | None) -> dict[str, Any]:
    if condition is None:
        return {}
    arguments = {"ConditionExpression": condition} | _names(condition)
    return arguments | ({"ExpressionAttributeValues": to_item(values)} if values else {})


def _names(expression: str) -> dict[str, Any]:
    names = {name: name[1:] for name in re.findall(r"#\w+", expression)}
    return {"ExpressionAttributeNames": names} if names else {}
