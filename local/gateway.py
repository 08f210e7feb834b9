"""The gateway: HTTP in, the template's functions called as HTTP API calls them, HTTP out.

On the same port are what only this machine has: the API's reference at `/docs`, the stand-in for AWS
(calls with `X-Amz-Target`), and `/_local/…` for the reference, `make load` and `make redrive`.
"""

import ipaddress
import json
import re
import socket
import sqlite3
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from local import reference, settings
from local.aws import StandIn
from local.functions import EventTooLarge, FunctionError, FunctionTimeout
from local.payload import Answer, Request, answer, event, refusal
from local.template import Cors, Route, Template
from teaching.errors import BodyTooLarge, Fault, NotFound, Unavailable
from teaching.limits import GATEWAY_BODY_BYTES

_LENGTH_DIGITS = 18
_OWN_NAMES = ("localhost", "host.docker.internal")

_INTERNAL = refusal(Fault.status, Fault.message)
_UNAVAILABLE = refusal(Unavailable.status, Unavailable.message, ("retry-after", "1"))
_TOO_LARGE = refusal(BodyTooLarge.status, BodyTooLarge.message)
_MISDIRECTED = refusal(HTTPStatus.MISDIRECTED_REQUEST, "Only this machine's own name or address serves this")
_NOT_FOUND = refusal(NotFound.status, NotFound.message)

Invoke = Callable[[str, Mapping[str, Any]], Any]
LocalCall = Callable[[str], Any]


class Gateway(ThreadingHTTPServer):
    """Listens once made; `serve_forever` answers. Raises `OSError` if the port is in use.

    `local_calls` answer `POST /_local/<name>`: given the body's text, they give what JSON can hold.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(
        self,
        port: int,
        template: Template,
        invoke: Invoke,
        stand_in: StandIn,
        local_calls: Mapping[str, LocalCall],
        access_log: Callable[[str], None] | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        super().__init__((host, port), _Connection)
        self.template = template
        self.invoke = invoke
        self.stand_in = stand_in
        self.local_calls = local_calls
        self.access_log = access_log

    @property
    def url(self) -> str:
        address, port = self.server_address[:2]
        return settings.url(str(address), port)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is a fault of this gateway."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def respond(self, request: Request) -> Answer:
        target = request.header("x-amz-target")
        if target is not None or request.raw_path.startswith("/_local/"):
            if not is_own_host(request.header("host") or ""):
                return _MISDIRECTED
            return self._as_local(request) if target is None else self._as_aws(target, request.body)
        if page := reference.answer(request, self.template.root):
            return page
        cors = self.template.cors
        if cors and request.method == "OPTIONS":
            return Answer(HTTPStatus.NO_CONTENT, preflight_headers(cors, request), b"")
        answered = reference.seen_by_page(request, self._as_api(request))
        return Answer(answered.status, with_cors(cors, request, answered.headers), answered.body)

    def _as_api(self, request: Request) -> Answer:
        found = match(self.template.routes, request.method, request.raw_path)
        if not found:
            return _NOT_FOUND
        route, parameters = found
        request_id = str(uuid.uuid4())
        try:
            result = self.invoke(route.function, event(request, route, parameters, request_id))
            answered = answer(result)
        except FunctionTimeout:
            answered = _UNAVAILABLE
        except EventTooLarge:
            answered = _TOO_LARGE
        except (FunctionError, ValueError):
            answered = _INTERNAL
        return Answer(answered.status, [*answered.headers, ("apigw-requestid", request_id)], answered.body)

    def _as_aws(self, target: str, body: bytes) -> Answer:
        try:
            status, result = self.stand_in.answer(target, json.loads(body))
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            status, result = (
                400,
                {"__type": "ValidationException", "message": f"{type(error).__name__}: {error}"},
            )
        except (OSError, sqlite3.Error) as error:
            # A full disk, say.
            status, result = 503, {"__type": "ServiceUnavailable", "message": str(error)}
        return Answer(status, [("content-type", "application/x-amz-json-1.1")], json.dumps(result).encode())

    def _as_local(self, request: Request) -> Answer:
        call = self.local_calls.get(request.raw_path.removeprefix("/_local/"))
        if not call or request.method != "POST":
            return _NOT_FOUND
        # A type that a page of another site can't send without a preflight, which is refused.
        if request.header("content-type") != "application/x-ndjson":
            return refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "application/x-ndjson is expected")
        try:
            result = call(request.body.decode())
        except UnicodeDecodeError:
            return refusal(HTTPStatus.BAD_REQUEST, "UTF-8 is expected")
        return Answer(HTTPStatus.OK, [("content-type", "application/json")], json.dumps(result).encode())


def is_own_host(host: str) -> bool:
    """Whether a Host header names this machine in a way that nobody else's DNS can.

    A page of another site may give its own name our address and so read what is for the functions only
    (DNS rebinding); it cannot do that to an address, or to these names.
    """
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:@/\[\]\s]+))(?::[0-9]*)?", host)
    if not found:
        return False
    name = found[1] or found[2]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.lower() in _OWN_NAMES
    return True


def match(routes: list[Route], method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The most specific route, literal segments before parameters, else `$default`; None without one."""
    best: tuple[list[bool], Route, dict[str, str]] | None = None
    segments = path.split("/")
    for route in routes:
        if not route.path or route.method not in (method, "ANY"):
            continue
        pattern = route.path.split("/")
        if len(pattern) != len(segments):
            continue
        pairs = list(zip(pattern, segments, strict=True))
        if not all(value if part.startswith("{") else part == unquote(value) for part, value in pairs):
            continue
        vague = [part.startswith("{") for part in pattern]
        if best is None or vague < best[0]:
            parameters = {part[1:-1]: unquote(value) for part, value in pairs if part.startswith("{")}
            best = vague, route, parameters
    if best:
        return best[1], best[2]
    return next(((route, {}) for route in routes if not route.path), None)


