"""What docs/openapi.yaml says of an answer."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from openapi_schema_validator import OAS31Validator, oas31_format_checker

from local import openapi, template

NOT_FOUND = {"errors": ["Not found"], "status": False}


@cache
def document() -> dict[str, Any]:
    return openapi.document(template.read())


@cache
def operations() -> dict[str, dict[str, Any]]:
    found = [operation for path in document()["paths"].values() for operation in path.values()]
    return {operation["operationId"]: operation for operation in found}


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
    error = next(_validator(operation, status, of_json["schema"]).iter_errors(content), None)
    return error and f"{status}: {error.message}"


_validators: dict[tuple[str, int], Any] = {}


def _validator(operation: str, status: int, schema: dict[str, Any]) -> Any:
    if (operation, status) not in _validators:
        whole = schema | {"components": document()["components"]}
        _validators[operation, status] = OAS31Validator(whole, format_checker=oas31_format_checker)
    return _validators[operation, status]
