"""Whatever Schemathesis makes of docs/openapi.yaml, each role is answered as the document says."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import settings
from schemathesis import Case
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

from local import demo, gateway, template
from teaching import jsons
from teaching.limits import ANSWER_BYTES
from tests import support
from tests.fuzz import described
from tests.fuzz.client import Client
from tests.fuzz.effort import SEED, TIMES

EXAMPLES = 40 * TIMES

SCHEMA = schemathesis.openapi.from_dict(described.document(), config=SchemathesisConfig(seed=SEED))
ROUTES = [route for route in template.read().routes if route.path]
OPERATIONS = {
    (method.upper(), path): operation["operationId"]
    for path, methods in described.document()["paths"].items()
    for method, operation in methods.items()
}
PAGED = [
    name
    for name, operation in sorted(described.operations().items())
    if "page" in {parameter["name"] for parameter in operation.get("parameters", [])}
]
CALLERS = {person.role: (person.role, person.id) for person in demo.PEOPLE}

OF_STATE = {
    "Coaching session cannot be started",
    "Coaching session cannot be ended",
    "Submission cannot be graded",
}
"""First errors of a request that is right in itself."""
UNSAID = {
    "grades: must be entries of which no two have the same id",
    "participant_id: is not on the roster of the coaching session",
    "presences: must be entries of which no two have the same participant_id",
    "the coaching session is cancelled",
    "score: must be a number of at most 15 digits",
    "feedback: must be at most 40000 bytes as JSON",
    "feedback_notes: must be at most 40000 bytes as JSON",
}
"""Details of what a schema can't say."""
MANY_AT_ONCE = {"grade_submissions", "mark_presences"}
"""Whose entries are judged one by one, each answered for itself."""

OURS = [negative_data_rejection, positive_data_acceptance, unsupported_method]
"""Of Schemathesis' checks, those that are made here by what was sent: half of the ids are of something, the
token is there, unknown parameters are ignored, other methods are 404.
"""


def made_id(kind: str, number: int) -> str:
    return f"{number:08x}-{kind.encode().hex()[:4]}-4000-8000-000000000000"


SESSIONS = [made_id("session", number) for number in range(5)]
SUBMISSIONS = [made_id("submission", number) for number in range(4)]


@pytest.fixture(scope="module")
def api(client: Client) -> Client:
    """Sessions and submissions of every status, one of each not the asesor's."""
    people = [
        *demo.SPEC_USERS,
        support.person("asesor", support.OTHER_ASESOR, "Dewi Lestari"),
        support.participant(support.OTHER_PARTICIPANT, "Agus Salim", support.OTHER_ASESOR),
    ]
    statuses = ("scheduled", "ongoing", "completed", "cancelled", "scheduled")
    sessions = [
        support.session(id=identity, status=status)
        for identity, status in zip(SESSIONS, statuses, strict=True)
    ]
    sessions[-1] |= {"asesor_id": support.OTHER_ASESOR}
    submissions = [
        support.submission(id=identity, status=status, score=7)
        for identity, status in zip(
            SUBMISSIONS, ("in_progress", "submitted", "graded", "submitted"), strict=True
        )
    ]
    submissions[-1] |= {"user_id": support.OTHER_PARTICIPANT}
    client.load(
        [("user", each) for each in people]
        + [("item", support.item())]
        + [("session", each) for each in sessions]
        + [("submission", each) for each in submissions]
    )
    client.drain()
    return client


def aim(case: Case[Any]) -> None:
    """Most ids that Schemathesis makes up are of nothing; half of them become those of what there is."""
    for name, known in (("coachingId", SESSIONS), ("submissionId", SUBMISSIONS)):
        identity = case.path_parameters.get(name)
        if isinstance(identity, str) and len(identity) == 36 and identity[-1] in "02468ace":
            case.path_parameters[name] = known[ord(identity[0]) % len(known)]
    participant = case.body.get("participant_id") if isinstance(case.body, dict) else None
    if isinstance(case.body, dict) and isinstance(participant, str) and participant[-1:] in "02468ace":
        case.body["participant_id"] = support.PARTICIPANT


def sent(request: Any) -> tuple[str, Mapping[str, str], bytes]:
    """The query string, the headers and the body, as they went over the wire."""
    body = request.body or b""
    return urlsplit(request.url).query, request.headers, body.encode() if isinstance(body, str) else body


