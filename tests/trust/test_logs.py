"""No personal data in a log, whatever happens: a canary sits in every field that is somebody's."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from local import template
from teaching import dynamo, log, records_queue, sqs
from tests import support
from tests.conftest import MakeToken
from tests.examples import example

CANARY = "Kenari"
TEMPLATE = template.read()
API = sorted(TEMPLATE.functions[route.function].module.split(".")[1] for route in TEMPLATE.routes)


class Said:
    """What the process has written since the last look."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured = captured

    def __call__(self) -> str:
        captured = self._captured.readouterr()
        return captured.out + captured.err


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Said]:
    """The functions' log goes where the test can read it, as it would to CloudWatch."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"teaching-api-{support.new_id()}")
    log.logger.cache_clear()
    yield Said(capsys)
    log.logger.cache_clear()


def canary(field: str) -> str:
    return f"{CANARY} {field}"


def user(role: str, identity: str, asesor: str | None = None) -> support.Data:
    made = support.participant(identity, canary("name"), asesor)
    profile = made["participant_profile"]
    texts = {name: canary(name) for name, value in profile.items() if name not in _fixed(profile)}
    return made | {
        "role": role,
        "email": canary("email"),
        "profile": {"photo": canary("photo"), canary("key"): 1},
        "participant_profile": profile | texts if role == "participant" else None,
    }


def _fixed(profile: Mapping[str, Any]) -> set[str]:
    """The fields of a profile that are no free text."""
    return {"id", "user_id", "asesor_id", "created_at", "updated_at", "start_year"} & profile.keys()


@pytest.fixture
def canaries(tables: str) -> None:
    support.take_in("user", user("asesor", support.ASESOR), user("admin", support.ADMIN))
    support.take_in("user", user("participant", support.PARTICIPANT, support.ASESOR))
    support.take_in("item", support.item(data={"question": canary("question")}))
    support.take_in("session", support.session(title=canary("title")))
    answers = {"category": "quiz", "answers": [{"answer": canary("answer")}]}
    support.take_in("submission", support.submission(response_snapshot=answers, feedback=canary("feedback")))
    support.settle()


def requests(function: str, make_token: MakeToken) -> Iterator[support.Data]:
    """Good and bad ones, by each role and by nobody."""
    bodies = [
        None,
        json.dumps({"score": 7, "feedback": canary("feedback")}),
        json.dumps(
            {"participant_id": support.PARTICIPANT, "status": "late", "feedback_notes": canary("notes")}
        ),
        json.dumps({canary("field"): canary("value"), "score": canary("score")}),
        f'{{"{CANARY}": 1, "{CANARY}": 2}}',
        f"{{{CANARY}",
    ]
    for role in ("admin", "asesor", "participant"):
        for body in bodies:
            made = example(function, make_token(role), rawQueryString=f"search={CANARY}&limit=2")
            yield made if body is None else made | {"body": body}
    yield example(function, f"{CANARY}.{CANARY}.{CANARY}")
    yield example(function, make_token("asesor") + CANARY)
    yield example(function, make_token("admin"), rawQueryString=f"status={CANARY}&limit={CANARY}")
    wrong = example(function, make_token("asesor"))
    yield wrong | {"pathParameters": dict.fromkeys(wrong.get("pathParameters", {}), CANARY)}


def assert_discreet(text: str, *tokens: str) -> None:
    assert CANARY.lower() not in text.lower(), text
    for token in tokens:
        assert token not in text
        assert token.rpartition(".")[2] not in text


def token_of(request: Mapping[str, Any]) -> str:
    return str(request["headers"]["authorization"].removeprefix("Bearer "))


@pytest.mark.usefixtures("canaries")
@pytest.mark.parametrize("function", API)
def test_a_request_leaves_nothing_of_anybody(function: str, make_token: MakeToken, said: Said) -> None:
    for request in requests(function, make_token):
        support.call(function, request)
        assert_discreet(said(), token_of(request))


def quoting(arguments: Any) -> list[Exception]:
    """Errors as libraries raise them: with what they stumbled over in their messages."""
    text = f"{canary('quoted')} {arguments}"
    refused: Any = {"Error": {"Code": "ValidationException", "Message": f"wrong value {text}"}}
    noted = ValueError(text)
    noted.add_note(text)
    return [
        KeyError(text),
        noted,
        ClientError(refused, "GetItem"),
        ReadTimeoutError(endpoint_url=f"http://127.0.0.1:9/{CANARY}"),
    ]


def failing(number: int) -> Callable[..., Any]:
    """A request to the store that fails, after and because of another fault with a message."""

    def call(operation: str, **arguments: Any) -> Any:
        try:
            raise RuntimeError(canary(f"earlier {arguments}"))
        except RuntimeError as cause:
            raise quoting(arguments)[number] from cause

    return call


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("fault", range(4))
@pytest.mark.parametrize("function", [name for name in API if name != "answer_not_found"])
def test_a_fault_in_a_request_is_told_without_its_message(
    function: str, fault: int, make_token: MakeToken, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamo, "call", failing(fault))
    told = ""
    for request in requests(function, make_token):
        support.call(function, request)
        text = said()
        assert_discreet(text, token_of(request))
        told += text
    every = [json.loads(line) for line in told.splitlines()]
    lines = [line for line in every if line["message"] != "request"]
    assert {line["message"] for line in lines} <= {"unhandled fault", "service unavailable"}
    assert lines
    for line in lines:
        assert "test_logs.py" in line["exception"], "where it came from is told"
        assert line["exception_name"]


def records() -> Iterator[support.Data]:
    good = {
        "user": user("participant", support.PARTICIPANT, support.ASESOR),
        "item": support.item(title=canary("title"), data=canary("data")),
        "session": support.session(title=canary("title")),
        "submission": support.submission(response_snapshot=canary("answers"), feedback=canary("feedback")),
    }
    for kind, data in good.items():
        yield support.message(kind, data)
        yield support.message(kind, data | {"id": canary("id")})
        yield support.message(kind, data | {canary("field"): 1})
        yield support.message(kind, {name: canary(name) for name in data})
        yield support.message(canary("type"), data)
        yield support.message(kind, canary("data"))
        whole = support.message(kind, data)
        yield whole | {"body": whole["body"][:-1]}
        yield whole | {"body": whole["body"].replace('"id":', f'"{CANARY}": 1, "{CANARY}": 1, "id":')}


@pytest.mark.usefixtures("canaries")
def test_a_record_leaves_nothing_of_anybody(said: Said) -> None:
    for message in records():
        assert records_queue.take([message]) == {"batchItemFailures": []}
        assert_discreet(said())


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("fault", range(4))
def test_a_record_that_fails_is_told_by_its_message_id_alone(
    fault: int, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamo, "call", failing(fault))

    def no_queue() -> Any:
        raise quoting("the queue")[fault]

    monkeypatch.setattr(sqs, "client", no_queue)
    for message in records():
        assert records_queue.take([message])["batchItemFailures"] == [
            {"itemIdentifier": message["messageId"]}
        ]
        text = said()
        assert_discreet(text)
        assert message["messageId"] in text


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("fault", range(4))
@pytest.mark.parametrize("function", ["apply_changes", "refresh_copies"])
def test_a_change_that_fails_is_told_without_its_message(
    function: str, fault: int, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamo, "call", failing(fault))
    with suppress(Exception):
        support.invoke(function, example(function))
    text = said()
    assert_discreet(text)
    assert "failed" in text
