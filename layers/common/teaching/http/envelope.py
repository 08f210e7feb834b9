"""The shapes of every answer (rules, Answers).

Coachings and presences carry their pagination within `data`, submissions beside it. Both are
promises to clients; which endpoint makes which is declared at the endpoint.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from teaching import jsons
from teaching.errors import ApiError, Fault, Unauthorized, Unavailable
from teaching.http.pages import Page
from teaching.http.versions import entity_tag

Answer = dict[str, Any]
"""API Gateway's own response object: `statusCode`, `headers`, `body`."""


@dataclass(frozen=True)
class Redirect:
    location: str
    version: int | None = None
    """Of the row that has led there, where clients should know it."""


def plain(data: Any, message: str) -> dict[str, Any]:
    return {"data": data, "message": message, "status": True}


def page_within(page: Page[Any], message: str) -> dict[str, Any]:
    return plain({"data": page.rows, "pagination": page.pagination()}, message)


def page_beside(page: Page[Any], message: str) -> dict[str, Any]:
    return plain(page.rows, message) | {"pagination": page.pagination()}


def content(result: Any, message: str) -> dict[str, Any]:
    """The envelope of data, or that of the failure that came instead."""
    match result:
        case ApiError():
            return _failed(result.message, *result.details)
        case Exception():
            return _failed(Fault.message)
    return plain(result, message)


def answer(status: HTTPStatus, content: Any, **headers: str) -> Answer:
    return {
        "statusCode": status.value,
        "headers": {"content-type": "application/json"} | headers,
        "body": jsons.dumps(content),
    }


def text(body: str, content_type: str, **headers: str) -> Answer:
    return {
        "statusCode": HTTPStatus.OK.value,
        "headers": {"content-type": content_type} | headers,
        "body": body,
    }


def redirect(to: Redirect) -> Answer:
    headers = {"location": to.location}
    if to.version is not None:
        headers["etag"] = entity_tag(to.version)
    return {"statusCode": HTTPStatus.FOUND.value, "headers": headers, "body": ""}


def failure(error: ApiError) -> Answer:
    match error:
        case Unauthorized():
            headers = {"www-authenticate": "Bearer"}
        case Unavailable():
            headers = {"retry-after": "1"}
        case _:
            headers = {}
    return answer(error.status, _failed(error.message, *error.details), **headers)


def _failed(*errors: str) -> dict[str, Any]:
    return {"errors": list(errors), "status": False}