def taken_by(method: str, url: str) -> str | None:
    """The operation whose route takes the request, the most specific one; None where none does."""
    found = gateway.match(ROUTES, method, urlsplit(url).path)
    return OPERATIONS[found[0].method, found[0].path] if found else None


def is_right(role: str, operation: str, right: bool, status: int, content: Any) -> bool:
    """Whether the answer's status is that of a request that the document allows, or does not."""
    if role not in described.operations()[operation]["x-roles"]:
        return status == 403
    if not right:
        return status in (400, 404, 413)
    if status == 400:
        return content["errors"][0] in OF_STATE or bool(UNSAID & set(content["errors"][1:]))
    return status in (200, 302, 404, 412)


def is_each_right(operation: str, body: bytes, content: Any) -> bool:
    """Whether of many at once each entry was done or refused as the document allows it, or does not."""
    ((name, entries),) = jsons.loads(body.decode()).items()
    return all(
        answer["status"]
        or answer["errors"][0] != "Invalid request body"
        or bool(UNSAID & set(answer["errors"]))
        if described.allows(operation, "", {}, jsons.dumps({name: [entry]}).encode())
        else not answer["status"]
        for entry, answer in zip(entries, content["data"], strict=True)
    )


@pytest.mark.parametrize("role", CALLERS)
@SCHEMA.parametrize()
@settings(max_examples=EXAMPLES, derandomize=False)
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
def test_a_role_is_answered_as_described(case: Case[Any], role: str, api: Client) -> None:
    aim(case)
    headers = {"Authorization": f"Bearer {api.token(*CALLERS[role])}"}
    response = case.call(base_url=api.url, headers=headers)
    content = jsons.loads(response.text) if response.text else None
    operation = taken_by(case.method.upper(), str(response.request.url))
    if operation is None:
        assert (response.status_code, content) in ((404, described.NOT_FOUND), (204, None))
        return
    assert (
        described.fault(operation, response.status_code, dict.fromkeys(response.headers, ""), content) is None
    )
    if operation != case.operation.definition.raw["operationId"]:
        return
    case.validate_response(response, headers=headers, excluded_checks=OURS)
    if response.request.headers.get("Authorization") != headers["Authorization"]:
        assert response.status_code == 401
        return
    query, given, body = sent(response.request)
    if response.status_code == 200 and operation in MANY_AT_ONCE:
        right = is_each_right(operation, body, content)
    else:
        right = described.allows(operation, query, given, body)
    assert is_right(role, operation, right, response.status_code, content), (right, content)


@pytest.mark.parametrize("path", sorted(described.document()["paths"]))
def test_a_path_with_another_method_is_not_found(path: str, api: Client) -> None:
    filled = path.replace("{coachingId}", SESSIONS[0]).replace("{submissionId}", SUBMISSIONS[0])
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY"):
        if taken_by(method, filled):
            continue
        callers: list[tuple[str, str] | str] = [*CALLERS.values(), "nobody's"]
        for caller in callers:
            reply = api.ask(method, filled.removeprefix("/api"), caller, {"score": 1})
            assert (reply.status, reply.content) == (404, described.NOT_FOUND)
            assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize("operation", PAGED)
def test_a_page_however_far_is_there_and_empty(operation: str, api: Client) -> None:
    method, path = described.place(operation)
    filled = path.replace("{coachingId}", SESSIONS[0]).replace("{submissionId}", SUBMISSIONS[2])
    for role in described.operations()[operation]["x-roles"]:
        reply = api.ask(method, f"{filled.removeprefix('/api')}?page={10**18 - 1}&limit=100", CALLERS[role])
        rows = reply.content["data"]
        assert (reply.status, rows if isinstance(rows, list) else rows["data"]) == (200, [])


@pytest.mark.parametrize("operation", sorted(described.operations()))
def test_what_is_too_large_is_413_on_every_route(operation: str, api: Client) -> None:
    method, path = described.place(operation)
    filled = path.replace("{coachingId}", SESSIONS[0]).replace("{submissionId}", SUBMISSIONS[0])
    role = described.operations()[operation]["x-roles"][0]
    reply = api.ask(method, filled.removeprefix("/api"), CALLERS[role], b" " * ANSWER_BYTES)
    assert reply.status == 413
    assert described.fault(operation, reply.status, reply.headers, reply.content) is None
