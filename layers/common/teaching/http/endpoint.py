"""The decorator that every function behind the API uses.

In this order: token, role, id in the path, query, body, If-Match, the function's own lines, envelope. What
goes wrong on the way becomes the answer that `errors` draws. Nothing is kept from one request to
the next, so a handler may run in several threads at once.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar, get_args, get_type_hints
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError

from teaching import jsons, limits
from teaching.errors import (
    ApiError,
    BodyTooLarge,
    Damaged,
    Fault,
    Forbidden,
    InvalidBody,
    InvalidQuery,
    NotFound,
    Unavailable,
)
from teaching.fields import details, given_twice, is_uuid
from teaching.http import envelope
from teaching.http.accepted import wants_csv
from teaching.http.auth import Role, caller_of
from teaching.http.envelope import Answer, Redirect
from teaching.http.links import link_header
from teaching.http.pages import Page, PlainPageQuery
from teaching.http.requested import Requested
from teaching.http.startup import prepare
from teaching.http.versions import Versioned, entity_tag, if_match
from teaching.log import logger
from teaching.settings import settings

Event = Mapping[str, Any]
Part = TypeVar("Part")


@dataclass(frozen=True)
class Endpoint:
    """A function behind the API: called by Lambda, and read by the generators of docs."""

    function: Callable[..., Any]
    roles: Mapping[Role, str]
    not_found: type[NotFound] | None
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    enveloped: Callable[[Any, str], dict[str, Any]]
    message: str
    etag: bool
    conditional: bool
    body_bytes: int
    errors: Collection[type[ApiError]]

    def __call__(self, event: Event, context: object) -> Answer:
        requested = Requested(_request(event))
        answer = self._answer_or_failure(event, requested)
        requested.answered(answer["statusCode"])
        return answer

    def _answer_or_failure(self, event: Event, requested: Requested) -> Answer:
        try:
            return self._answer(event, requested)
        except ApiError as error:
            if isinstance(error, Unavailable):
                logger().warning("service unavailable", extra=_request(event), exc_info=True)
            if isinstance(error, Damaged):
                _ask_for_mending(error)
            return envelope.failure(error)
        except Exception:
            logger().exception("unhandled fault", extra=_request(event))
            return envelope.failure(Fault())

    def _answer(self, event: Event, requested: Requested) -> Answer:
        headers = _part(event, "headers", dict) or {}
        caller = requested.caller = caller_of(headers)
        if caller.role not in self.roles:
            raise Forbidden()
        arguments: list[Any] = [caller]
        if self.not_found:
            arguments.append(_id_in_path(event, self.not_found))
        if self.query:
            arguments.append(self._query(event, headers))
        if self.body:
            arguments.append(_body(event, self.body, self.body_bytes))
        if self.conditional:
            arguments.append(if_match(headers))
        result = self.function(*arguments)
        if isinstance(result, Redirect):
            return envelope.redirect(result)
        if isinstance(result, Page):
            return self._page(result, _path(event), as_csv=wants_csv(headers))
        return self._enveloped(result)

    def _query(self, event: Event, headers: Mapping[str, Any]) -> BaseModel:
        assert self.query
        query = _query(event, self.query)
        if isinstance(query, PlainPageQuery) and wants_csv(headers):
            return query.up_to(limits.TABLE_ROWS_MOST)
        return query

    def _page(self, page: Page[Any], path: str, *, as_csv: bool) -> Answer:
        if not as_csv:
            content = self.enveloped(page, self.message)
            return envelope.answer(HTTPStatus.OK, content, **_of_page(page, path))
        # Imported only then: few ask for it, and all would wait for it at a cold start.
        from teaching.http import tables

        (row,) = get_args(get_type_hints(self.function)["return"])
        text, page = tables.table(page, row)
        return envelope.text(text, tables.CONTENT_TYPE, **_of_page(page, path))

    def _enveloped(self, result: Any) -> Answer:
        headers = {"etag": entity_tag(result.version)} if isinstance(result, Versioned) else {}
        return envelope.answer(HTTPStatus.OK, self.enveloped(result, self.message), **headers)


def endpoint(
    *,
    roles: Mapping[Role, str],
    not_found: type[NotFound] | None = None,
    query: type[BaseModel] | None = None,
    body: type[BaseModel] | None = None,
    enveloped: Callable[[Any, str], dict[str, Any]] = envelope.plain,
    message: str = "success",
    etag: bool = False,
    conditional: bool = False,
    body_bytes: int = limits.BODY_BYTES,
    errors: Collection[type[ApiError]] = (),
) -> Callable[[Callable[..., Any]], Endpoint]:
    """Turns `function(caller, id, query, body, if_match)` into a Lambda handler; what is not declared is not
    passed.

    `roles` tells of each that may call what it may see or change ("own session"), for the documents;
    the function's own lines see to that. Any other role is 403.
    `not_found` says that the path ends in an id, and what a malformed one answers; `etag` that the answer
    tells the object's version, `conditional` that If-Match counts; `errors` are those that the function's own
    lines may raise besides, for the API's description.
    """

    def declare(function: Callable[..., Any]) -> Endpoint:
        # Models are built at their first use, so that no function builds all others'; its own here.
        for model in filter(None, (query, body)):
            model.model_rebuild()
        prepare()
        return Endpoint(
            function, roles, not_found, query, body, enveloped, message, etag, conditional, body_bytes, errors
        )

    return declare


def _ask_for_mending(damaged: Damaged) -> None:
    """As good as it goes: the scheduled check finds the damage too."""
    # Imported only then: its client costs a cold start.
    from teaching.changed_rows import Change, set_aside

    try:
        set_aside([Change(settings().tallies_table, damaged.list_name)])
    except Exception:
        logger().exception("damage could not be told", extra={"list": damaged.list_name})


def _part(event: Event, name: str, kind: type[Part]) -> Part | None:
    """A part of the event; one of another type than API Gateway sends is as if absent."""
    part = event.get(name)
    return part if isinstance(part, kind) else None


def _request(event: Event) -> dict[str, Any]:
    context = _part(event, "requestContext", dict) or {}
    return {"correlation_id": context.get("requestId"), "route": event.get("routeKey")}


def _path(event: Event) -> str:
    """Relative to the API's root, whatever it is called there."""
    _, _, path = (_part(event, "routeKey", str) or "").partition(" ")
    return path.format_map(_part(event, "pathParameters", dict) or {})


