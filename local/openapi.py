"""docs/openapi.yaml, made from the template's routes and the functions' own declarations.

`python -m local.openapi` writes it, `--check` fails when it says something else than the code. Limits are
those of the types, meanings the strings below the types' fields. The types of answers do not tell which
texts are ids or times; their names do (`_FORMATS`). Examples are the spec's, but for the status that grading
sets: requests from events/, answers from docs/examples.json.
"""

import ast
import importlib
import inspect
import json
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from local import examples, template
from local.template import ROOT, Route, Template
from teaching import limits
from teaching.errors import (
    ApiError,
    BodyTooLarge,
    Fault,
    Forbidden,
    InvalidBody,
    InvalidHeaders,
    InvalidQuery,
    PreconditionFailed,
    Unauthorized,
    Unavailable,
)
from teaching.fields import UUID_PATTERN
from teaching.http import envelope, tables
from teaching.http.auth import Role
from teaching.http.batch import Each
from teaching.http.endpoint import Endpoint
from teaching.http.envelope import Redirect
from teaching.http.pages import Page, Pagination

Json = dict[str, Any]


def _header(name: str, description: str, **schema: str) -> Json:
    return {name: {"description": description, "schema": {"type": "string", **schema}}}


DOCUMENT = ROOT / "docs" / "openapi.yaml"
SCHEMAS = "#/components/schemas/"

_FORMATS = {"id": "uuid", "at": "date-time", "time": "date-time"}
"""Of texts, by the last word of their names."""

_PATTERNS = {"uuid": f"^{UUID_PATTERN}$"}
"""Of texts, by their formats, which leave more open than the API takes."""
_BOUNDS = {
    "ge": ("minimum", max),
    "gt": ("exclusiveMinimum", max),
    "le": ("maximum", min),
    "lt": ("exclusiveMaximum", min),
}
"""JSON Schema's names for pydantic's, and which of two holds."""
_HEADERS: dict[type[ApiError], Json] = {
    Unauthorized: _header("WWW-Authenticate", "`Bearer`: the kind of token that is wanted"),
    Unavailable: _header("Retry-After", "Seconds after which to try again"),
}

_ETAG = _header("ETag", "The version of what is answered, for `If-Match`", pattern='^"[0-9]+"$')
_IF_MATCH: Json = {
    "name": "If-Match",
    "in": "header",
    "description": "Only this version is to be changed, or one of these, as `ETag` told them: another one is "
    "412, and nothing is written",
    "schema": {"type": "string", "pattern": r'^(\*|(W/)?"[!#-~]*"(\s*,\s*(W/)?"[!#-~]*")*)$'},
}

_LINK = _header("Link", "The `first`, `prev`, `next` and `last` page, where there are such (RFC 8288)")
_TABLE = (
    f"For `Accept: text/csv`, with a `limit` of up to {limits.TABLE_ROWS_MOST:,} rows: RFC 4180 with a line "
    "of names; null is empty, a profile is JSON, and a text that a spreadsheet would take for a formula has "
    "a `'` before it"
)

_ASKED: Json = {"description": "What was asked for"}

_DESCRIPTION = f"""\
Coaching sessions, presences, submissions and grades of a mentoring programme.

Every answer has one of two shapes: `{{"data": …, "message": …, "status": true}}`, or
`{{"errors": ["what", "detail", …], "status": false}}`, where the first string is always one of those
listed here and the details say which field is wrong and why. What is missing and what is not the
caller's to see are answered alike. Ids are lower-case UUIDs; times are UTC with three decimals.

A path that is not listed here, and one that is listed with another method than its own, is 404
`Not found`; OPTIONS answers what browsers ask (CORS). Query parameters that are not listed are ignored,
a listed one that comes twice is 400. More than {limits.ANSWER_BYTES // 1024**2} MB are 413 on every route.
"""


