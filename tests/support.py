"""What tests share: records, calls of a function by its folder's name, and projections.

The people and things of the spec's examples are the demo's; a record with other values is one of
those with changes.
"""

import importlib
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Barrier
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session

from local import demo
from local.store import client
from teaching import dynamo, jsons, projections, records_queue
from teaching.changed_rows import Change
from teaching.errors import Unavailable
from teaching.http.auth import Caller, Role
from teaching.settings import settings
from tests.examples import example

Data = dict[str, Any]
Result = TypeVar("Result")

ADMIN, ASESOR, PARTICIPANT = demo.ADMIN.id, demo.ASESOR.id, demo.PARTICIPANT.id
OTHER_ASESOR = "0f0e0d0c-0b0a-4909-8807-060504030201"
OTHER_PARTICIPANT = "1f1e1d1c-1b1a-4919-8817-161514131211"
SESSION: str = demo.SPEC_SESSION["id"]
SUBMISSION: str = demo.SPEC_SUBMISSION["id"]
ITEM: str = demo.SPEC_ITEM["id"]
COURSE: str = demo.SPEC_ITEM["course_id"]
OTHERS_SESSION = "2f2e2d2c-2b2a-4929-8827-262524232221"
OTHERS_SUBMISSION = "3f3e3d3c-3b3a-4939-8837-363534333231"
NOBODYS = "deadbeef-0000-4000-8000-000000000000"
"""An id that exists nowhere."""

BY_ADMIN = Caller(ADMIN, Role.ADMIN)
BY_ASESOR = Caller(ASESOR, Role.ASESOR)
BY_OTHER_ASESOR = Caller(OTHER_ASESOR, Role.ASESOR)


STILL_TO_COME = "2099-03-10T11:00:00.000Z"
"""When sessions end that the schedule of a started server leaves to the test."""
PACKAGES_OF_ENDPOINTS = {
    "annotated_types",
    "botocore",
    "dateutil",
    "jmespath",
    "jwt",
    "pydantic",
    "pydantic_core",
    "six",
    "typing_extensions",
    "typing_inspection",
    "urllib3",
}
"""Other people's, which an endpoint may import: each costs every cold start."""


@dataclass
class Clock:
    """In the place of the module `time`."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


def new_id() -> str:
    return str(uuid.uuid4())


def person(role: str, identity: str, name: str, **changes: Any) -> Data:
    """A user's record, without a participant's profile."""
    return {
        "id": identity,
        "name": name,
        "email": f"{identity[:8]}@example.org",
        "profile": None,
        "role": role,
        "participant_profile": None,
    } | changes


def participant(
    identity: str = PARTICIPANT, name: str = "Siti Rahmawati", asesor: str | None = ASESOR, **changes: Any
) -> Data:
    profile = demo.SPEC_USERS[1]["participant_profile"] | {"user_id": identity, "asesor_id": asesor}
    profile |= {name: changes.pop(name) for name in ("created_at", "updated_at") if name in changes}
    email = demo.SPEC_USERS[1]["email"] if identity == PARTICIPANT else f"{identity[:8]}@example.org"
    return person("participant", identity, name, participant_profile=profile, email=email) | changes


def item(**changes: Any) -> Data:
    return demo.SPEC_ITEM | changes


def session(**changes: Any) -> Data:
    return demo.SPEC_SESSION | changes


def submission(**changes: Any) -> Data:
    return demo.SPEC_SUBMISSION | changes


def message(kind: str, data: Any) -> Data:
    """The SQS message that brings a record of the type `<kind>.saved`."""
    event = {
        "version": "0",
        "id": new_id(),
        "detail-type": f"{kind}.saved",
        "source": "tests",
        "account": "123456789012",
        "time": "2026-02-20T10:00:00Z",
        "region": "ap-southeast-3",
        "resources": [],
        "detail": data,
    }
    return {"messageId": new_id(), "body": json.dumps(event)}


def take_in(kind: str, *records: Data) -> None:
    """The records come in, in this order, all of them accepted."""
    for data in records:
        assert records_queue.take([message(kind, data)]) == {"batchItemFailures": []}


def take_in_people() -> None:
    """The spec's asesor and participant, another of each, and nobody else."""
    take_in(
        "user",
        *demo.SPEC_USERS,
        person("asesor", OTHER_ASESOR, "Dewi Lestari"),
        participant(OTHER_PARTICIPANT, "Agus Salim", OTHER_ASESOR),
    )


