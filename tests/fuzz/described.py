"""What docs/openapi.yaml says of an answer."""

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from openapi_schema_validator import OAS31Validator, oas31_format_checker

from local import openapi, template
from teaching import jsons
from teaching.limits import BODY_BYTES

NOT_FOUND = {"errors": ["Not found"], "status": False}


@cache
def document() -> dict[str, Any]:
    return openapi.document(template.read())


@cache
def operations() -> dict[str, dict[str, Any]]:
    found = [operation for path in document()["paths"].values() for operation in path.values()]
    return {operation["operationId"]: operation for operation in found}


@cache
def place(operation: str) -> tuple[str, str]:
    """Its method and path."""
    for path, methods in document()["paths"].items():
        for method, described in methods.items():
            if described["operationId"] == operation:
                return method.upper(), path
    raise KeyError(operation)


def fault(operation: str, status: int, headers: Mapping[str, str], content: Any) -> str | None:
    """How the answer (parsed; None: no body) differs from what the document says of the operation."""
    described = operations()[operation]["responses"].get(str(status))
    if not described:
        return f"{status} is not described"
    if "$ref" in described:
        described = document()["components"]["responses"][described["$ref"].rpartition("/")[2]]
    names = {name.lower() for name in headers}
    if missing := [name for name in described.get("headers", {}) if name.lower() not in names]:
        return f"{status} lacks the headers {missing}"
    if "content" not in described:
        return None if content is None else f"{status} has a body"
    of_json = described["content"]["application/json"]
    if status >= 400 and content["errors"][0] not in of_json["examples"]:
        return f"{status} {content['errors'][0]} is not described"
    error = next(_validator(of_json["schema"]).iter_errors(content), None)
    return error and f"{status}: {error.message}"


def allows(operation: str, query: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the document allows a request to send this, as far as its schemas can say."""
    sent = {"query": parse_qsl(query, keep_blank_values=True), "header": list(headers.items())}
    for parameter in operations()[operation].get("parameters", []):
        schema = parameter["schema"]
        given = [value for name, value in sent.get(parameter["in"], []) if name == parameter["name"]]
        if len(given) > 1 or not all(_validator(schema).is_valid(_typed(value, schema)) for value in given):
            return False
    if "requestBody" not in operations()[operation]:
        return True
    try:
        content = jsons.loads(body.decode())
    except (ValueError, RecursionError):
        return False
    schema = operations()[operation]["requestBody"]["content"]["application/json"]["schema"]
    return len(body) <= BODY_BYTES and bool(_validator(schema).is_valid(content))


def _typed(value: str, schema: Mapping[str, Any]) -> str | int:
    """A parameter as its schema means it."""
    whole = schema.get("type") == "integer" and value.isascii() and value.isdigit()
    return int(value) if whole else value


_validators: dict[str, Any] = {}


def _validator(schema: dict[str, Any]) -> Any:
    key = jsons.dumps(schema)
    if key not in _validators:
        whole = schema | {"components": document()["components"]}
        _validators[key] = OAS31Validator(whole, format_checker=oas31_format_checker)
    return _validators[key]
