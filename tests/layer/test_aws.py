"""The clients: that items come as botocore would read them, and that everything else is left to botocore."""

import json
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import botocore.session
import build
import pytest
from botocore.client import BaseClient
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from botocore.parsers import JSONParser

from teaching import aws, dynamo

SESSION = botocore.session.get_session()
MODELS = {service: SESSION.get_service_model(service) for service in build.OPERATIONS}
DYNAMODB: ServiceModel = MODELS["dynamodb"]

TEXT = b64encode(b"\x00\xff").decode()
ROW: dict[str, Any] = {
    "id": {"S": 'é😀 "B": "'},
    "score": {"N": "90.5"},
    "none": {"NULL": True},
    "flag": {"BOOL": False},
    "B": {"B": TEXT},
    "BS": {"BS": [TEXT, ""]},
    "list": {"L": [{"B": TEXT}, {"S": "B"}, {"M": {"B": {"S": "no bytes"}}}, {"L": []}]},
    "map": {"M": {"B": {"M": {"B": {"B": ""}}}, "BS": {"L": [{"B": TEXT}]}, "S": {"M": {}}}},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2"]},
}
CAPACITY = {"TableName": "t", "CapacityUnits": 1.5, "GlobalSecondaryIndexes": {"by": {"CapacityUnits": 0.5}}}
SIZES = {"ItemCollectionKey": {"id": {"B": TEXT}}, "SizeEstimateRangeGB": [0.0, 1.0]}
ANSWERS: dict[str, dict[str, Any]] = {
    "BatchGetItem": {
        "Responses": {"t": [ROW, {}], "B": [], "BS": [ROW]},
        "UnprocessedKeys": {"t": {"Keys": [{"id": {"B": TEXT}}], "ConsistentRead": True}},
        "ConsumedCapacity": [CAPACITY],
    },
    "BatchWriteItem": {
        "UnprocessedItems": {"t": [{"PutRequest": {"Item": ROW}}, {"DeleteRequest": {"Key": ROW}}]},
        "ItemCollectionMetrics": {"t": [SIZES]},
    },
    "DeleteItem": {"Attributes": ROW, "ItemCollectionMetrics": SIZES},
    "GetItem": {"Item": ROW, "ConsumedCapacity": CAPACITY},
    "PutItem": {},
    "Query": {"Items": [ROW, ROW], "Count": 2, "ScannedCount": 3, "LastEvaluatedKey": {"id": {"B": TEXT}}},
    "Scan": {"Items": [], "Count": 0, "ScannedCount": 0, "LastEvaluatedKey": None, "Unknown": [1]},
    "TransactWriteItems": {"ConsumedCapacity": [CAPACITY]},
    "UpdateItem": {"Attributes": {"id": {"S": "plain"}}},
}


def output(operation: str, service: str = "dynamodb") -> Any:
    return MODELS[service].operation_model(operation).output_shape


def response(body: bytes, status: int = 200, **headers: str) -> dict[str, Any]:
    given = {"x-amzn-RequestId": "ABC", "Content-Type": "application/x-amz-json-1.0", **headers}
    return {
        "status_code": status,
        "headers": {name.lower(): value for name, value in given.items()},
        "body": body,
        "context": {"operation_name": "?"},
    }


def same(answer: dict[str, Any], shape: Any) -> bool:
    return bool(aws.ItemParser().parse(answer, shape) == JSONParser().parse(answer, shape))


@pytest.mark.parametrize("operation", sorted(build.OPERATIONS["dynamodb"]))
def test_items_come_as_botocore_reads_them(operation: str) -> None:
    shape = output(operation)
    answer = response(json.dumps(ANSWERS[operation]).encode())
    assert same(answer, shape)
    with patch.object(JSONParser, "_handle_structure", side_effect=AssertionError("read by its description")):
        aws.ItemParser().parse(answer, shape)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"null", b"[]", b"no JSON", b'{"Item": ', b"<html>", b'{"Item": null}', b"\xef\xbb\xbf{}"],
)
def test_whatever_body_comes_is_read_as_botocore_does(body: bytes) -> None:
    shape = output("GetItem")
    try:
        expected = JSONParser().parse(response(body), shape)
    except Exception as error:
        with pytest.raises(type(error)):
            aws.ItemParser().parse(response(body), shape)
    else:
        assert aws.ItemParser().parse(response(body), shape) == expected


REASONS = [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Message": "no", "Item": ROW}]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b'{"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "no"}'),
        (400, b'{"__type": "aws#TransactionCanceledException", "CancellationReasons": %s}'),
        (400, b'{"__type": "a#ConditionalCheckFailedException", "Item": {"id": {"B": "AP8="}}}'),
        (400, b'{"Message": "nameless"}'),
        (400, b""),
        (413, b"<html>too large</html>"),
        (500, b'{"__type": "InternalServerError"}'),
        (503, b"<html><body><b>Http/1.1 Service Unavailable</b></body></html>"),
        (503, b""),
    ],
)
def test_errors_are_botocores(status: int, body: bytes) -> None:
    body = body.replace(b"%s", json.dumps(REASONS).encode())
    answer = response(body, status)
    for operation in build.OPERATIONS["dynamodb"]:
        assert same(answer, output(operation))
    for name in DYNAMODB.shape_names:
        if DYNAMODB.shape_for(name).metadata.get("exception"):
            assert same(answer, DYNAMODB.shape_for(name))


@pytest.mark.parametrize("service", sorted(build.OPERATIONS.keys() - {"dynamodb"}))
def test_other_services_answers_are_botocores(service: str) -> None:
    for operation in build.OPERATIONS[service]:
        shape = output(operation, service)
        assert shape.name not in aws.ITEMS
        assert same(response(b'{"CreatedDate": 1.5, "SecretBinary": "AP8=", "Records": []}'), shape)


def test_the_answers_that_are_taken_as_they_are_need_no_reading() -> None:
    outputs = [output(name) for name in build.OPERATIONS["dynamodb"]]
    assert {shape.name for shape in outputs} == aws.ITEMS
    for shape in outputs:
        assert not [part for part in parts(shape) if part.type_name in ("blob", "timestamp")]
        assert not [part for part in parts(shape) if "name" in part.serialization and part is not shape]


def parts(shape: Shape, seen: tuple[str, ...] = ()) -> Iterator[Shape]:
    """Everything in an answer, but for values of items."""
    if shape.name == "AttributeValue" or shape.name in seen:
        return
    yield shape
    match shape:
        case StructureShape():
            inner = list(shape.members.values())
        case ListShape():
            inner = [shape.member]
        case MapShape():
            inner = [shape.key, shape.value]
        case _:
            inner = []
    for part in inner:
        yield from parts(part, (*seen, shape.name))


@pytest.mark.usefixtures("tables")
def test_rows_are_read_straight_from_json() -> None:
    row = {"id": "a", "raw": b"\x00\xff", "list": [b"", {"B": "text"}]}
    dynamo.put("UsersTable", row)
    with patch.object(JSONParser, "_handle_structure", side_effect=AssertionError("read by its description")):
        assert dynamo.get("UsersTable", {"id": "a"}, consistent=True) == row


def test_clients_made_in_many_threads_are_of_one_session(store: str) -> None:
    made: list[BaseClient] = []
    with patch.object(botocore.session, "get_session", wraps=botocore.session.get_session) as get_session:
        with ThreadPoolExecutor(8) as pool:
            made += pool.map(lambda _: aws.create_client("sqs", read_timeout=1), range(8))
        assert get_session.call_count == 1
    assert len(set(made)) == 8