def preflight_headers(cors: Cors, request: Request) -> list[tuple[str, str]]:
    """No headers unless it is a preflight, of an allowed origin."""
    origin = _allowed_origin(cors, request)
    if not origin or not request.header("access-control-request-method"):
        return []
    headers = [
        ("access-control-allow-origin", origin),
        ("access-control-allow-methods", ",".join(cors.methods)),
        ("access-control-allow-headers", ",".join(cors.headers)),
    ]
    if cors.max_age is not None:
        headers.append(("access-control-max-age", str(cors.max_age)))
    return headers


def with_cors(cors: Cors | None, request: Request, headers: Any) -> list[tuple[str, str]]:
    """The answer's headers, the function's own CORS headers replaced by the template's."""
    if not cors:
        return list(headers)
    kept = [header for header in headers if not header[0].lower().startswith("access-control-")]
    if origin := _allowed_origin(cors, request):
        kept.append(("access-control-allow-origin", origin))
        if cors.exposed:
            kept.append(("access-control-expose-headers", ",".join(cors.exposed)))
    return kept


def _allowed_origin(cors: Cors, request: Request) -> str | None:
    origin = request.header("origin")
    if not origin:
        return None
    if "*" in cors.origins:
        return "*"
    return origin if {origin, f"{origin.partition(':')[0]}://*"} & set(cors.origins) else None


class _Refused(Exception):
    def __init__(self, refused: Answer) -> None:
        self.refused = refused


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # One packet for the headers and the body.
    wbufsize = -1
    timeout = 75
    server: Gateway
    _broken: ClassVar[Answer] = refusal(HTTPStatus.BAD_REQUEST, "Bad request")

    def __getattr__(self, name: str) -> Callable[[], None]:
        """The base class looks for `do_<METHOD>`; every method is served, known or not."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        began = time.monotonic()
        try:
            request = Request(
                method=self.command,
                target=self._target(),
                headers=self.headers.items(),
                body=self._body(),
                protocol=self.request_version,
                source=self.client_address[0],
            )
        except _Refused as error:
            self._refuse(error.refused)
            return
        try:
            answered = self.server.respond(request)
        except Exception:
            self._send(_INTERNAL)
            raise
        self._send(answered)
        if self.server.access_log:
            spent = (time.monotonic() - began) * 1000
            self.server.access_log(f"{request.method} {request.target} {answered.status} {spent:.0f} ms")

    def _target(self) -> str:
        if self.path.startswith("/"):
            return self.path
        try:
            parts = urlsplit(self.path)
        except ValueError:
            raise _Refused(self._broken) from None
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _body(self) -> bytes:
        if "chunked" in (self.headers.get("transfer-encoding") or "").lower():
            return self._chunked_body()
        length = self._length()
        if length > GATEWAY_BODY_BYTES:
            raise _Refused(_TOO_LARGE)
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionAbortedError
        return body

    def _length(self) -> int:
        lengths = set(self.headers.get_all("content-length", ["0"]))
        length = lengths.pop()
        if lengths or not (length.isascii() and length.isdigit()):
            raise _Refused(self._broken)
        # Python reads no number of thousands of digits; any of more than these is too large.
        return int(length) if len(length) <= _LENGTH_DIGITS else 10**_LENGTH_DIGITS

    def _chunked_body(self) -> bytes:
        body = bytearray()
        while True:
            try:
                size = int(self.rfile.readline(1024).partition(b";")[0], 16)
            except ValueError:
                raise _Refused(self._broken) from None
            if size < 0:
                raise _Refused(self._broken)
            if size == 0:
                break
            if len(body) + size > GATEWAY_BODY_BYTES:
                raise _Refused(_TOO_LARGE)
            body += self.rfile.read(size)
            self.rfile.readline(1024)
        while self.rfile.readline(65537).strip():
            pass
        return bytes(body)

    def handle_expect_100(self) -> bool:
        """A body that will be refused is not asked for."""
        try:
            if self._length() > GATEWAY_BODY_BYTES:
                raise _Refused(_TOO_LARGE)
        except _Refused as error:
            self._refuse(error.refused)
            return False
        return super().handle_expect_100()

    def _send(self, answered: Answer) -> None:
        self.send_response_only(answered.status)
        self.send_header("date", self.date_time_string())
        for name, value in answered.headers:
            if name.lower() not in ("connection", "content-length", "date", "transfer-encoding"):
                self.send_header(name, value)
        if answered.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            self.send_header("content-length", str(len(answered.body)))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answered.body)
        self.wfile.flush()

    def _refuse(self, answered: Answer) -> None:
        """Answers a request whose body is not read to its end, and gives the client time to see it."""
        self.close_connection = True
        self._send(answered)
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(1)
        deadline = time.monotonic() + 10
        with suppress(OSError):
            while time.monotonic() < deadline and self.rfile.read1(65536):
                pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The base class refuses what is not HTTP; the client may not have said its version."""
        self.command = getattr(self, "command", None) or "GET"
        self.request_version = "HTTP/1.1"
        self.close_connection = True
        self._send(refusal(HTTPStatus(code), HTTPStatus(code).phrase))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: `access_log` tells of requests."""