def document(facts: Template) -> Json:
    """The whole OpenAPI document."""
    schemas: Json = {}
    paths: Json = {}
    raised: set[type[ApiError]] = set()
    for route in facts.routes:
        endpoint = _handler(facts, route)
        if isinstance(endpoint, Endpoint) and route.path and route.method:
            operation = _operation(facts, route, endpoint, schemas)
            paths.setdefault(route.path, {})[route.method.lower()] = operation
            raised |= set(_errors(endpoint))
    return {
        "openapi": "3.1.0",
        "info": {"title": "Teaching API", "version": "1.0.0", "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": [
            {"name": "Coaching", "description": "Coaching sessions and who came to them"},
            {"name": "Grading", "description": "What participants hand in, and the grades they get"},
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": _token_rules(facts),
                }
            },
            "schemas": {
                "Failure": _object(
                    {
                        "errors": {
                            "description": "First one of those listed for the route, then details",
                            "type": "array",
                            "items": {"type": "string"},
                            "minItems": 1,
                        }
                    },
                    {
                        "status": {
                            "description": "False when the request failed",
                            "type": "boolean",
                            "const": False,
                        }
                    },
                )
            }
            | {name: schemas[name] for name in sorted(schemas)},
            "responses": {
                error.__name__: _failure(error.message, [error], _HEADERS.get(error))
                for error in sorted(raised, key=lambda error: (error.status, error.__name__))
            }
            | {"Fault": _failure_of([Fault.message], Fault.message)},
        },
    }


def _token_rules(facts: Template) -> str:
    hours = next(iter(facts.functions.values())).environment["MAXIMUM_TOKEN_HOURS"]
    return (
        "HS256, or RS256 or ES256 of an identity provider; with `sub` (the user's id), `role`, `exp`, `iat`, "
        "`iss` and `aud`; valid for at most "
        f"{hours} hours unless the stack says otherwise, and until then with the rights of its `role`"
    )


def _handler(facts: Template, route: Route) -> Any:
    return importlib.import_module(facts.functions[route.function].module).handler


def _operation(facts: Template, route: Route, endpoint: Endpoint, schemas: Json) -> Json:
    module = facts.functions[route.function].module
    name = module.split(".")[1]
    purpose = (importlib.import_module(module).__doc__ or "").partition(": ")[2].strip()
    roles = sorted(role.value for role in endpoint.roles)
    body = examples.event(name).get("body") if endpoint.body else None
    operation: Json = {
        "operationId": name,
        "tags": ["Coaching" if "coachings" in (route.path or "") else "Grading"],
        "summary": purpose[:1].upper() + purpose[1:],
        "description": f"For {' and '.join(f'{role} ({endpoint.roles[Role(role)]})' for role in roles)}.",
        "x-roles": roles,
    }
    if parameters := [
        *_path_parameters(route, endpoint, name),
        *_query_parameters(endpoint.query),
        *([_IF_MATCH] if endpoint.conditional else []),
    ]:
        operation["parameters"] = parameters
    if endpoint.body and body:
        content = {"schema": schema_of(endpoint.body, schemas), "example": json.loads(body)}
        operation["requestBody"] = {
            "required": True,
            "description": f"At most {endpoint.body_bytes // 1024} KB",
            "content": {"application/json": content},
        }
    operation["responses"] = _success(name, endpoint, schemas) | _failures(endpoint)
    return operation


def _path_parameters(route: Route, endpoint: Endpoint, name: str) -> Iterable[Json]:
    given = examples.event(name).get("pathParameters", {})
    of = endpoint.not_found.message.removesuffix(" not found").lower() if endpoint.not_found else ""
    for part in (route.path or "").split("/"):
        if part.startswith("{"):
            yield {
                "name": part[1:-1],
                "in": "path",
                "required": True,
                "description": f"Id of the {of}",
                "schema": _plain({"type": "string"}, {}, "id"),
                "example": given[part[1:-1]],
            }


def _query_parameters(model: type[BaseModel] | None) -> Iterable[Json]:
    fields = schema_of(model, {}, hoist=False)["properties"] if model else {}
    for name, schema in fields.items():
        given = _without_null(schema)
        described = {"description": given.pop("description")} if "description" in given else {}
        yield {"name": name, "in": "query", **described, "schema": given}


def _without_null(schema: Json) -> Json:
    """A parameter that may be left out, but has no way to be null."""
    given = {key: value for key, value in schema.items() if not (key == "default" and value is None)}
    if isinstance(given.get("type"), list):
        given["type"] = given["type"][0]
    if None in given.get("enum", []):
        given["enum"] = [value for value in given["enum"] if value is not None]
    return given


