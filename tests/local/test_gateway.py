import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.aws import StandIn
from local.functions import EventTooLarge, FunctionError, FunctionTimeout
from local.gateway import Gateway, match
from local.template import Cors, Route, Template, read
from teaching.limits import GATEWAY_BODY_BYTES

ROUTES = [
    Route("Get", "GET", "/things/{id}"),
    Route("Count", "GET", "/things/count"),
    Route("Part", "GET", "/things/{id}/parts/{part}"),
    Route("Post", "POST", "/things/{id}"),
    Route("NotFound", None, None),
]

TEMPLATE = """
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration:
        AllowOrigins: [https://app.example]
        AllowMethods: [GET, POST]
        AllowHeaders: [authorization]
        ExposeHeaders: [location]
        MaxAge: 600
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/echo
      Handler: app.handler
      Events:
        Get: {Type: HttpApi, Properties: {Method: GET, Path: "/things/{id}"}}
        Post: {Type: HttpApi, Properties: {Method: POST, Path: "/things/{id}"}}
        Meet: {Type: HttpApi, Properties: {Method: GET, Path: /meet}}
        Raise: {Type: HttpApi, Properties: {Method: GET, Path: /raise}}
        Overrun: {Type: HttpApi, Properties: {Method: GET, Path: /overrun}}
        Long: {Type: HttpApi, Properties: {Method: GET, Path: /long}}
        Redirect: {Type: HttpApi, Properties: {Method: GET, Path: /redirect}}
        Nonsense: {Type: HttpApi, Properties: {Method: GET, Path: /nonsense}}
  NotFound:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/not_found
      Handler: app.handler
      Events:
        Default: {Type: HttpApi}
"""


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Template:
    path: Path = tmp_path_factory.mktemp("project") / "template.yaml"
    path.write_text(TEMPLATE)
    return read(path)


@pytest.fixture(scope="module")
def gateway(facts: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    meeting = threading.Barrier(2, timeout=20)

    def invoke(name: str, event: Mapping[str, Any]) -> Any:
        match event["rawPath"]:
            case "/meet":
                meeting.wait()
            case "/raise":
                raise FunctionError("a secret of the inside")
            case "/overrun":
                raise FunctionTimeout("a secret of the inside")
            case "/long":
                raise EventTooLarge("a secret of the inside")
            case "/redirect":
                return {"statusCode": 302, "headers": {"location": "https://meet.example"}, "body": ""}
            case "/nonsense":
                return {"statusCode": "nonsense"}
        headers = {"content-type": "application/json", "Access-Control-Allow-Origin": "https://other"}
        return {"statusCode": 200, "headers": headers, "body": json.dumps({"function": name, "event": event})}

    def shout(body: str) -> dict[str, str]:
        return {"said": body.upper()}

    stand_in = StandIn({"the/secret": "the value"}, tmp_path_factory.mktemp("stand-in"))
    served = Gateway(0, facts, invoke, stand_in, {"shout": shout})
    threading.Thread(target=served.serve_forever, args=(0.05,), daemon=True).start()
    yield served
    served.shutdown()
    served.server_close()


@pytest.fixture
def connection(gateway: Gateway) -> Iterator[http.client.HTTPConnection]:
    opened = http.client.HTTPConnection("127.0.0.1", gateway.server_address[1], timeout=30)
    yield opened
    opened.close()


def ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, http.client.HTTPMessage, Any]:
    """Status, headers and the body, as JSON if it is that."""
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    text = response.read()
    is_json = response.headers.get("content-type", "").startswith(
        ("application/json", "application/x-amz-json")
    )
    return response.status, response.headers, json.loads(text) if is_json and text else text


def raw(gateway: Gateway, text: bytes) -> bytes:
    """Sends these very bytes and reads until the gateway closes."""
    with socket.create_connection(("127.0.0.1", gateway.server_address[1]), timeout=30) as opened:
        opened.sendall(text)
        opened.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: opened.recv(65536), b""))


@pytest.mark.parametrize(
    ("method", "path", "function", "parameters"),
    [
        ("GET", "/things/7", "Get", {"id": "7"}),
        ("GET", "/things/count", "Count", {}),
        ("GET", "/things/a%2Fb", "Get", {"id": "a/b"}),
        ("GET", "/things/count/parts/x", "Part", {"id": "count", "part": "x"}),
        ("POST", "/things/count", "Post", {"id": "count"}),
        ("GET", "/things/", "NotFound", {}),
        ("GET", "/things/7/", "NotFound", {}),
        ("DELETE", "/things/7", "NotFound", {}),
        ("HEAD", "/things/7", "NotFound", {}),
        ("GET", "/", "NotFound", {}),
    ],
)
def test_the_most_specific_route_is_taken(
    method: str, path: str, function: str, parameters: dict[str, str]
) -> None:
    found = match(ROUTES, method, path)
    assert found
    assert (found[0].function, found[1]) == (function, parameters)


