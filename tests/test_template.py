"""What template.yaml promises of every function, route and table."""

import dataclasses
import importlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, get_type_hints

import pytest

from local import aws, template
from local.template import ROOT, Function
from teaching import limits
from teaching.coaching.rules import PresenceRow, SessionRow
from teaching.grading.rules import SubmissionRow
from teaching.http.endpoint import Endpoint
from teaching.http.keys import METRIC
from teaching.settings import Settings
from tests.examples import example

TEMPLATE = template.read()
PRODUCTION = template.read(Stage="prod")
FUNCTIONS = sorted(TEMPLATE.functions.values(), key=lambda function: function.name)

BEHIND_THE_API = {route.function for route in TEMPLATE.routes}

each_function = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
each_table = pytest.mark.parametrize("table", sorted(TEMPLATE.tables))


def properties(resource: str) -> dict[str, Any]:
    """Those of a resource, with what the template's Globals add to a function."""
    found = TEMPLATE.resources[resource]
    shared = TEMPLATE.globals["Function"] if found["Type"] == "AWS::Serverless::Function" else {}
    both = {
        key: shared[key] | own
        for key, own in found["Properties"].items()
        if isinstance(shared.get(key), dict)
    }
    return {**shared, **found["Properties"], **both}


def folder(function: Function) -> str:
    return function.module.split(".")[1]


def listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def allowed(function: Function) -> Iterator[tuple[list[str], list[str]]]:
    """Actions and resources, a pair for each statement of the function's role."""
    for policy in properties(function.name).get("Policies", []):
        document = properties(policy)["PolicyDocument"] if isinstance(policy, str) else policy
        for statement in document["Statement"]:
            assert statement["Effect"] == "Allow"
            yield listed(statement["Action"]), listed(statement["Resource"])


@each_function
def test_a_function_is_called_the_same_everywhere(function: Function) -> None:
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", function.name).lower()
    assert function.handler == f"functions.{name}.app.handler"


@each_function
def test_a_function_has_a_test(function: Function) -> None:
    modules = [path for path in (ROOT / "tests").rglob("test_*.py") if path.name != "test_template.py"]
    named = re.compile(rf"\b{folder(function)}\b")
    tested = any(named.search(path.read_text(encoding="utf-8")) for path in modules)
    assert tested, f"no test of {folder(function)}: tests/functions/test_{folder(function)}.py"


@each_function
def test_an_example_event_comes_the_functions_own_way(function: Function) -> None:
    event = example(folder(function))
    for route in [route for route in TEMPLATE.routes if route.function == function.name]:
        http = event["requestContext"]["http"]
        assert event["routeKey"] == event["requestContext"]["routeKey"] == route.key
        assert event["headers"]["authorization"] == "Bearer TOKEN"
        assert event["rawPath"] == http["path"]
        if route.path:
            path = route.path.format(**event.get("pathParameters", {}))
            assert (http["method"], http["path"]) == (route.method, path)
    for queue in [queue for queue in TEMPLATE.queues if queue.function == function.name]:
        assert {record["eventSourceARN"].split(":")[-1] for record in event["Records"]} == {queue.queue}
    if tables := {stream.table for stream in TEMPLATE.streams if stream.function == function.name}:
        assert {record["eventSourceARN"].split("/")[1] for record in event["Records"]} <= tables


@each_function
def test_a_role_is_the_functions_own_with_exact_actions_on_exact_resources(function: Function) -> None:
    assert "Role" not in properties(function.name)
    granted = list(allowed(function))
    for actions, resources in granted:
        assert not [action for action in actions if "*" in action]
        assert not [resource for resource in resources if "*" in resource]
        assert {action.partition(":")[0] for action in actions} <= {
            "dynamodb",
            "events",
            "secretsmanager",
            "sqs",
        }
    scans = any("dynamodb:Scan" in actions for actions, _ in granted)
    assert scans == (function.name == "RecomputeStatistics")


@each_function
def test_functions_log_to_one_group_behind_the_api_and_one_in_the_background_that_forget(
    function: Function,
) -> None:
    logging = properties(function.name)["LoggingConfig"]
    group = "ApiLogs" if function.name in BEHIND_THE_API else "BackgroundLogs"
    assert logging == {"LogFormat": "JSON", "LogGroup": group}
    assert TEMPLATE.resources[logging["LogGroup"]]["Type"] == "AWS::Logs::LogGroup"
    assert properties(logging["LogGroup"])["RetentionInDays"] == 7
    assert PRODUCTION.resources[logging["LogGroup"]]["Properties"]["RetentionInDays"] == 90


