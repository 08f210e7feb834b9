"""Each function's role allows what the function calls, and nothing that it never does."""

import importlib
import json
import os
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from itertools import product
from typing import Any
from unittest.mock import patch

import pytest
from botocore.client import BaseClient

from local import demo, template
from teaching import dynamo
from teaching.coaching import store as coaching
from teaching.coaching.rules import Mark
from teaching.grading import store as grading
from teaching.grading.rules import Grade, Scope
from teaching.http import auth
from teaching.http.keys import Keys
from teaching.tally import tree
from tests import support
from tests.conftest import MakeToken
from tests.examples import example
from tests.test_template import allowed

TEMPLATE = template.read()

Call = tuple[str, str]
"""An action, and the resource that it is on."""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> set[Call]:
    """What the SDK's clients are asked for from here on."""
    made: set[Call] = set()
    really: Callable[..., Any] = vars(BaseClient)["_make_api_call"]

    def call(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        made.update(needed(operation, arguments))
        return really(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    # Keys that an earlier test fetched would hide the call for them.
    monkeypatch.setattr(auth, "token_keys", Keys())
    return made


def needed(operation: str, arguments: dict[str, Any]) -> set[Call]:
    """What IAM asks of a caller; a transaction needs the actions of its parts."""
    match operation:
        case "GetSecretValue":
            prefix = f"arn:aws:secretsmanager:{template.REGION}:123456789012:secret:"
            return {("secretsmanager:GetSecretValue", f"{prefix}{arguments['SecretId']}-??????")}
        case "SendMessage" | "SendMessageBatch":
            return {("sqs:SendMessage", f"{arguments['QueueUrl']}.Arn")}
        case "DescribeStream" | "GetShardIterator":
            return {(f"dynamodb:{operation}", f"{streamed(arguments['StreamArn'])}.StreamArn")}
        case "GetRecords":
            return {("dynamodb:GetRecords", f"{streamed(arguments['ShardIterator'])}.StreamArn")}
        case "PutEvents":
            return {("events:PutEvents", f"{entry['EventBusName']}.Arn") for entry in arguments["Entries"]}
        case "BatchGetItem" | "BatchWriteItem":
            return {(f"dynamodb:{operation}", f"{table}.Arn") for table in arguments["RequestItems"]}
        case "TransactWriteItems":
            parts = [part for item in arguments["TransactItems"] for part in item.items()]
            return {(f"dynamodb:{action}Item", f"{part['TableName']}.Arn") for action, part in parts}
    index = f"/index/{arguments['IndexName']}" if "IndexName" in arguments else ""
    return {(f"dynamodb:{operation}", f"{arguments['TableName']}.Arn{index}")}


def streamed(place: str) -> str:
    """The table of a stream, whose ARN a shard's iterator begins with."""
    return place.split("/")[1]


class Caller:
    """Calls functions with their example events."""

    def __init__(self, make_token: MakeToken) -> None:
        self._make_token = make_token

    def __call__(
        self,
        function: str,
        role: str = "asesor",
        context: Any = None,
        statuses: Sequence[int] = (200, 302, 404),
        **changes: Any,
    ) -> Any:
        event = example(function, self._make_token(role), **changes)
        handler = importlib.import_module(f"functions.{function}.app").handler
        result = handler(event, context or support.context())
        assert result.get("statusCode", statuses[0]) in statuses, result
        return result


def get_statistics(call: Caller) -> None:
    """Of lists that are well, that have no tree, and that are damaged."""
    filters = (
        "",
        f"course_id={support.COURSE}",
        f"material_item_id={support.ITEM}",
        f"participant_id={support.PARTICIPANT}",
    )
    for role, query in product(("admin", "asesor"), filters):
        call("get_statistics", role, rawQueryString=query)
    for row in dynamo.scan("TalliesTable")[0]:
        dynamo.delete("TalliesTable", {"list": row["list"], "node": row["node"]})
    for role, query in product(("admin", "asesor"), filters):
        call("get_statistics", role, rawQueryString=query)
    torn_list()
    call("get_statistics", "admin", statuses=[503])


def list_coachings(call: Caller) -> None:
    of_status = ("status=scheduled", "status=scheduled&search=digital", "from=2026-01-01T00:00:00Z")
    for role, query in product(("admin", "asesor"), ("", "limit=1&page=2", "search=digital", *of_status)):
        call("list_coachings", role, rawQueryString=query)
    with patch.object(coaching, "ROWS_OF_STATUS_MOST", 0):
        call("list_coachings", rawQueryString=of_status[1])
    tear("sessions")
    call("list_coachings", "admin", statuses=[503])


def list_submissions(call: Caller) -> None:
    filters = [
        *("", f"course_id={support.COURSE}", f"material_item_id={support.ITEM}", "search=siti+quiz"),
        *(f"participant_id={who}" for who in (support.PARTICIPANT, support.NOBODYS)),
    ]
    for role, query, page in product(("admin", "asesor"), filters, ("", "&limit=1&page=2")):
        call("list_submissions", role, rawQueryString=query + page)
    tear("submissions")
    call("list_submissions", "admin", statuses=[503])


def end_coaching(call: Caller) -> None:
    ending = demo.SPEC_SESSION_TO_END | {"participant_ids": [support.PARTICIPANT]}
    support.take_in("session", ending)
    call("end_coaching")


def ingest_records(call: Caller) -> None:
    """Something newer of each type, a hand-in in the place of a grade, a session whose participant comes
    while its roster is written, and what is no record.
    """
    grading.grade(support.BY_ASESOR, support.SUBMISSION, Grade(score=Decimal(90)))
    later = {"updated_at": "2026-03-01T00:00:00.000Z"}
    records = [
        ("user", support.person("asesor", support.ASESOR, "Budi S.")),
        ("item", support.item(**later)),
        ("session", support.session(**later, participant_ids=[support.NOBODYS])),
        ("submission", support.submission(**later, submitted_at=later["updated_at"])),
        ("user", {}),
    ]
    sent = [support.message(kind, data) for kind, data in records]
    write_roster = coaching._write_roster

    def arrive(*arguments: Any) -> bool:
        support.take_in("user", support.participant(support.NOBODYS))
        return write_roster(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coaching, "_write_roster", arrive)
        assert call("ingest_records", context=support.context(), Records=sent) == {"batchItemFailures": []}


def apply_changes(call: Callable[..., Any]) -> None:
    """Leaves of a single row are cut by the next one: that is a deletion."""
    newest = support.new_id()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "LEAF_MOST", 1)
        patch.setattr(tree, "WHOLE_MOST", 1)
        for identity, handed_in, updated in ((support.new_id(), 19, 19), (newest, 20, 20), (newest, 17, 21)):
            support.take_in("submission", submission(identity, handed_in, updated))
            call("apply_changes", Records=[change("SubmissionsTable", identity)])
    renamed()
    call("apply_changes", Records=[change("SessionsTable", support.SESSION)])
    call("apply_changes", Records=[change("SubmissionsTable", damaged())])


def damaged() -> str:
    """A submission that nothing can be made of, but that its participant's name would be in it."""
    identity = support.new_id()
    row = {"id": identity, "order_key": "submitted#2026#id", "user_id": support.PARTICIPANT, "version": 1}
    dynamo.put("SubmissionsTable", row)
    return identity


def submission(identity: str, handed_in: int, updated: int) -> dict[str, Any]:
    """At these days of February."""
    times = {"submitted_at": handed_in, "updated_at": updated}
    return support.submission(
        id=identity, **{name: f"2026-02-{day}T06:30:00.000Z" for name, day in times.items()}
    )


def refresh_copies(call: Callable[..., Any]) -> None:
    damaged()
    for user in renamed():
        call("refresh_copies", Records=[change("UsersTable", user["id"])])
    call("refresh_copies", Records=[change("ItemsTable", support.ITEM)])


def renamed() -> list[dict[str, Any]]:
    people = [support.person("asesor", support.ASESOR, "Budi S."), support.participant(name="Siti R.")]
    support.take_in("user", *people)
    return people


def heal_changes(call: Caller) -> None:
    """Every kind of change; then those of a batch of each stream, one of which fails again."""
    assert torn_list() in EVERY_LIST
    for list_name in EVERY_LIST:
        call("heal_changes", Records=[failed({"table": "TalliesTable", "id": list_name})])
    apply_changes(partial(heal_instead, call))
    refresh_copies(partial(heal_instead, call))
    act()
    call("heal_changes", Records=[failed({"table": "PresencesTable", "id": presence()})])
    damaged()
    for table in ("SubmissionsTable", "SessionsTable", "UsersTable", "ItemsTable", "PresencesTable"):
        told = support.given_up(os.environ["AWS_ENDPOINT_URL_DYNAMODB"], table)
        call("heal_changes", Records=[failed(told)])


def heal_instead(call: Caller, function: str, Records: list[dict[str, Any]]) -> None:
    """The changes that another function would be told, as ones that had failed."""
    for record in Records:
        identity = record["dynamodb"]["Keys"]["id"]["S"]
        call("heal_changes", Records=[failed({"table": streamed(record["eventSourceARN"]), "id": identity})])


def publish_events(call: Caller) -> None:
    """What was done, and a row that nothing can be told of."""
    act()
    row = dynamo.get("PresencesTable", {"session_id": support.SESSION, "participant_id": support.PARTICIPANT})
    assert row
    dynamo.put("PresencesTable", row | {"updated_at": None})
    call("publish_events")


def act() -> None:
    """A grade, a mark and a start."""
    grading.grade(support.BY_ASESOR, support.SUBMISSION, Grade(score=Decimal(90)))
    mark = Mark.model_validate({"participant_id": support.PARTICIPANT, "status": "present"})
    coaching.mark(support.BY_ASESOR, support.SESSION, mark)
    coaching.start(support.BY_ASESOR, support.SESSION)


def close_sessions(call: Caller) -> None:
    support.take_in("session", demo.SPEC_SESSION_TO_END | {"participant_ids": [], "end_time": LONG_AGO})
    call("close_sessions")


def presence() -> str:
    return f"{support.SESSION}#{support.PARTICIPANT}"


def failed(body: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = example("heal_changes")["Records"][0]
    return message | {"body": json.dumps(body)}


def recompute_statistics(call: Caller) -> None:
    """Names and a time changed unheard; once without time, and once to the end."""
    torn_list()
    for table, identity, name in (
        ("UsersTable", support.ASESOR, "name"),
        ("UsersTable", support.PARTICIPANT, "name"),
        ("ItemsTable", support.ITEM, "title"),
    ):
        dynamo.update(table, {"id": identity}, {name: "Another Name"}, condition="attribute_exists(id)")
    later = {"start_time": LATER, "order_key": f"{LATER}#{support.SESSION}"}
    dynamo.update("SessionsTable", {"id": support.SESSION}, later, condition="attribute_exists(id)")
    with patch.dict(os.environ, {"CHECK_PARTS": "1"}):
        for remaining in (0, 900_000):
            call("recompute_statistics", context=support.context(*[remaining] * 1000))


def torn_list() -> str:
    """A list of several nodes, the root of which cannot be read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "LEAF_MOST", 1)
        patch.setattr(tree, "WHOLE_MOST", 1)
        for day in (21, 22):
            support.take_in("submission", submission(support.new_id(), day, day))
        support.settle()
    tear("submissions")
    return "submissions"


def tear(list_name: str) -> None:
    root = dynamo.get("TalliesTable", {"list": list_name, "node": tree.ROOT})
    assert root
    dynamo.put("TalliesTable", root | {"columns": b"rubbish"})


LONG_AGO = "2026-02-20T11:00:00.000Z"
LATER = "2027-01-01T09:00:00.000Z"
EVERY_LIST = (
    "sessions",
    f"sessions#asesor#{support.ASESOR}",
    *(
        Scope(*filters).list
        for asesor in (None, support.ASESOR)
        for filters in ((asesor,), (asesor, support.COURSE), (asesor, None, support.ITEM))
    ),
    Scope(participant=support.PARTICIPANT).list,
)


def change(table: str, identity: str) -> dict[str, Any]:
    record: dict[str, Any] = example("apply_changes")["Records"][0]
    arn = record["eventSourceARN"].replace("SubmissionsTable", table)
    keys = {"Keys": {"id": {"S": identity}}}
    return record | {"eventSourceARN": arn, "dynamodb": record["dynamodb"] | keys}


SCENES: dict[str, Callable[[Caller], object]] = {
    "ListCoachings": list_coachings,
    "GetCoaching": lambda call: call("get_coaching"),
    "ListPresences": lambda call: call("list_presences", "admin"),
    "ListRoster": lambda call: call("list_roster"),
    "MarkPresence": lambda call: call("mark_presence"),
    "MarkPresences": lambda call: call("mark_presences"),
    "StartCoaching": lambda call: call("start_coaching"),
    "EndCoaching": end_coaching,
    "ListSubmissions": list_submissions,
    "GetStatistics": get_statistics,
    "GetSubmission": lambda call: call("get_submission"),
    "ListGrades": lambda call: call("list_grades"),
    "GradeSubmission": lambda call: call("grade_submission"),
    "GradeSubmissions": lambda call: call("grade_submissions"),
    "AnswerNotFound": lambda call: call("answer_not_found"),
    "IngestRecords": ingest_records,
    "ApplyChanges": apply_changes,
    "RefreshCopies": refresh_copies,
    "HealChanges": heal_changes,
    "RecomputeStatistics": recompute_statistics,
    "PublishEvents": publish_events,
    "CloseSessions": close_sessions,
}


@pytest.mark.parametrize("function", sorted(TEMPLATE.functions))
def test_a_role_allows_just_what_its_function_calls(
    function: str, tables: str, make_token: MakeToken, calls: set[Call]
) -> None:
    support.take_in_examples()
    support.settle()
    handled: set[Call] = set()

    class Recorded(Caller):
        def __call__(self, *arguments: Any, **named: Any) -> Any:
            calls.clear()
            result = super().__call__(*arguments, **named)
            handled.update(calls)
            return result

    assert function in SCENES, f"no scene for {function} in tests/test_permissions.py"
    SCENES[function](Recorded(make_token))
    grants = allowed(TEMPLATE.functions[function])
    assert handled == {call for actions, resources in grants for call in product(actions, resources)}