def test_without_a_default_route_nothing_matches() -> None:
    assert match(ROUTES[:-1], "GET", "/elsewhere") is None


def test_a_request_becomes_an_event_and_its_result_an_answer(connection: http.client.HTTPConnection) -> None:
    status, headers, body = ask(connection, "GET", "/things/a%20b?x=1", headers={"X-Some": "thing"})
    assert (status, headers["content-type"]) == (200, "application/json")
    assert body["function"] == "Echo"
    assert body["event"]["pathParameters"] == {"id": "a b"}
    assert body["event"]["headers"]["x-some"] == "thing"
    assert headers["apigw-requestid"] == body["event"]["requestContext"]["requestId"]


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:3000"),
        ("192.0.2.1", "http://192.0.2.1:3000"),
        ("0.0.0.0", "http://127.0.0.1:3000"),
        ("::", "http://[::1]:3000"),
        ("2001:db8::1", "http://[2001:db8::1]:3000"),
    ],
)
def test_the_functions_reach_the_gateway_where_it_listens(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, address: str, url: str
) -> None:
    monkeypatch.setattr(gateway, "server_address", (address, 3000))
    assert gateway.url == url


def test_one_connection_serves_many_requests(connection: http.client.HTTPConnection) -> None:
    ask(connection, "GET", "/things/1")
    first = connection.sock
    ask(connection, "POST", "/things/2", b"{}")
    assert connection.sock is first
    assert first is not None


def test_requests_are_served_at_once(gateway: Gateway) -> None:
    statuses: list[int] = []

    def meet() -> None:
        opened = http.client.HTTPConnection("127.0.0.1", gateway.server_address[1], timeout=30)
        statuses.append(ask(opened, "GET", "/meet")[0])
        opened.close()

    threads = [threading.Thread(target=meet) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200, 200]


def test_a_chunked_body_arrives_whole(connection: http.client.HTTPConnection) -> None:
    connection.request("POST", "/things/1", iter([b'{"a"', b": 1}"]), {"content-type": "application/json"})
    response = connection.getresponse()
    assert json.loads(response.read())["event"]["body"] == '{"a": 1}'


@pytest.mark.parametrize("method", ["HEAD", "DELETE", "BREW"])
def test_other_methods_go_to_the_default_route(connection: http.client.HTTPConnection, method: str) -> None:
    status, headers, body = ask(connection, method, "/things/1")
    assert status == 200
    assert int(headers["content-length"]) > 0
    assert body == b"" if method == "HEAD" else body["function"] == "NotFound"


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/raise", 500, "Internal server error"),
        ("/nonsense", 500, "Internal server error"),
        ("/overrun", 503, "Service unavailable"),
        ("/long", 413, "Request body too large"),
    ],
)
def test_a_function_that_fails_is_an_answer_in_the_envelope(
    connection: http.client.HTTPConnection, path: str, status: int, message: str
) -> None:
    answered, headers, body = ask(connection, "GET", path)
    assert (answered, body) == (status, {"errors": [message], "status": False})
    assert ("retry-after" in headers) == (status == 503)


@pytest.mark.parametrize("expect", [{}, {"Expect": "100-continue"}])
def test_a_body_that_is_too_large_is_refused(
    connection: http.client.HTTPConnection, expect: dict[str, str]
) -> None:
    status, _, body = ask(connection, "POST", "/things/1", b"x" * (GATEWAY_BODY_BYTES + 1), expect)
    assert (status, body) == (413, {"errors": ["Request body too large"], "status": False})


def test_a_body_of_the_longest_size_is_taken(connection: http.client.HTTPConnection) -> None:
    assert ask(connection, "POST", "/things/1", b"x" * GATEWAY_BODY_BYTES)[0] == 200