@each_function
def test_a_function_ends_in_time(function: Function) -> None:
    behind_the_api = function.name in BEHIND_THE_API
    assert function.timeout <= (10 if behind_the_api else 900)


@each_function
def test_the_environment_is_what_the_settings_read(function: Function) -> None:
    names = {field.name.upper() for field in dataclasses.fields(Settings)}
    of_tools = {name for name in function.environment if name.startswith("POWERTOOLS_")}
    own = {
        "IngestRecords": {"REJECTED_RECORDS_QUEUE"},
        "RecomputeStatistics": {"CHECK_PARTS"},
        "CloseSessions": {"CLOSE_AFTER_HOURS"},
        "PublishEvents": {"EVENTS_BUS"},
        "HealChanges": {"EVENTS_BUS"},
    }
    shared = names | of_tools | {"FAILED_CHANGES_QUEUE"}
    assert function.environment.keys() == shared | own.get(function.name, set())


def test_endpoints_are_declared_for_sam_local_and_absent_in_aws() -> None:
    declared = (TEMPLATE.root / "template.yaml").read_text()
    for name in aws.endpoints("", ""):
        assert f"{name}: !Ref AWS::NoValue" in declared
        assert not any(name in function.environment for function in TEMPLATE.functions.values())


@pytest.mark.parametrize(
    ("table", "row"),
    [("SessionsTable", SessionRow), ("SubmissionsTable", SubmissionRow), ("PresencesTable", PresenceRow)],
)
def test_an_index_that_lists_are_read_from_carries_what_they_show(table: str, row: type) -> None:
    """Those that carry anything, but for `by_participant`, of which a search wants ids only."""
    told = TEMPLATE.tables[table]
    listing = {index["IndexName"]: index for index in told["GlobalSecondaryIndexes"] if carried(index)}
    listing.pop("by_participant", None)
    assert listing
    for name, index in listing.items():
        keys = {part["AttributeName"] for part in told["KeySchema"] + index["KeySchema"]}
        missing = set(get_type_hints(row)) - carried(index) - keys
        assert not missing, f"{name} of {table} in template.yaml does not carry {missing}"


def carried(index: dict[str, Any]) -> set[str]:
    return set(index["Projection"].get("NonKeyAttributes", []))