def take_in_examples() -> None:
    """The people, the item, the session and the submission of the spec's examples, before any request."""
    take_in_people()
    take_in("item", item())
    take_in("session", session())
    take_in("submission", submission())


def take_in_another_asesors() -> None:
    """The other asesor's session and submission, which are the examples' but for whose they are."""
    take_in(
        "session", session(id=OTHERS_SESSION, asesor_id=OTHER_ASESOR, participant_ids=[OTHER_PARTICIPANT])
    )
    take_in("submission", submission(id=OTHERS_SUBMISSION, user_id=OTHER_PARTICIPANT))


def settle() -> None:
    """The projections follow every row there is, as the streams would have told them."""
    tables = settings()
    followed = (tables.users_table, tables.items_table, tables.sessions_table, tables.submissions_table)
    changes = [Change(table, row["id"]) for table in followed for row in dynamo.scan_all(table)]
    refreshed = [change for change in changes if change.table != tables.submissions_table]
    assert projections.refresh(refreshed) == projections.count(changes) == []


def given_up(endpoint: str, table: str, identity: str | None = None) -> Data:
    """What Lambda tells of a batch of the table's stream that it gave up: the last record of the row, or the
    last hundred of all.
    """
    arn = client("dynamodb", endpoint).describe_table(TableName=table)["Table"]["LatestStreamArn"]
    reader = client("dynamodbstreams", endpoint)
    shard = reader.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][-1]["ShardId"]
    place = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    page = reader.get_records(ShardIterator=reader.get_shard_iterator(**place)["ShardIterator"])
    records: list[Data] = []
    # Of all that earlier tests have written, too.
    while page["Records"]:
        records += [record["dynamodb"] for record in page["Records"]]
        page = reader.get_records(ShardIterator=page["NextShardIterator"])
    if identity:
        batch = [record for record in records if record["Keys"]["id"]["S"] == identity][-1:]
    else:
        batch = records[-100:]
    numbers = [record["SequenceNumber"] for record in batch]
    return {
        "requestContext": {"condition": "RetryAttemptsExhausted", "approximateInvokeCount": 21},
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": numbers[0],
            "endSequenceNumber": numbers[-1],
            "batchSize": len(numbers),
            "streamArn": arn,
        },
    }


def race(times: int, act: Callable[[int], Result]) -> list[Result]:
    """What each of so many threads gets, all let go at the same moment."""
    ready = Barrier(times)

    def run(number: int) -> Result:
        ready.wait(20)
        return act(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(run, range(times)))


def patiently(act: Callable[[], Result]) -> Result:
    """What it comes to when it is asked again while it is `Unavailable`, as clients do."""
    for _ in range(20):
        with suppress(Unavailable):
            return act()
    return act()


Deliver = Callable[[], Any]