def _success(name: str, endpoint: Endpoint, schemas: Json) -> Json:
    answer = get_type_hints(endpoint.function)["return"]
    headers: Json = _ETAG if endpoint.etag else {}
    if answer is Redirect:
        location = _header("Location", "The meeting's address", format="uri")
        return {"302": {"description": "To the meeting, without a body", "headers": location | headers}}
    whole: Json
    told = _told(endpoint.message)
    if get_origin(answer) is Page:
        rows = {"type": "array", "items": schema_of(get_args(answer)[0], schemas)}
        data = {"data": rows | {"description": "The rows of the page"}}
        pagination = schema_of(Pagination, schemas) | {"description": "Where in the list the page lies"}
        if endpoint.enveloped is envelope.page_within:
            page = _object(data, {"pagination": pagination})
            whole = _object({"data": page | {"description": "The page"}}, told)
        else:
            whole = _object(data, told, {"pagination": pagination})
    elif isinstance(endpoint.enveloped, Each):
        (result, _) = get_args(get_args(answer)[0])
        done = _object({"data": schema_of(result, schemas) | _ASKED}, _told(endpoint.enveloped.message))
        each = {"anyOf": [done, {"$ref": f"{SCHEMAS}Failure"}]}
        answers = {"type": "array", "items": each, "description": "The answer to each, in the order asked"}
        whole = _object({"data": answers}, told)
    else:
        whole = _object({"data": schema_of(answer, schemas) | _ASKED}, told)
    content: Json = {"application/json": {"schema": whole, "example": examples.answer(name)}}
    if get_origin(answer) is Page:
        headers = _LINK
        names = ",".join(".".join(column) for column in tables.columns(get_args(answer)[0]))
        content[tables.CONTENT_TYPE] = {"schema": {"type": "string", "description": _TABLE}, "example": names}
    return {
        "200": {"description": "Success", **({"headers": headers} if headers else {}), "content": content}
    }


def _told(message: str) -> Json:
    """The rest of the envelope of a success."""
    return {
        "message": {"description": "That it succeeded, in words", "type": "string", "const": message},
        "status": {"description": "True when the request succeeded", "type": "boolean", "const": True},
    }


def _errors(endpoint: Endpoint) -> list[type[ApiError]]:
    """All that the endpoint may answer, its own and the decorator's."""
    errors: list[type[ApiError]] = [Unauthorized, Forbidden, BodyTooLarge, Unavailable, *endpoint.errors]
    errors += [endpoint.not_found] if endpoint.not_found else []
    errors += [InvalidQuery] if endpoint.query else []
    errors += [InvalidBody] if endpoint.body else []
    errors += [InvalidHeaders, PreconditionFailed] if endpoint.conditional else []
    return errors


def _failures(endpoint: Endpoint) -> Json:
    by_status: dict[str, list[type[ApiError]]] = {}
    for error in sorted(_errors(endpoint), key=lambda error: error.status):
        by_status.setdefault(str(error.status.value), []).append(error)
    answers = {
        status: {"$ref": f"#/components/responses/{errors[0].__name__}"}
        if len(errors) == 1
        else _failure("; ".join(error.message for error in errors), errors)
        for status, errors in by_status.items()
    }
    return dict(sorted((answers | {"500": {"$ref": "#/components/responses/Fault"}}).items()))


def _failure(description: str, errors: Iterable[type[ApiError]], headers: Json | None = None) -> Json:
    answer = _failure_of([error.message for error in errors], description)
    return answer | ({"headers": headers} if headers else {})


def _failure_of(messages: Iterable[str], description: str) -> Json:
    examples = {message: {"value": {"errors": [message], "status": False}} for message in messages}
    content = {"schema": {"$ref": f"{SCHEMAS}Failure"}, "examples": examples}
    return {"description": description, "content": {"application/json": content}}


def _object(*fields: Json) -> Json:
    properties = {name: schema for field in fields for name, schema in field.items()}
    return {"type": "object", "required": list(properties), "properties": properties}


class _Described(GenerateJsonSchema):
    """With what stands below each field of a type; Decimals are JSON numbers here, exact as they are."""

    def decimal_schema(self, schema: Any) -> Json:
        return {"type": "number", **{name: schema[name] for name in _BOUNDS if name in schema}}

    def typed_dict_schema(self, schema: Any) -> Json:
        return _with_meanings(super().typed_dict_schema(schema), schema["cls"])

    def model_schema(self, schema: Any) -> Json:
        return _with_meanings(super().model_schema(schema), schema["cls"])


