import io
import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from local import redrive
from local.account import Account
from local.redrive import Redriven

BAD = json.dumps({"table": "SubmissionsTable", "id": "bad"})
GOOD = json.dumps({"table": "UsersTable", "id": "good"})


class Functions:
    """Stand for Lambda's client: the function heals all but the bad change, or raises."""

    def __init__(self, *, raises: bool = False) -> None:
        self._raises = raises

    def invoke(self, FunctionName: str, Payload: str) -> dict[str, Any]:
        assert FunctionName == "heal"
        if self._raises:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "a fault"}')}
        failed = [
            {"itemIdentifier": record["messageId"]}
            for record in json.loads(Payload)["Records"]
            if record["body"] == BAD
        ]
        return {"Payload": io.BytesIO(json.dumps({"batchItemFailures": failed}).encode())}


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(redrive, "_LONGEST_POLL", 1)
    with mock_aws():
        client = botocore.session.get_session().create_client("sqs", region_name="ap-southeast-3")
        yield client
        client.close()


def queue_of(sqs: Any, *bodies: str, visibility_timeout: int = 300) -> str:
    attributes = {"VisibilityTimeout": str(visibility_timeout)}
    url = str(sqs.create_queue(QueueName="failed", Attributes=attributes)["QueueUrl"])
    for body in bodies:
        sqs.send_message(QueueUrl=url, MessageBody=body)
    return url


def test_a_stack_is_looked_for_in_the_region_that_samconfig_gives_it(
    sqs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    formation = Account("ap-southeast-3").client("cloudformation")
    resources = {name: {"Type": "AWS::SQS::Queue"} for name in ("FailedChanges", "HealChanges")}
    formation.create_stack(StackName="teaching-api", TemplateBody=json.dumps({"Resources": resources}))
    assert redrive.redrive_stack("teaching-api") == Redriven(0, [])


@pytest.mark.usefixtures("sqs")
def test_a_stack_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STACK", "nothing")
    assert redrive.main() == 1
    assert capsys.readouterr().err.splitlines()[-1] == "there is no stack nothing in ap-southeast-3"


def test_in_aws_the_healed_leave_the_queue_and_the_others_are_named(sqs: Any) -> None:
    url = queue_of(sqs, GOOD, BAD, GOOD)
    assert redrive.redrive_queue(sqs, Functions(), url, "heal") == Redriven(2, [BAD])
    counts = redrive._attributes(sqs, url)
    assert counts["ApproximateNumberOfMessages"] == "0"
    assert counts["ApproximateNumberOfMessagesNotVisible"] == "1"


def test_in_aws_what_lambda_has_just_tried_is_waited_for(sqs: Any) -> None:
    url = queue_of(sqs, GOOD, visibility_timeout=2)
    assert sqs.receive_message(QueueUrl=url)["Messages"]
    assert redrive.redrive_queue(sqs, Functions(), url, "heal") == Redriven(1, [])


def test_in_aws_a_function_that_raises_heals_nothing(sqs: Any) -> None:
    url = queue_of(sqs, GOOD)
    assert redrive.redrive_queue(sqs, Functions(raises=True), url, "heal") == Redriven(0, [GOOD])


def test_an_empty_queue_is_done_at_once(sqs: Any) -> None:
    assert redrive.redrive_queue(sqs, Functions(), queue_of(sqs), "heal") == Redriven(0, [])


@pytest.mark.parametrize(
    ("done", "code", "said"),
    [
        (Redriven(2, []), 0, "2 healed, 0 remaining\n"),
        (
            Redriven(1, [BAD, "other"]),
            1,
            "1 healed, 2 remaining\n  SubmissionsTable/bad\n  other\n",
        ),
    ],
)
def test_the_command_says_what_is_healed_and_what_remains(
    done: Redriven, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("STACK", raising=False)
    monkeypatch.setattr(redrive, "redrive_server", lambda url: done)
    assert redrive.main() == code
    assert capsys.readouterr().out == said


def test_without_a_server_it_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("STACK", raising=False)
    monkeypatch.setenv("PORT", "9")
    assert redrive.main() == 1
    assert "is `make start` running?" in capsys.readouterr().err