@each_table
def test_a_table_is_recoverable_and_outlives_the_stack(table: str) -> None:
    assert properties(table)["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties(table)["BillingMode"] == "PAY_PER_REQUEST"
    # RetainExceptOnCreate would delete protected tables when a first deployment fails, and fail at that.
    assert TEMPLATE.resources[table]["DeletionPolicy"] == "Retain"
    assert TEMPLATE.resources[table]["UpdateReplacePolicy"] == "Retain"


@each_table
def test_production_protects_its_tables(table: str) -> None:
    assert PRODUCTION.resources[table]["Properties"]["DeletionProtectionEnabled"] is True
    assert properties(table)["DeletionProtectionEnabled"] is False


@each_table
def test_a_table_takes_no_more_in_a_second_than_the_parameters_say(table: str) -> None:
    few = template.read(MaximumReadUnits="20", MaximumWriteUnits="10").resources[table]["Properties"]
    assert few["OnDemandThroughput"] == {"MaxReadRequestUnits": "20", "MaxWriteRequestUnits": "10"}


@each_table
def test_a_stack_can_be_put_on_restored_tables(table: str) -> None:
    restored = template.read(TablePrefix="restored").resources[table]["Properties"]
    assert restored["TableName"] == f"restored-{table}"
    assert "TableName" not in properties(table)


def test_requests_are_throttled_and_those_that_write_many_rows_more_so() -> None:
    api = template.read(RequestsPerSecond="50", BatchesPerSecond="5").resources["Api"]["Properties"]
    few = {"ThrottlingRateLimit": "5", "ThrottlingBurstLimit": "5"}
    assert api["DefaultRouteSettings"] == {"ThrottlingRateLimit": "50", "ThrottlingBurstLimit": "50"}
    assert set(api["RouteSettings"]) < {route.key for route in TEMPLATE.routes}
    assert api["RouteSettings"] == dict.fromkeys(batch_routes(), few)


def batch_routes() -> Iterator[str]:
    for route in TEMPLATE.routes:
        handler = importlib.import_module(TEMPLATE.functions[route.function].module).handler
        if isinstance(handler, Endpoint) and handler.body_bytes > limits.BODY_BYTES:
            yield route.key


def test_the_access_log_is_json_and_tells_whence_a_request_came() -> None:
    line = json.loads(properties("Api")["AccessLogSettings"]["Format"])
    assert line["ip"] == "$context.identity.sourceIp"
    assert line["request"] == "$context.requestId"


def test_only_named_sources_send_records() -> None:
    rule = template.read(RecordSources="users,courses").resources["RecordsRule"]["Properties"]
    assert rule["EventPattern"] == {"source": ["users", "courses"]}


def test_streams_retry_what_failed_and_keep_what_is_given_up() -> None:
    assert {stream.table for stream in TEMPLATE.streams} == {
        table for table, arguments in TEMPLATE.tables.items() if "StreamSpecification" in arguments
    }
    for stream in TEMPLATE.streams:
        assert stream.partial_failures
        assert stream.bisect
        assert stream.retries
        assert stream.on_failure == "FailedChanges"


def test_a_stream_feeds_two_functions_at_most() -> None:
    """AWS throttles more."""
    readers = Counter(stream.table for stream in TEMPLATE.streams)
    assert max(readers.values()) == 2


def test_what_heals_may_read_every_stream() -> None:
    streams = {f"{stream.table}.StreamArn" for stream in TEMPLATE.streams}
    of_streams = [
        set(resources)
        for actions, resources in allowed(TEMPLATE.functions["HealChanges"])
        if "dynamodb:GetRecords" in actions
    ]
    assert of_streams == [streams]


def test_records_that_fail_end_in_the_dead_letter_queue_and_ring() -> None:
    assert properties("Records")["RedrivePolicy"]["deadLetterTargetArn"] == "RejectedRecords.Arn"
    assert properties("Records")["VisibilityTimeout"] >= 6 * TEMPLATE.functions["IngestRecords"].timeout
    assert properties("RecordsRejected")["Dimensions"] == of_queue("RejectedRecords")


def of_queue(queue: str) -> list[dict[str, str]]:
    return [{"Name": "QueueName", "Value": f"{queue}.QueueName"}]


def test_failed_changes_are_tried_every_few_minutes_for_as_long_as_sqs_keeps_them() -> None:
    queue = properties("FailedChanges")
    assert TEMPLATE.functions["HealChanges"].timeout <= queue["VisibilityTimeout"] <= 300
    assert queue["MessageRetentionPeriod"] == timedelta(days=14).total_seconds()
    assert "RedrivePolicy" not in queue
    source = properties("HealChanges")["Events"]["FailedChanges"]["Properties"]
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["ScalingConfig"] == {"MaximumConcurrency": 2}


def test_changes_that_are_not_healed_for_a_quarter_of_an_hour_ring() -> None:
    """Both counts: between two tries a message is not visible."""
    alarm = properties("ChangesFailed")
    answer, *counts = alarm["Metrics"]
    assert answer["Expression"] == " + ".join(count["Id"] for count in counts)
    assert {count["MetricStat"]["Metric"]["MetricName"] for count in counts} == {
        "ApproximateNumberOfMessagesVisible",
        "ApproximateNumberOfMessagesNotVisible",
    }
    for count in counts:
        assert count["MetricStat"]["Metric"]["Dimensions"] == of_queue("FailedChanges")
        assert count["MetricStat"]["Period"] * alarm["EvaluationPeriods"] == 15 * 60
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")


def test_a_secret_that_cannot_be_used_rings() -> None:
    alarm = properties("TokenSecretUnusable")
    assert alarm["MetricName"] == METRIC
    for function in FUNCTIONS:
        assert alarm["Namespace"] == function.environment["POWERTOOLS_METRICS_NAMESPACE"]
        service = function.environment["POWERTOOLS_SERVICE_NAME"]
        assert alarm["Dimensions"] == [{"Name": "service", "Value": service}]


def test_cryptography_is_there_for_an_identity_providers_keys_alone() -> None:
    """PyJWT imports it wherever it is."""
    provided = template.read(JwksUrl="https://auth.teaching.example/keys")
    assert TEMPLATE.globals["Function"]["Layers"] == ["CommonLayer"]
    assert "CryptographyLayer" not in TEMPLATE.resources
    assert provided.globals["Function"]["Layers"] == ["CommonLayer", "CryptographyLayer"]
    assert provided.resources["CryptographyLayer"]["Type"] == "AWS::Serverless::LayerVersion"


def test_the_secret_is_for_those_who_have_no_identity_provider() -> None:
    provided = template.read(JwksUrl="https://auth.teaching.example/keys")
    for stack, effect in ((TEMPLATE, "Allow"), (provided, "Deny")):
        (statement,) = stack.resources["ReadTokenKey"]["Properties"]["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Action"]) == (effect, "secretsmanager:GetSecretValue")


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("", True),
        ("https://auth.teaching.example/keys", True),
        ("http://auth.teaching.example/keys", False),
        ("http://127.0.0.1/keys", False),
        ("https://", False),
        (" ", False),
    ],
)
def test_keys_are_published_under_https(url: str, taken: bool) -> None:
    pattern = template.parameters()["JwksUrl"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, url)) == taken