def _with_meanings(made: Json, of: type) -> Json:
    meanings = _meanings(of)
    for name, schema in made["properties"].items():
        if name in meanings:
            schema |= _joined(schema, {"description": meanings[name]})
    return made


def _meanings(of: type) -> dict[str, str]:
    """The strings below a type's fields, its bases' too; Python itself drops them, so they cost no start."""
    bases = getattr(of, "__orig_bases__", of.__bases__)
    found = {
        name: meaning
        for base in bases
        if isinstance(base, type) and base.__module__.startswith("teaching.")
        for name, meaning in _meanings(base).items()
    }
    (declared,) = ast.parse(textwrap.dedent(inspect.getsource(of))).body
    assert isinstance(declared, ast.ClassDef)
    for field, below in pairwise(declared.body):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(meaning))):
                found[name] = inspect.cleandoc(meaning).replace("\n", " ")
    return found


def schema_of(of: Any, schemas: Json, *, hoist: bool = True) -> Json:
    """The type's schema; objects with a name go to `schemas`, to be referred to."""
    made = TypeAdapter(of).json_schema(
        mode="validation", ref_template=f"{SCHEMAS}{{model}}", schema_generator=_Described
    )
    named = made.pop("$defs", {})
    if hoist:
        named |= {of.__name__: made}
    enums = {name: schema["enum"] for name, schema in named.items() if "enum" in schema}
    for name, schema in named.items():
        if name not in enums:
            plain = _plain(schema, enums)
            if schemas.setdefault(name, plain) != plain:
                raise ValueError(f"two types are called {name}")
    return {"$ref": f"{SCHEMAS}{of.__name__}"} if hoist else _plain(made, enums)


def _plain(schema: Mapping[str, Any], enums: Mapping[str, list[str]], name: str = "") -> Json:
    """Without titles, enums in place, null among the types, and the formats that names tell."""
    if enum := enums.get(str(schema.get("$ref", "")).removeprefix(SCHEMAS)):
        schema = {
            **{key: value for key, value in schema.items() if key != "$ref"},
            "type": "string",
            "enum": enum,
        }
    if options := [_plain(option, enums, name) for option in schema.get("anyOf", [])]:
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return _joined(_nullable(options), _plain(rest, enums))
    plain = {key: value for key, value in schema.items() if key != "title" and key not in _BOUNDS}
    for key, (bound, tighter) in _BOUNDS.items():
        if key in schema:
            plain[bound] = tighter(schema[key], plain.get(bound, schema[key]))
    if "properties" in plain:
        plain["properties"] = {key: _plain(value, enums, key) for key, value in plain["properties"].items()}
    form = _FORMATS.get(name.rpartition("_")[2])
    if form and plain.get("type") == "string":
        plain["format"] = form
        if form in _PATTERNS:
            plain["pattern"] = _PATTERNS[form]
    return plain


def _joined(of_type: Json, of_field: Json) -> Json:
    """What a field says, then what its type says of every such field."""
    told = [each["description"] for each in (of_field, of_type) if "description" in each]
    return of_type | of_field | ({"description": " ".join(told)} if told else {})


def _nullable(options: list[Json]) -> Json:
    """`type: [string, "null"]` where that says it all."""
    (value, *_), null = options, {"type": "null"}
    if len(options) == 2 and options[1] == null and "type" in value:
        return (
            value
            | {"type": [value["type"], "null"]}
            | ({"enum": [*value["enum"], None]} if "enum" in value else {})
        )
    return {"anyOf": options}


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def text(facts: Template) -> str:
    """docs/openapi.yaml as it should be."""
    return yaml_of(document(facts), "the template and the functions")


def yaml_of(document: Json, source: str) -> str:
    """A document that is made from something else."""
    note = f"# Made by `make openapi` from {source}; change those.\n"
    return note + yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def keep(path: Path, fresh: str, arguments: Sequence[str]) -> int:
    """Writes a document anew, or with `--check` says whether it is as it should be; the exit code."""
    if "--check" not in arguments:
        path.write_text(fresh, encoding="utf-8")
        return 0
    if path.exists() and path.read_text(encoding="utf-8") == fresh:
        return 0
    print(f"docs/{path.name} does not say what the code does: run `make openapi`", file=sys.stderr)
    return 1


def main(arguments: Sequence[str]) -> int:
    try:
        return keep(DOCUMENT, text(template.read()), arguments)
    except examples.NoExampleError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