def _of_page(page: Page[Any], path: str) -> dict[str, str]:
    return {"vary": "accept", "link": link_header(page, path)}


def _id_in_path(event: Event, not_found: type[NotFound]) -> str:
    given = list((_part(event, "pathParameters", dict) or {}).values())
    if len(given) != 1 or not isinstance(given[0], str) or not is_uuid(given[0]):
        raise not_found()
    return given[0]


def _query(event: Event, model: type[BaseModel]) -> BaseModel:
    known = {field.alias or name for name, field in model.model_fields.items()}
    given: dict[str, str] = {}
    for name, value in parse_qsl(_part(event, "rawQueryString", str) or "", keep_blank_values=True):
        if name in given and name in known:
            raise InvalidQuery(given_twice(name))
        given[name] = value
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise InvalidQuery(*details(error)) from None


def _body(event: Event, model: type[BaseModel], most: int) -> BaseModel:
    raw = _part(event, "body", str) or ""
    try:
        content = b64decode(raw) if event.get("isBase64Encoded") else raw.encode()
        if len(content) > most:
            raise BodyTooLarge(f"at most {most} bytes")
        parsed = jsons.loads(content.decode())
    except jsons.NameTwice as error:
        raise InvalidBody(given_twice(error.name)) from None
    except (Base64Error, ValueError, RecursionError):
        raise InvalidBody("body: must be JSON") from None
    if not isinstance(parsed, dict):
        raise InvalidBody("body: must be a JSON object")
    try:
        return model.model_validate(parsed)
    except ValidationError as error:
        raise InvalidBody(*details(error)) from None
