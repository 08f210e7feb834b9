import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from urllib3.util import connection

from teaching import dynamo
from teaching.dynamo import ConditionFailed, Item
from teaching.errors import Unavailable
from tests.support import new_id, put_rows

TABLE = "SubmissionsTable"


class Client:
    """Answers each call with the next of the given answers, or raises it; remembers the calls."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[dict[str, Any]] = []

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def answer(**arguments: Any) -> Any:
            self.calls.append(arguments)
            given = self.answers.pop(0)
            if isinstance(given, Exception):
                raise given
            return given

        return answer


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Which attempts were waited after; nothing is really waited."""
    made: list[int] = []
    monkeypatch.setattr(dynamo, "pause", made.append)
    return made


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch, pauses: list[int]) -> Callable[..., Client]:
    def serve(*answers: Any) -> Client:
        client = Client(*answers)
        monkeypatch.setattr(dynamo, "client", lambda: client)
        return client

    return serve


def refusal(code: str, *reasons: str, status: int = 400) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "table arn:aws:secret"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    if reasons:
        response["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return ClientError(response, "PutItem")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "é😀\x00",
        0,
        -1,
        10**37,
        Decimal("90.5"),
        Decimal("0.000000000000001"),
        True,
        False,
        None,
        b"\x00\xff",
        [],
        ["a", 1, None, [True]],
        {},
        {"b": {"a": [{"c": None}]}, "a": Decimal("1.5")},
    ],
)
def test_a_value_comes_back_as_it_went(value: Any) -> None:
    back = dynamo.from_value(dynamo.to_value(value))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.usefixtures("tables")
def test_an_item_comes_back_from_the_store_as_it_went() -> None:
    row: Item = {
        "id": new_id(),
        "text": "é😀",
        "empty": "",
        "score": Decimal("90.5"),
        "whole": 90,
        "flag": False,
        "nothing": None,
        "raw": b"\x00\xff",
        "list": [1, "a", None],
        "map": {"b": {}, "a": []},
    }
    dynamo.put(TABLE, row)
    assert dynamo.get(TABLE, {"id": row["id"]}, consistent=True) == row
    assert dynamo.get(TABLE, {"id": new_id()}) is None


