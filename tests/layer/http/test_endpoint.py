import base64
import json
import threading
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from teaching.errors import CannotBeGraded, SubmissionNotFound, Unavailable
from teaching.fields import Score, Strict
from teaching.grading.rules import Grade, SubmissionQuery
from teaching.http.auth import ADMIN, ASESOR, Caller
from teaching.http.endpoint import Endpoint, endpoint
from teaching.http.pages import PageQuery
from teaching.limits import BODY_BYTES
from tests.conftest import MakeToken
from tests.support import NOBODYS, Answer, Data, event

Call = Callable[..., Answer]


def answered(handler: Endpoint, given: Data) -> Answer:
    answer = handler(given, None)
    return Answer(answer["statusCode"], answer["headers"], answer["body"])


@endpoint(roles={ADMIN: "all", ASESOR: "own"})
def whoami(caller: Caller) -> Any:
    return {"id": caller.id, "role": caller.role}


@endpoint(roles={ADMIN: "all"}, query=SubmissionQuery)
def listing(caller: Caller, query: SubmissionQuery) -> Any:
    return query.model_dump()


@endpoint(roles={ADMIN: "all"}, not_found=SubmissionNotFound, body=Grade, message="Grading successful")
def grading(caller: Caller, submission: str, grade: Grade) -> Any:
    return {"submission": submission, **grade.model_dump()}


@pytest.fixture
def token(store: str, make_token: MakeToken) -> str:
    return make_token("admin")


@pytest.fixture
def listed(token: str) -> Call:
    return lambda query: answered(listing, event(token=token, query=query))


@pytest.fixture
def graded(token: str) -> Call:
    def send(body: Any = None, path: str = NOBODYS, **changes: Any) -> Answer:
        return answered(grading, event({"submissionId": path}, token=token, body=body, **changes))

    return send


def test_the_function_gets_the_caller_and_its_answer_is_enveloped(token: str) -> None:
    answer = answered(whoami, event(token=token))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.content.items())[1:] == [("message", "success"), ("status", True)]
    assert answer.content["data"]["role"] == "admin"


def told(capsys: pytest.CaptureFixture[str]) -> Data:
    """The one line of a request in the log."""
    (line,) = [line for line in capsys.readouterr().out.splitlines() if '"message": "request"' in line]
    found: Data = json.loads(line)
    return found


def test_a_line_of_the_log_says_who_asked_for_what_and_how_it_went(
    graded: Call, make_token: MakeToken, capsys: pytest.CaptureFixture[str]
) -> None:
    graded({"score": "a secret"})
    line = told(capsys)
    assert line.pop("milliseconds") >= 0
    assert line.pop("correlation_id")
    assert line == {
        "level": "INFO",
        "message": "request",
        "route": event()["routeKey"],
        "caller": claims_of(make_token("admin"))["sub"],
        "role": "admin",
        "status": 400,
    }


