"""Every function as it ships, cold, under Lambda's emulator."""

import json
from dataclasses import replace
from typing import Any

import pytest

from local import template
from teaching import dynamo
from tests import support
from tests.built.conftest import Emulate
from tests.conftest import MakeToken
from tests.examples import example
from tests.provider import issued, providing, public
from tests.signed import by_curve, by_rsa

TEMPLATE = template.read()
ENDPOINTS = {route.function: TEMPLATE.functions[route.function] for route in TEMPLATE.routes if route.path}


def folder(function: str) -> str:
    return TEMPLATE.functions[function].module.split(".")[1]


def content(answer: dict[str, Any]) -> Any:
    return json.loads(answer["body"])


@pytest.mark.parametrize("function", sorted(ENDPOINTS))
def test_an_endpoint_lets_nobody_in_without_a_token(function: str, emulate: Emulate, store: str) -> None:
    event = example(folder(function))
    del event["headers"]["authorization"]
    answer = emulate(function).invoke(event)
    assert answer["statusCode"] == 401
    assert content(answer) == {"errors": ["Unauthorized"], "status": False}


def test_an_unknown_path_is_not_found(emulate: Emulate, store: str) -> None:
    answer = emulate("AnswerNotFound").invoke(example("answer_not_found"))
    assert (answer["statusCode"], content(answer)) == (404, {"errors": ["Not found"], "status": False})


def test_records_come_in_are_counted_read_and_graded(
    emulate: Emulate, tables: str, make_token: MakeToken
) -> None:
    """The way of the spec's submission through all that ships, each function cold."""
    assert emulate("IngestRecords").invoke(example("ingest_records")) == {"batchItemFailures": []}
    for function in ("RefreshCopies", "ApplyChanges"):
        assert emulate(function).invoke(example(folder(function))) == {"batchItemFailures": []}
    token = make_token("asesor")

    listed = emulate("ListSubmissions")
    for query in ("limit=25", "search=siti", "limit=1&page=2"):
        page = content(listed.invoke(example("list_submissions", token, rawQueryString=query)))
        assert page["pagination"]["total_items"] == 1
    graded = content(emulate("GradeSubmission").invoke(example("grade_submission", token)))
    assert (graded["message"], graded["data"]["score"]) == ("Grading successful", 90)
    assert emulate("ApplyChanges").invoke(example("apply_changes")) == {"batchItemFailures": []}
    statistics = content(emulate("GetStatistics").invoke(example("get_statistics", token)))["data"]
    assert statistics == {"submission_total": {"total": 1, "pending": 0, "graded": 1}, "average_score": 90}
    assert emulate("PublishEvents").invoke(example("publish_events")) == {"batchItemFailures": []}
    ledger = dynamo.get("PublishedTable", {"object": f"submission#{support.SUBMISSION}"}, consistent=True)
    assert ledger
    assert ledger["sent"] == support.stored_submission()["acted_version"]
    assert emulate("CloseSessions").invoke(example("close_sessions"))["failed"] == 0
    # No stream told of the two sessions; one of them comes as a batch that Lambda gave up.
    message = example("heal_changes")["Records"][0]
    message["body"] = json.dumps(support.given_up(tables, "SessionsTable", support.SESSION))
    assert emulate("HealChanges").invoke({"Records": [message]}) == {"batchItemFailures": []}
    check = emulate("RecomputeStatistics", CHECK_PARTS="1")
    mended = check.invoke(example("recompute_statistics"))
    assert mended["drifted"] > 0
    assert check.invoke(example("recompute_statistics")) == {"drifted": 0, "failed": 0, "finished": True}


def test_tokens_are_an_identity_providers_where_there_is_one(
    emulate: Emulate, tables: str, make_token: MakeToken
) -> None:
    """With the layer that the template attaches then; a function without it has no cryptography."""
    with providing() as provider:
        provider.publish(public(by_rsa().key, kid="r"), public(by_curve().key, kid="c"))
        statistics = emulate("GetStatistics", JWKS_URL=provider.url)
        for by, kid in ((by_rsa(), "r"), (by_curve(), "c")):
            answer = statistics.invoke(example("get_statistics", issued(by, kid)))
            assert answer["statusCode"] == 200, content(answer)
        strangers = issued(replace(by_rsa(), key=by_rsa().stranger), "r")
        for token in (make_token("asesor"), strangers, issued(by_rsa(), "unknown")):
            assert statistics.invoke(example("get_statistics", token))["statusCode"] == 401
        assert provider.asked == ["/keys"]


def test_a_fault_is_logged_and_not_told(emulate: Emulate, store: str, make_token: MakeToken) -> None:
    broken = emulate("GetSubmission", AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:9")
    answer = broken.invoke(example("get_submission", make_token("asesor")))
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "1")
    assert content(answer) == {"errors": ["Service unavailable"], "status": False}
    entries = [json.loads(line) for line in broken.log.read_text().splitlines() if line.startswith("{")]
    (entry,) = [entry for entry in entries if entry.get("level") == "WARNING"]
    assert entry["correlation_id"] == example("get_submission")["requestContext"]["requestId"]
    assert support.PARTICIPANT not in json.dumps(entry)


def test_a_record_that_is_malformed_is_set_aside(emulate: Emulate, tables: str) -> None:
    """By a call of SQS: what can't be set aside comes again."""
    event = example("ingest_records")
    event["Records"] = event["Records"][:1]
    body = json.loads(event["Records"][0]["body"])
    event["Records"][0]["body"] = json.dumps({**body, "detail": {"id": "?"}})
    assert emulate("IngestRecords").invoke(event) == {"batchItemFailures": []}
    lost = emulate("IngestRecords", AWS_ENDPOINT_URL="http://127.0.0.1:9").invoke(event)
    assert lost == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}


def test_without_a_key_it_starts_and_lets_nobody_in(
    emulate: Emulate, store: str, make_token: MakeToken
) -> None:
    """The key is asked for while the function is loaded, which does not fail for it."""
    locked = emulate("GetStatistics", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    answer = locked.invoke(example("get_statistics", make_token("asesor")))
    assert (answer["statusCode"], content(answer)["errors"]) == (503, ["Service unavailable"])