def test_a_connection_that_was_opened_is_the_next_requests(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an answer about its health, whatever it is."""
    opened: list[str] = []
    really = connection.create_connection

    def create(address: tuple[str, int], *arguments: Any, **options: Any) -> Any:
        opened.append(address[0])
        return really(address, *arguments, **options)

    monkeypatch.setattr(connection, "create_connection", create)
    client = dynamo.client.__wrapped__()
    monkeypatch.setattr(dynamo, "client", lambda: client)
    dynamo.connect()
    assert len(opened) == 1
    dynamo.get(TABLE, {"id": new_id()})
    assert len(opened) == 1


def test_a_whole_decimal_comes_back_as_an_int() -> None:
    assert type(dynamo.from_value(dynamo.to_value(Decimal("90.0")))) is int


@pytest.mark.parametrize("value", [1.5, {1, 2}, object()])
def test_a_type_that_dynamodb_lacks_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        dynamo.to_value(value)


@pytest.fixture
def wide(tables: str) -> list[str]:
    """The sort keys of a partition that DynamoDB answers in several pages."""
    keys = [f"{number:03}" for number in range(60)]
    rows = [{"session_id": "wide", "participant_id": key, "padding": "x" * 60_000} for key in keys]
    put_rows("PresencesTable", rows)
    return keys


def ids(rows: Iterator[Item] | list[Item]) -> list[str]:
    return [row["participant_id"] for row in rows]


def test_a_query_reads_every_page(wide: list[str]) -> None:
    condition, values = "session_id = :session", {":session": "wide"}
    answer = dynamo.call(
        "query",
        TableName="PresencesTable",
        KeyConditionExpression=condition,
        ExpressionAttributeValues=dynamo.to_item(values),
    )
    assert len(answer["Items"]) < len(wide), "one page holds it all: this would test nothing"
    assert ids(dynamo.query("PresencesTable", condition, values)) == wide
    assert ids(dynamo.query("PresencesTable", condition, values, newest_first=True)) == wide[::-1]
    assert ids(dynamo.query("PresencesTable", condition, values, limit=40)) == wide[:40]
    assert ids(dynamo.query("PresencesTable", condition, values, limit=60)) == wide
    assert ids(dynamo.query("PresencesTable", condition, values, limit=61)) == wide


def test_a_scan_goes_on_where_it_ended(wide: list[str]) -> None:
    found: list[str] = []
    start: dynamo.Key | None = None
    while True:
        rows, start = dynamo.scan("PresencesTable", start, limit=25)
        assert len(rows) <= 25
        found += ids(rows)
        if not start:
            break
    assert sorted(found) == wide


@pytest.mark.usefixtures("tables")
def test_a_batch_get_takes_any_number_of_keys_of_several_tables() -> None:
    users = [{"id": new_id()} for _ in range(230)]
    items = [{"id": new_id()} for _ in range(3)]
    put_rows("UsersTable", users)
    put_rows("ItemsTable", items)
    found = dynamo.batch_get({"UsersTable": [*users, {"id": new_id()}], "ItemsTable": items}, consistent=True)
    assert sorted(row["id"] for row in found["UsersTable"]) == sorted(row["id"] for row in users)
    assert sorted(row["id"] for row in found["ItemsTable"]) == sorted(row["id"] for row in items)
    assert dynamo.batch_get({}) == {}
    assert dynamo.batch_get({"UsersTable": []}) == {"UsersTable": []}


def found_row(identity: str) -> dict[str, Any]:
    return {TABLE: [dynamo.to_item({"id": identity})]}


def keys_of(*ids: str) -> dict[str, Any]:
    return {TABLE: {"Keys": [dynamo.to_item({"id": identity}) for identity in ids]}}


def test_unprocessed_keys_are_asked_for_again(serving: Callable[..., Client], pauses: list[int]) -> None:
    client = serving(
        {"Responses": found_row("a"), "UnprocessedKeys": keys_of("b", "c")},
        {"Responses": {}, "UnprocessedKeys": keys_of("b", "c")},
        {"Responses": found_row("b"), "UnprocessedKeys": keys_of("c")},
        {"Responses": found_row("c"), "UnprocessedKeys": {}},
    )
    found = dynamo.batch_get({TABLE: [{"id": "a"}, {"id": "b"}, {"id": "c"}]})
    assert [row["id"] for row in found[TABLE]] == ["a", "b", "c"]
    assert [call["RequestItems"] for call in client.calls[1:]] == [
        keys_of("b", "c"),
        keys_of("b", "c"),
        keys_of("c"),
    ]
    assert pauses == [0, 1, 2]


def test_keys_that_stay_unprocessed_make_the_store_unavailable(serving: Callable[..., Client]) -> None:
    never = {"Responses": {}, "UnprocessedKeys": keys_of("a")}
    serving(*[never] * 100)
    with pytest.raises(Unavailable):
        dynamo.batch_get({TABLE: [{"id": "a"}]})


@pytest.mark.parametrize(
    "error",
    [
        refusal("ProvisionedThroughputExceededException"),
        refusal("ThrottlingException"),
        refusal("RequestLimitExceeded"),
        refusal("InternalServerError"),
        refusal("TransactionConflictException"),
        refusal("TransactionCanceledException", "None", "TransactionConflict"),
        refusal("TransactionCanceledException", "ThrottlingError"),
        refusal("InternalFailure", status=500),
        refusal("InternalFailure"),
        refusal("503", status=503),
        refusal("502", status=502),
        refusal("Unknown", status=500),
        refusal("", status=504),
        refusal(""),
        refusal("400"),
        refusal("429", status=429),
        refusal("RequestTimeout", status=408),
        refusal("SomethingNewException", status=500),
        refusal("ValidationException", status=500),
        ClientError({}, "PutItem"),
        ClientError({"Error": {"Message": "no code"}}, "PutItem"),
        ConnectTimeoutError(endpoint_url="http://127.0.0.1:9"),
        ReadTimeoutError(endpoint_url="http://127.0.0.1:9"),
    ],
)
def test_what_may_pass_is_unavailable(serving: Callable[..., Client], error: Exception) -> None:
    serving(error)
    with pytest.raises(Unavailable):
        dynamo.put(TABLE, {"id": "a"})


@pytest.mark.parametrize(
    "error",
    [
        refusal("ConditionalCheckFailedException"),
        refusal("TransactionCanceledException", "None", "ConditionalCheckFailed"),
        refusal("TransactionCanceledException", "TransactionConflict", "ConditionalCheckFailed"),
    ],
)
def test_a_condition_that_does_not_hold_is_told_apart(
    serving: Callable[..., Client], error: Exception
) -> None:
    serving(error)
    with pytest.raises(ConditionFailed):
        dynamo.put(TABLE, {"id": "a"})


@pytest.mark.parametrize(
    "error",
    [
        refusal("ValidationException"),
        refusal("ResourceNotFoundException"),
        refusal("AccessDeniedException"),
        refusal("AccessDeniedException", status=403),
        refusal("UnrecognizedClientException"),
        refusal("SerializationException"),
        refusal("ItemCollectionSizeLimitExceededException"),
        refusal("SomethingNewException"),
        refusal("TransactionCanceledException", "ValidationError"),
    ],
)
def test_a_mistake_of_ours_is_no_unavailability(serving: Callable[..., Client], error: Exception) -> None:
    serving(error)
    with pytest.raises(ClientError):
        dynamo.put(TABLE, {"id": "a"})


class Refusing(BaseHTTPRequestHandler):
    """A web server in front of DynamoDB, or DynamoDB in trouble."""

    answer: ClassVar[tuple[int, bytes]]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        status, body = self.answer
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((503, b""), Unavailable),
        ((502, b"<html>Bad gateway</html>"), Unavailable),
        ((500, b'{"__type": "com.amazon.coral.service#InternalFailure"}'), Unavailable),
        ((500, b'{"__type": "com.amazonaws.dynamodb.v20120810#InternalServerError"}'), Unavailable),
        ((400, b""), Unavailable),
        ((429, b""), Unavailable),
        ((400, b'{"__type": "com.amazon.coral.validate#ValidationException"}'), ClientError),
        ((400, b'{"__type": "com.amazon.coral.service#AccessDeniedException"}'), ClientError),
    ],
)
def test_what_comes_over_the_wire_is_told_apart(
    store: str, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, bytes], expected: type[Exception]
) -> None:
    monkeypatch.setattr(Refusing, "answer", answer, raising=False)
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{server.server_port}")
        refusing = dynamo.client.__wrapped__()
        monkeypatch.setattr(dynamo, "client", lambda: refusing)
        with pytest.raises(expected):
            dynamo.get(TABLE, {"id": "a"})
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.usefixtures("tables")
def test_an_update_answers_the_whole_row_and_counts_its_version() -> None:
    key = {"id": new_id()}
    made = dynamo.update_from(TABLE, key, None, {"status": "submitted", "score": None})
    assert made == key | {"status": "submitted", "version": 1}
    changed = dynamo.update_from(TABLE, key, made, {"status": None, "score": 90})
    assert changed == key | {"score": 90, "version": 2}
    with pytest.raises(ConditionFailed):
        dynamo.update_from(TABLE, key, made, {"score": 1})
    with pytest.raises(ConditionFailed):
        dynamo.update_from(TABLE, key, None, {"score": 1})
    assert dynamo.get(TABLE, key, consistent=True) == changed


@pytest.mark.usefixtures("tables")
def test_a_row_knows_the_last_of_the_requests_that_wrote_it() -> None:
    key = {"id": new_id()}
    row = dynamo.update_from(TABLE, key, None, {"score": 0})
    # With fewer, the tests of what others do meanwhile would have nobody do anything.
    assert dynamo.REMEMBERED == 8
    for score in range(1, dynamo.REMEMBERED + 2):
        row = dynamo.Request(TABLE, key).write(row, {"score": score})
        assert len(set(row["requests"])) == min(score, dynamo.REMEMBERED)
    assert row["score"] == dynamo.REMEMBERED + 1
    assert dynamo.get(TABLE, key, consistent=True) == row


@pytest.mark.parametrize("lost", [ConditionFailed, dynamo.Conflict])
@pytest.mark.parametrize(("times", "doubtful"), [(0, False), (1, True)])
def test_only_what_was_sent_again_may_have_been_written_though_it_was_refused(
    serving: Callable[..., Client], lost: type[Exception], times: int, doubtful: bool
) -> None:
    code = {ConditionFailed: "ConditionalCheckFailed", dynamo.Conflict: "TransactionConflict"}[lost]
    error = refusal("TransactionCanceledException", code)
    error.response["ResponseMetadata"]["RetryAttempts"] = times
    serving(error)
    request = dynamo.Request(TABLE, {"id": "a"})
    with pytest.raises(lost):
        request.write({"id": "a", "version": 1}, {"score": 1}, [{}])
    much_later: Item = {"id": "a", "version": 2 + dynamo.REMEMBERED}
    if doubtful:
        with pytest.raises(Unavailable):
            request.written(much_later)
    else:
        assert request.written(much_later) is None
    assert request.written({"id": "a", "version": 1 + dynamo.REMEMBERED}) is None
    assert request.written(much_later) is None, "it is known since not to have been written"
    assert request.written(None) is None


@pytest.mark.usefixtures("tables")
def test_a_transaction_writes_all_or_nothing() -> None:
    kept = {"id": new_id()}
    dynamo.put(TABLE, kept)
    writes = [
        {"Put": dynamo.put_arguments(TABLE, {"id": new_id()}, condition="attribute_not_exists(id)")},
        {"Put": dynamo.put_arguments(TABLE, kept | {"changed": True}, condition="attribute_not_exists(id)")},
    ]
    with pytest.raises(ConditionFailed):
        dynamo.transact(writes)
    rows, _ = dynamo.scan(TABLE)
    assert rows == [kept]


@pytest.mark.parametrize("lost", [ConditionFailed, dynamo.Conflict])
def test_a_lost_race_is_run_again_and_at_last_given_up(pauses: list[int], lost: type[Exception]) -> None:
    tries = 0

    def third_wins() -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise lost
        return "won"

    assert dynamo.unless_lost(third_wins) == "won"
    assert pauses == [0, 1]

    def never() -> None:
        raise ConditionFailed

    with pytest.raises(Unavailable):
        dynamo.unless_lost(never)


def test_requests_made_at_once_answer_in_their_order() -> None:
    met = threading.Barrier(8)

    def meet(number: int) -> int:
        met.wait(10)
        return number

    requests = [lambda number=number: meet(number) for number in range(8)]
    assert dynamo.at_once(*requests) == list(range(8))
    assert dynamo.at_once() == []
    assert dynamo.both(lambda: 1, lambda: "two") == (1, "two")


def test_requests_made_at_once_may_make_others_at_once() -> None:
    inner = [lambda number=number: number for number in range(3)]
    outer = [lambda: dynamo.at_once(*inner)] * 64
    answers: list[list[list[int]]] = []
    asking = threading.Thread(target=lambda: answers.append(dynamo.at_once(*outer)), daemon=True)
    asking.start()
    asking.join(30)
    assert answers == [[[0, 1, 2]] * 64]


def test_a_failure_of_one_request_is_the_failure_of_all() -> None:
    def fail() -> int:
        raise Unavailable

    with pytest.raises(Unavailable):
        dynamo.at_once(lambda: 1, fail)
    with pytest.raises(Unavailable):
        dynamo.both(fail, lambda: 1)


def test_a_batch_is_written_to_its_end(
    serving: Callable[..., Client], pauses: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """25 to a request, and what was left unprocessed again."""
    puts = [{"id": str(number)} for number in range(24)]
    left = {TABLE: [{"DeleteRequest": {"Key": {"id": {"S": "x"}}}}]}
    client = serving({"UnprocessedItems": left}, {"UnprocessedItems": {}}, {})
    monkeypatch.setattr(dynamo, "at_once", lambda *writes: [write() for write in writes])
    dynamo.batch_write(TABLE, puts, [{"id": "x"}, {"id": "y"}])
    assert [len(call["RequestItems"][TABLE]) for call in client.calls] == [25, 1, 1]
    assert client.calls[1]["RequestItems"] == left
    assert pauses == [0]


def test_a_batch_that_is_never_processed_is_unavailable(serving: Callable[..., Client]) -> None:
    left = {"UnprocessedItems": {TABLE: [{"DeleteRequest": {"Key": {"id": {"S": "x"}}}}]}}
    serving(*[left] * dynamo.AGAIN)
    with pytest.raises(Unavailable):
        dynamo.batch_write(TABLE, [], [{"id": "x"}])