def test_of_a_request_without_a_good_token_the_line_names_nobody(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answered(whoami, event(headers={"authorization": "Bearer a secret"}))
    line = told(capsys)
    assert (line["status"], line["caller"], line["role"]) == (401, None, None)


def claims_of(token: str) -> Data:
    claims: Data = jwt.decode(token, options={"verify_signature": False})
    return claims


@pytest.mark.parametrize("headers", [{}, None, {"authorization": "Bearer nonsense"}])
def test_without_a_good_token_nothing_else_is_judged(store: str, headers: Any) -> None:
    for given in (
        event({"submissionId": "malformed"}, body="no JSON", headers=headers),
        event({"submissionId": NOBODYS}, body="x" * (BODY_BYTES + 1), headers=headers),
        event({"submissionId": NOBODYS}, query="limit=0", headers=headers),
    ):
        answer = answered(grading, given)
        assert (answer.status, answer.text) == (401, '{"errors":["Unauthorized"],"status":false}')
        assert answer.headers["www-authenticate"] == "Bearer"


def test_the_role_is_judged_before_path_query_and_body(make_token: MakeToken, store: str) -> None:
    given = event(
        {"submissionId": "malformed"}, token=make_token("participant"), body="no JSON", query="limit=0"
    )
    for handler in (grading, listing, whoami):
        answer = answered(handler, given)
        assert (answer.status, answer.text) == (403, '{"errors":["Forbidden"],"status":false}')


@pytest.mark.parametrize(
    "identity",
    ["malformed", NOBODYS.upper(), f"{NOBODYS}x", "", " ", "..", "%00", f"{NOBODYS}\n", "1" * 5000],
)
def test_a_malformed_id_in_the_path_is_a_missing_object(graded: Call, identity: str) -> None:
    answer = graded(None, identity)
    assert (answer.status, answer.text) == (404, '{"errors":["Submission not found"],"status":false}')


def test_the_parameters_arrive_typed(listed: Call) -> None:
    answer = listed(f"limit=7&page=2&search=%20Siti%20Rahma+w%C3%A1%20&status=graded&course_id={NOBODYS}")
    assert answer.content["data"] == {
        "limit": 7,
        "page": 2,
        "search": "Siti Rahma wá",
        "material_item_id": None,
        "status": "graded",
        "course_id": NOBODYS,
        "participant_id": None,
        "asesor_id": None,
    }


def test_an_unknown_parameter_is_ignored_even_when_repeated(listed: Call) -> None:
    assert listed("colour=red&colour=blue&Limit=0&utm_source=mail&=&&limit=5").content["data"]["limit"] == 5


@pytest.mark.parametrize(
    "value", ["0", "-1", "+5", "%2B5", "1.0", "1_000", "", "%20", "1e3", "null", "%D9%A3", "5%00"]
)
@pytest.mark.parametrize("name", ["limit", "page"])
def test_a_number_that_is_not_digits_is_refused(listed: Call, name: str, value: str) -> None:
    answer = listed(f"{name}={value}")
    assert answer.status == 400
    assert answer.errors == [
        "Invalid query parameters",
        f"{name}: must be a whole number, 1 or more, in digits",
    ]


@pytest.mark.parametrize("name", ["limit", "page", "search", "status", "material_item_id", "course_id"])
def test_a_repeated_parameter_is_refused(listed: Call, name: str) -> None:
    answer = listed(f"{name}=1&{name}=1")
    assert answer.status == 400
    assert answer.errors == ["Invalid query parameters", f"{name}: must be given once"]


@pytest.mark.parametrize(
    ("query", "details"),
    [
        ("status=done", ["status: must be in_progress, submitted or graded"]),
        ("status=Graded", ["status: must be in_progress, submitted or graded"]),
        ("status=", ["status: must be in_progress, submitted or graded"]),
        ("course_id=7", ["course_id: must be a lower-case UUID"]),
        ("material_item_id=", ["material_item_id: must be a lower-case UUID"]),
        (f"course_id={NOBODYS.upper()}", ["course_id: must be a lower-case UUID"]),
        ("search=a", ["search: must be 2 to 100 characters long"]),
        (
            "limit=x&status=y",
            [
                "limit: must be a whole number, 1 or more, in digits",
                "status: must be in_progress, submitted or graded",
            ],
        ),
    ],
)
def test_every_wrong_parameter_is_named(listed: Call, query: str, details: list[str]) -> None:
    assert listed(query).errors == ["Invalid query parameters", *details]


def test_a_good_body_arrives(graded: Call) -> None:
    answer = graded('{"score": 90.50, "feedback": "Ok mantep"}')
    assert answer.text == (
        f'{{"data":{{"submission":"{NOBODYS}","score":90.5,"feedback":"Ok mantep"}},'
        '"message":"Grading successful","status":true}'
    )


def test_a_body_in_base64_arrives(graded: Call) -> None:
    body = base64.b64encode('{"score": 1, "feedback": "é😀"}'.encode()).decode()
    assert graded(body, isBase64Encoded=True).content["data"]["feedback"] == "é😀"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "score: is required"),
        ({"score": None}, "score: must be a number, 0 or more"),
        ({"score": True}, "score: must be a number, 0 or more"),
        ({"score": "90"}, "score: must be a number, 0 or more"),
        ({"score": [90]}, "score: must be a number, 0 or more"),
        ({"score": -1}, "score: must be a number, 0 or more"),
        ('{"score": 1e400}', "score: must be a number of at most 15 digits"),
        ({"score": 1, "feedback": 7}, "feedback: must be text"),
        ({"score": 1, "feedback": "x" * 10_001}, "feedback: must be at most 10000 characters"),
        ({"score": 1, "Score": 2}, "Score: is not a known field"),
        ({"score": 1, "status": "graded"}, "status: is not a known field"),
        ('{"score": 1, "feedback": "\\ud800"}', "feedback: must be valid Unicode text"),
    ],
)
def test_every_wrong_field_is_named(graded: Call, body: Any, detail: str) -> None:
    answer = graded(body)
    assert answer.status == 400
    assert answer.errors == ["Invalid request body", detail]


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        " ",
        "no JSON",
        "{",
        '{"score": NaN}',
        '{"score": Infinity}',
        '{"score": -Infinity}',
        '{"score": 01}',
        '{"score": +1}',
        '{"score": 1,}',
        "{'score': 1}",
        '{"score": 1} x',
        '{"score": 1e999999999999999999999}',
        '{"score": ' + "1" * 5000 + "}",
        "[" * 20_000,
        '{"score": ' + "[" * 20_000 + "]" * 20_000 + "}",
        "\ufeff{}",
        "\ud800",
        "[]",
        "7",
        "null",
        '"score"',
    ],
)
def test_a_body_that_is_no_json_object_is_refused(graded: Call, body: Any) -> None:
    answer = graded(body)
    assert answer.status == 400
    assert answer.errors[0] == "Invalid request body"
    assert len(answer.errors) == 2


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('{"score": 1, "score": 1}', "score"),
        ('{"score": 1, "score": 2, "score": 3}', "score"),
        ('{"score": 1, "\\u0073core": 2}', "score"),
        ('{"score": {"a": 1, "b": 2, "a": 1}}', "a"),
        ('{"score": 1, "feedback": [[{"": 1, "": 2}]]}', ""),
        ('[{"a": 1, "a": 1}]', "a"),
        ('{"' + "x" * 5000 + '": 1, "' + "x" * 5000 + '": 1}', "x" * 100),
        ('{"score": 1, "\\ud800\\n": 1, "\\ud800\\n": 1}', ""),
    ],
)
def test_a_name_twice_is_refused_at_any_depth(graded: Call, body: str, name: str) -> None:
    answer = graded(body)
    assert answer.status == 400
    assert answer.errors == ["Invalid request body", f"{name}: must be given once"]