@pytest.mark.parametrize(
    "text",
    [
        b"nonsense\r\n\r\n",
        b"GET /things/1 HTTP/9.9\r\n\r\n",
        b"POST /things/1 HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST /things/1 HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /things/1 HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"POST /things/1 HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\nExpect: 100-continue\r\n\r\n",
        b"POST /things/1 HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\n\r\n",
        b"GET http://[x]/things/1 HTTP/1.1\r\n\r\n",
        b"POST /things/1 HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /things/1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    ],
)
def test_bad_http_is_refused_in_the_envelope_and_harms_nobody(
    gateway: Gateway,
    connection: http.client.HTTPConnection,
    text: bytes,
    capfd: pytest.CaptureFixture[str],
) -> None:
    head, _, body = raw(gateway, text).partition(b"\r\n\r\n")
    assert int(head.split()[1]) in (400, 413, 414, 431, 505)
    assert json.loads(body)["status"] is False
    assert ask(connection, "GET", "/things/1")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_a_client_that_goes_away_harms_nobody(
    gateway: Gateway, connection: http.client.HTTPConnection, capfd: pytest.CaptureFixture[str]
) -> None:
    assert raw(gateway, b"POST /things/1 HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf") == b""
    assert ask(connection, "GET", "/things/1")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_a_preflight_is_answered_by_the_gateway(connection: http.client.HTTPConnection) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "PATCH"}
    status, headers, body = ask(connection, "OPTIONS", "/things/1", headers=asked)
    assert (status, body) == (204, b"")
    assert {name: value for name, value in headers.items() if name.startswith("access-control-")} == {
        "access-control-allow-origin": "https://app.example",
        "access-control-allow-methods": "GET,POST",
        "access-control-allow-headers": "authorization",
        "access-control-max-age": "600",
    }


@pytest.mark.parametrize("asked", [{}, {"Origin": "https://evil.example"}])
def test_a_preflight_of_another_origin_gets_nothing(
    connection: http.client.HTTPConnection, asked: dict[str, str]
) -> None:
    status, headers, _ = ask(
        connection, "OPTIONS", "/things/1", headers={**asked, "Access-Control-Request-Method": "GET"}
    )
    assert status == 204
    assert not any(name.startswith("access-control-") for name in headers)


@pytest.mark.parametrize("path", ["/things/1", "/raise"])
def test_every_answer_tells_an_allowed_origin(connection: http.client.HTTPConnection, path: str) -> None:
    _, headers, _ = ask(connection, "GET", path, headers={"Origin": "https://app.example"})
    assert headers["access-control-allow-origin"] == "https://app.example"
    assert headers["access-control-expose-headers"] == "location"


def test_the_functions_own_cors_headers_do_not_count(connection: http.client.HTTPConnection) -> None:
    _, headers, _ = ask(connection, "GET", "/things/1", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in headers


def test_every_origin_may_be_allowed(
    gateway: Gateway, connection: http.client.HTTPConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    anyone = Template(gateway.template.root, gateway.template.resources, gateway.template.globals)
    anyone.__dict__["cors"] = Cors(("*",), ("GET",), (), (), None)
    monkeypatch.setattr(gateway, "template", anyone)
    _, headers, _ = ask(connection, "GET", "/things/1", headers={"Origin": "https://any.example"})
    assert headers["access-control-allow-origin"] == "*"


def test_the_stand_in_answers_aws_calls(connection: http.client.HTTPConnection) -> None:
    target = {"X-Amz-Target": "secretsmanager.GetSecretValue"}
    status, _, body = ask(connection, "POST", "/", b'{"SecretId": "the/secret"}', target)
    assert (status, body["SecretString"]) == (200, "the value")
    assert ask(connection, "POST", "/", b'{"SecretId": "other"}', target)[0] == 400
    assert ask(connection, "POST", "/", b"nonsense", target)[0] == 400
    assert ask(connection, "POST", "/", b"{}", {"X-Amz-Target": "dynamodb.Scan"})[0] == 400


OWN_HOSTS = [
    *("127.0.0.1", "127.0.0.1:3000", "localhost", "LOCALHOST:3000", "[::1]:3000"),
    *("host.docker.internal:3000", "192.168.1.7:3000"),
]
FOREIGN_HOSTS = [
    *("evil.example", "evil.example:3000", "127.0.0.1.evil.example", "localhost.evil.example"),
    *("", " ", ":3000", "evil@127.0.0.1", "127.0.0.1@evil", "127.0.0.1/evil", "127.0.0.1, evil.example"),
    *("[evil]", "[", "1.2.3.4.5", "a" * 9000),
]
CALLS = [
    ("/", b'{"SecretId": "the/secret"}', {"X-Amz-Target": "secretsmanager.GetSecretValue"}),
    ("/_local/shout", b"hello", {"content-type": "application/x-ndjson"}),
]


@pytest.mark.parametrize(("path", "body", "headers"), CALLS)
@pytest.mark.parametrize("host", OWN_HOSTS)
def test_what_is_for_this_machine_is_served_under_its_own_names(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str], host: str
) -> None:
    assert ask(connection, "POST", path, body, headers | {"Host": host})[0] == 200


@pytest.mark.parametrize(("path", "body", "headers"), CALLS)
@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_page_of_another_site_gets_nothing_under_its_own_name(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str], host: str
) -> None:
    status, answered, content = ask(connection, "POST", path, body, headers | {"Host": host})
    assert (status, content["status"]) == (421, False)
    assert "the value" not in str(content)
    assert not any(name.startswith("access-control-") for name in answered)