class Wire:
    """What lies between the process and DynamoDB; it harms the next write, so the client sends it again."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._harms: list[Callable[[Deliver], object]] = []
        really: Callable[..., Any] = URLLib3Session.send

        def send(session: URLLib3Session, request: Any) -> Any:
            if not self._harms or request.headers["X-Amz-Target"].split(b".")[1] not in _WRITES:
                return really(session, request)
            harm = self._harms.pop()
            harm(partial(really, session, request))
            raise ReadTimeoutError(endpoint_url=request.url)

        patch.setattr(URLLib3Session, "send", send)
        patch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))

    def lose_answer(self, meanwhile: Callable[[], object]) -> None:
        """The next write is made, and others act before it is sent again."""

        def harm(deliver: Deliver) -> None:
            assert deliver().status_code == 200
            meanwhile()

        self._harms = [harm]

    def hold_back(self, times: int = 1) -> list[Deliver]:
        """The next write stays on its way, as often as it is sent; what is answered will deliver it."""
        held: list[Deliver] = []
        self._harms = [held.append] * times
        return held


_WRITES = {b"UpdateItem", b"TransactWriteItems"}


def put_rows(table: str, rows: Iterable[dynamo.Item]) -> None:
    dynamo.at_once(*[partial(dynamo.put, table, row) for row in rows])


def delete_rows(table: str, keys: Iterable[dynamo.Key]) -> None:
    dynamo.at_once(*[partial(dynamo.delete, table, key) for key in keys])


def stored_submission(identity: str = SUBMISSION) -> dynamo.Item:
    return _stored(settings().submissions_table, {"id": identity})


def past_grades(identity: str = SUBMISSION) -> list[dynamo.Item]:
    """The grades of the submission that were replaced, oldest first."""
    values = {":subject": identity}
    return list(dynamo.query(settings().history_table, "subject = :subject", values, consistent=True))


def stored_session(identity: str = SESSION) -> dynamo.Item:
    return _stored(settings().sessions_table, {"id": identity})


def stored_presence(session: str = SESSION, participant: str = PARTICIPANT) -> dynamo.Item:
    return _stored(settings().presences_table, {"session_id": session, "participant_id": participant})


def _stored(table: str, key: dynamo.Key) -> dynamo.Item:
    row = dynamo.get(table, key, consistent=True)
    assert row, f"no {key} in {table}"
    return row


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def content(self) -> Any:
        return jsons.loads(self.text)

    @property
    def errors(self) -> list[str]:
        content = self.content
        assert list(content) == ["errors", "status"]
        assert content["status"] is False
        return list(content["errors"])


def event(
    path: Mapping[str, str] | None = None,
    *,
    token: str | None = None,
    query: str = "",
    body: Any = None,
    **changes: Any,
) -> Data:
    """An HTTP API event (payload 2.0); a body that is no text is sent as JSON."""
    made: Data = {
        "version": "2.0",
        "routeKey": "GET /",
        "rawPath": "/",
        "rawQueryString": query,
        "headers": {"accept": "*/*"} | ({"authorization": f"Bearer {token}"} if token else {}),
        "requestContext": {"requestId": "request-1", "routeKey": "GET /"},
        "isBase64Encoded": False,
    }
    if path:
        made["pathParameters"] = dict(path)
    if body is not None:
        made["body"] = body if isinstance(body, str) else json.dumps(body)
    return made | changes


def request(
    function: str, identity: str | None = None, *, token: str, query: str | None = None, body: Any = None
) -> Data:
    """events/<function>.json with another token, id in its path, query string or body."""
    made = example(function, token)
    if identity is not None:
        made["pathParameters"] = dict.fromkeys(made["pathParameters"], identity)
    if query is not None:
        made["rawQueryString"] = query
    if body is not None:
        made["body"] = body if isinstance(body, str) else json.dumps(body)
    return made


def context(*remaining: int) -> Any:
    """A Lambda context that has so many milliseconds left, each time it is asked; 15 minutes unless given."""
    left = iter(remaining)
    return SimpleNamespace(get_remaining_time_in_millis=lambda: next(left, 900_000))


def invoke(function: str, event: Data, remaining: int = 900_000) -> Any:
    """What functions/<function>/app.py makes of the event with so much time, in milliseconds."""
    handler = importlib.import_module(f"functions.{function}.app").handler
    always = SimpleNamespace(get_remaining_time_in_millis=lambda: remaining)
    return handler(event, always)


def call(function: str, event: Data) -> Answer:
    answer = invoke(function, event)
    return Answer(answer["statusCode"], answer["headers"], answer["body"])