def alarms() -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in TEMPLATE.resources.items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


@pytest.mark.parametrize("alarm", sorted(alarms()))
def test_an_alarm_is_heard_and_says_what_to_do_first(alarm: str) -> None:
    found = alarms()[alarm]
    assert found["AlarmActions"] == ["Alarms"]
    what, _, first = found["AlarmDescription"].partition("; ")
    assert what
    assert first
    assert f"## {alarm}\n" in (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")


def test_alarms_go_to_an_address_where_one_is_given() -> None:
    assert properties("Alarms")["Subscription"] == []
    told = template.read(AlarmEmail="ops@teaching.example").resources["Alarms"]["Properties"]
    assert told["Subscription"] == [{"Protocol": "email", "Endpoint": "ops@teaching.example"}]


def test_what_is_watched_is_there() -> None:
    """An alarm or a widget on a metric that nobody sends would be silent for ever."""
    filters = [
        resource for resource in TEMPLATE.resources.values() if resource["Type"] == "AWS::Logs::MetricFilter"
    ]
    assert {each["Properties"]["LogGroupName"] for each in filters} == {"ApiLogs", "BackgroundLogs"}
    sent = {each["MetricName"] for one in filters for each in one["Properties"]["MetricTransformations"]}
    sent |= {
        METRIC,
        *re.findall(r'name="(\w+)"', (ROOT / "functions/recompute_statistics/app.py").read_text()),
    }
    own = {alarm["MetricName"] for alarm in alarms().values() if alarm.get("Namespace") == "local"}
    assert own == {"Errors", "Drift", "CheckFailures", "UnusableTokenSecret"}
    assert own <= sent


def test_every_stream_and_queue_is_watched() -> None:
    (query,) = properties("StreamsBehind")["Metrics"]
    functions = set(re.findall(r"FunctionName = '(\w+)'", query["Expression"]))
    assert functions == {stream.function for stream in TEMPLATE.streams}
    queues = {
        dimension["Value"].removesuffix(".QueueName")
        for alarm in alarms().values()
        for metric in [
            alarm,
            *(each.get("MetricStat", {}).get("Metric", {}) for each in alarm.get("Metrics", [])),
        ]
        for dimension in metric.get("Dimensions", [])
        if dimension["Name"] == "QueueName"
    }
    assert queues == {name for name, one in TEMPLATE.resources.items() if one["Type"] == "AWS::SQS::Queue"}


def test_a_stack_has_metrics_of_its_own() -> None:
    """Two stacks of an account would ring each other's alarms."""
    for function in FUNCTIONS:
        assert function.environment["POWERTOOLS_METRICS_NAMESPACE"] == "local"
    for alarm in alarms().values():
        assert alarm.get("Namespace", "AWS/").startswith("AWS/") or alarm["Namespace"] == "local"


def test_the_dashboard_is_json_and_in_production_alone() -> None:
    assert "Dashboard" not in TEMPLATE.resources
    body = json.loads(PRODUCTION.resources["Dashboard"]["Properties"]["DashboardBody"])
    assert 4 <= len(body["widgets"]) <= 10