def test_two_hosts_are_foreign(gateway: Gateway) -> None:
    lines = [b"POST /_local/shout HTTP/1.1", b"Host: localhost", b"Host: evil.example", b"Content-Length: 0"]
    assert raw(gateway, b"\r\n".join([*lines, b"", b""])).startswith(b"HTTP/1.1 421 ")


def test_the_api_itself_may_have_any_name(connection: http.client.HTTPConnection) -> None:
    assert ask(connection, "GET", "/things/1", headers={"Host": "api.example"})[0] == 200


@pytest.mark.parametrize(
    "body",
    [
        *(b"[]", b"7", b"null", b'"text"', b"", b"\xff", b"[" * 100_000, b"1" * 5000),
        *(b'{"SecretId": []}', b'{"SecretId": {}}', b'{"SecretId": null}'),
        *(b'{"QueueUrl": 7, "MessageBody": "a"}', b'{"QueueUrl": "a/RejectedRecords", "MessageBody": 7}'),
        b'{"QueueUrl": "a/RejectedRecords", "MessageBody": "a", "MessageAttributes": []}',
        b'{"QueueUrl": "a/RejectedRecords", "MessageBody": "\\ud800"}',
    ],
)
@pytest.mark.parametrize("target", ["secretsmanager.GetSecretValue", "AmazonSQS.SendMessage", "", "\xff"])
def test_a_call_of_aws_that_makes_no_sense_is_refused_without_a_traceback(
    connection: http.client.HTTPConnection, capfd: pytest.CaptureFixture[str], target: str, body: bytes
) -> None:
    assert ask(connection, "POST", "/", body, {"X-Amz-Target": target})[0] == 400
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("origin", ["http://[", "null", ":", "//", "http://[x]", "\xff"])
def test_an_odd_origin_is_no_allowed_one(
    connection: http.client.HTTPConnection, capfd: pytest.CaptureFixture[str], origin: str
) -> None:
    status, headers, _ = ask(connection, "GET", "/things/1", headers={"Origin": origin})
    assert (status, headers["access-control-allow-origin"]) == (200, None)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("target", ["//[", "/%", "/%ff", "/[::1", "/?%ff=[", "/things/%00", "*", "/;=?#"])
def test_an_odd_target_is_a_route_or_none(
    gateway: Gateway, capfd: pytest.CaptureFixture[str], target: str
) -> None:
    head = raw(gateway, f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()).partition(b"\r\n")[0]
    assert head.split()[1] in (b"200", b"400")
    assert "Traceback" not in capfd.readouterr().err


def test_a_local_call_needs_a_type_that_other_sites_cannot_send(
    connection: http.client.HTTPConnection,
) -> None:
    lines = {"content-type": "application/x-ndjson"}
    assert ask(connection, "POST", "/_local/shout", b"hello", lines)[2] == {"said": "HELLO"}
    assert ask(connection, "POST", "/_local/shout", b"hello", {"content-type": "text/plain"})[0] == 415
    assert ask(connection, "POST", "/_local/shout", b"\xff", lines)[0] == 400
    assert ask(connection, "POST", "/_local/other", b"", lines)[0] == 404
    assert ask(connection, "GET", "/_local/shout", headers=lines)[0] == 404


@pytest.mark.parametrize("target", ["/", "?"])
def test_the_root_leads_to_the_reference(gateway: Gateway, target: str) -> None:
    head = raw(gateway, f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert head.startswith(b"HTTP/1.1 302")
    assert b"location: /docs\r\n" in head


def test_the_reference_is_served(
    gateway: Gateway,
    connection: http.client.HTTPConnection,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    assert ask(connection, "GET", "/docs/openapi.yaml")[0] == 404
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "openapi.yaml").write_text("info: {title: The title, version: '1'}\npaths: {}\n")
    monkeypatch.setattr(gateway, "template", replace(gateway.template, root=tmp_path))
    assert ask(connection, "GET", "/docs/openapi.yaml")[2].startswith(b"info:")
    assert ask(connection, "GET", "/docs/other")[0] == 404


def test_the_reference_sees_a_redirect_that_others_follow(connection: http.client.HTTPConnection) -> None:
    status, headers, _ = ask(connection, "GET", "/redirect")
    assert (status, headers["location"], headers["x-status"]) == (302, "https://meet.example", None)
    status, headers, _ = ask(connection, "GET", "/redirect", headers={"x-from-page": "yes"})
    assert (status, headers["location"], headers["x-status"]) == (200, "https://meet.example", "302")
