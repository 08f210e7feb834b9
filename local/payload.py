"""HTTP API's payload format 2.0: a request as the event of a function, its result as an answer.

The details that AWS's pages leave open follow what others saw of the real gateway: `rawPath` and
path parameters come decoded, the query string does not, and a body is text only for text types.
"""

import base64
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

from local.template import ACCOUNT, Route

_TEXT_TYPES = {"application/json", "application/javascript", "application/xml"}


@dataclass(frozen=True)
class Request:
    """`target` is the path with its query string as they came; header names are as they came."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    protocol: str
    source: str

    @property
    def raw_path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        """All values of the header, joined by commas."""
        values = [value for key, value in self.headers if key.lower() == name]
        return ",".join(values) if values else None


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


def refusal(status: HTTPStatus, message: str, *headers: tuple[str, str]) -> Answer:
    """An answer of the gateway's own, in the API's envelope."""
    body = json.dumps({"errors": [message], "status": False}, separators=(",", ":")).encode()
    return Answer(status, [("content-type", "application/json"), *headers], body)


def event(request: Request, route: Route, parameters: Mapping[str, str], request_id: str) -> dict[str, Any]:
    path = unquote(request.raw_path)
    names = dict.fromkeys(key.lower() for key, _ in request.headers)
    headers = {name: request.header(name) for name in names if name != "cookie"}
    now = time.time()
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            "domainName": request.header("host") or "localhost",
            "domainPrefix": "local",
            "http": {
                "method": request.method,
                "path": path,
                "protocol": request.protocol,
                "sourceIp": request.source,
                "userAgent": request.header("user-agent") or "",
            },
            "requestId": request_id,
            "routeKey": route.key,
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies := request.header("cookie"):
        made["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
    if request.query:
        made["queryStringParameters"] = _query_parameters(request.query)
    if parameters:
        made["pathParameters"] = dict(parameters)
    if request.body:
        text = _text(request.body, request.header("content-type") or "")
        made["body"] = base64.b64encode(request.body).decode() if text is None else text
        made["isBase64Encoded"] = text is None
    return made


def answer(result: Any) -> Answer:
    """What the gateway makes of a function's result. Raises `ValueError` where AWS answers 500."""
    if not (isinstance(result, dict) and "statusCode" in result):
        plain = result if isinstance(result, str) else json.dumps(result)
        return Answer(HTTPStatus.OK, [("content-type", "application/json")], plain.encode())
    status = int(result["statusCode"])
    text = result.get("body") or ""
    if not 200 <= status <= 599 or not isinstance(text, str):
        raise ValueError("not an answer: statusCode must be 200 to 599 and body a text")
    headers = [(str(name), str(value)) for name, value in (result.get("headers") or {}).items()]
    headers += [("set-cookie", str(cookie)) for cookie in result.get("cookies") or []]
    if any("\r" in part or "\n" in part for header in headers for part in header):
        raise ValueError("not an answer: a header holds a line break")
    if text and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("content-type", "text/plain;charset=UTF-8"))
    body = base64.b64decode(text) if result.get("isBase64Encoded") else text.encode()
    return Answer(status, headers, body)


def _query_parameters(query: str) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return {name: ",".join(values) for name, values in found.items()}


def _text(body: bytes, content_type: str) -> str | None:
    kind = content_type.partition(";")[0].strip().lower()
    if not (kind.startswith("text/") or kind in _TEXT_TYPES):
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