@pytest.mark.parametrize("depth", [60, 200, 900, 980, 1000, 5000, 30_000])
@pytest.mark.parametrize(
    "wrapped", ['{"score": %s}', '{"score": 1, "feedback": %s}', '{"score": 1, "more": %s}', "%s"]
)
def test_a_body_may_be_nested_as_deep_as_it_likes_and_is_refused(
    graded: Call, wrapped: str, depth: int
) -> None:
    for deep in ("[" * depth + "]" * depth, '{"a":' * (depth // 2) + "1" + "}" * (depth // 2)):
        answer = graded(wrapped % deep)
        assert answer.status in (400, 413)
        assert answer.status == 400 or len(wrapped % deep) > BODY_BYTES


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"\x00", b"\xc3"])
def test_bytes_that_are_no_text_are_refused(graded: Call, raw: bytes) -> None:
    answer = graded(base64.b64encode(raw).decode(), isBase64Encoded=True)
    assert answer.errors == ["Invalid request body", "body: must be JSON"]


def test_what_is_no_base64_is_refused(graded: Call) -> None:
    assert graded("A", isBase64Encoded=True).errors == ["Invalid request body", "body: must be JSON"]


@pytest.mark.parametrize("encoded", [False, True])
def test_a_body_has_at_most_64_kilobytes(graded: Call, encoded: bool) -> None:
    def padded(size: int) -> str:
        text = json.dumps({"score": 1})
        text += " " * (size - len(text))
        return base64.b64encode(text.encode()).decode() if encoded else text

    assert graded(padded(BODY_BYTES), isBase64Encoded=encoded).status == 200
    answer = graded(padded(BODY_BYTES + 1), isBase64Encoded=encoded)
    assert answer.status == 413
    assert answer.errors[0] == "Request body too large"


def test_the_size_of_a_body_is_in_bytes(graded: Call) -> None:
    assert graded('"' + "é" * (BODY_BYTES // 2) + '"').status == 413


def raising(error: Exception) -> Endpoint:
    @endpoint(roles={ADMIN: "all"})
    def handler(caller: Caller) -> Any:
        raise error

    return handler


def test_an_error_of_the_function_is_its_answer(token: str) -> None:
    answer = answered(raising(CannotBeGraded("it is in_progress")), event(token=token))
    assert answer.status == 400
    assert answer.errors == ["Submission cannot be graded", "it is in_progress"]


@pytest.mark.parametrize(
    "error",
    [RuntimeError("secret of the house"), KeyError("nik"), RecursionError("deep"), ValueError("table X")],
)
def test_a_fault_leaks_nothing_and_is_logged(
    token: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    answer = answered(raising(error), event(token=token))
    assert answer.status == 500
    assert answer.text == '{"errors":["Internal server error"],"status":false}'
    assert "secret" not in str(dict(answer.headers))
    (record,) = caplog.records
    assert record.exc_info
    assert record.exc_info[1] is error
    assert vars(record)["correlation_id"] == "request-1"
    assert token not in str(vars(record))


def test_a_fault_in_what_is_answered_leaks_nothing_either(token: str) -> None:
    @endpoint(roles={ADMIN: "all"})
    def handler(caller: Caller) -> Any:
        return object()

    assert answered(handler, event(token=token)).text == '{"errors":["Internal server error"],"status":false}'


def test_who_is_unavailable_says_so_and_when_to_come_again(token: str) -> None:
    answer = answered(raising(Unavailable()), event(token=token))
    assert (answer.status, answer.text) == (503, '{"errors":["Service unavailable"],"status":false}')
    assert answer.headers["retry-after"] == "1"


def test_requests_at_once_do_not_mix(store: str, make_token: MakeToken) -> None:
    ids = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(16)]
    met = threading.Barrier(len(ids))
    seen: dict[str, str] = {}

    @endpoint(roles={ASESOR: "own"})
    def meet(caller: Caller) -> Any:
        met.wait(10)
        return caller.id

    def request(identity: str) -> None:
        seen[identity] = answered(meet, event(token=make_token("asesor", identity))).content["data"]

    threads = [threading.Thread(target=request, args=(identity,)) for identity in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {identity: identity for identity in ids}


def test_what_its_requests_need_is_built_when_a_function_is_loaded_and_nothing_else() -> None:
    class Asked(PageQuery):
        own: str

    class Given(Strict):
        own: Score

    class Others(Strict):
        own: Score

    endpoint(roles={ADMIN: "all"}, query=Asked, body=Given)(lambda *_: None)
    built = {model.__name__: model.__pydantic_complete__ for model in (Asked, Given, Others)}
    assert built == {"Asked": True, "Given": True, "Others": False}
