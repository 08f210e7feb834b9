from collections.abc import Iterator
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from openapi_spec_validator import validate
from pydantic import Field, ValidationError

from local import openapi
from local.template import Template
from teaching import jsons
from teaching.fields import Note, Score, Strict
from teaching.http.pages import PageQuery
from teaching.limits import SCORE_DIGITS
from tests import support
from tests.conftest import MakeToken
from tests.examples import example


@pytest.fixture(scope="module")
def document(facts: Template) -> dict[str, Any]:
    return openapi.document(facts)


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = [operation for path in document["paths"].values() for operation in path.values()]
    return {operation["operationId"]: operation for operation in found}


def faults(document: dict[str, Any], schema: dict[str, Any], instance: Any) -> list[str]:
    """Where the instance does not fit a schema of the document."""
    validator = OAS31Validator(
        schema | {"components": document["components"]}, format_checker=oas31_format_checker
    )
    return [error.message for error in validator.iter_errors(instance)]


def test_the_file_says_what_the_code_does(facts: Template) -> None:
    assert openapi.DOCUMENT.read_text(encoding="utf-8") == openapi.text(facts)


def test_it_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_it_has_every_route_but_the_default(document: dict[str, Any], facts: Template) -> None:
    described = {
        (method, path, operation["operationId"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    served = {
        ((route.method or "").lower(), route.path, facts.functions[route.function].module.split(".")[1])
        for route in facts.routes
        if route.path
    }
    assert described == served


def test_every_example_fits_its_schema(document: dict[str, Any]) -> None:
    checked = 0
    for function, operation in operations(document).items():
        bodies = [answer for answer in operation["responses"].values() if "content" in answer]
        bodies += [operation["requestBody"]] if "requestBody" in operation else []
        for body in bodies:
            content = body["content"]["application/json"]
            examples = [content["example"]] if "example" in content else []
            examples += [named["value"] for named in content.get("examples", {}).values()]
            for instance in examples:
                found = faults(document, content["schema"], instance)
                assert not found, f"the example of {function}: {found}"
                checked += 1
    assert checked > len(operations(document))


def test_the_errors_of_a_route_are_those_of_its_endpoint(document: dict[str, Any]) -> None:
    grading = operations(document)["grade_submission"]
    assert grading["x-roles"] == ["admin", "asesor"]
    assert list(grading["responses"]) == ["200", "400", "401", "403", "404", "412", "413", "500", "503"]
    told = grading["responses"]["400"]["content"]["application/json"]["examples"]
    assert set(told) == {
        "Invalid request body",
        "Invalid request headers",
        "Submission cannot be graded",
    }
    assert grading["responses"]["404"] == {"$ref": "#/components/responses/SubmissionNotFound"}
    starting = operations(document)["start_coaching"]
    assert list(starting["responses"]) == ["302", "400", "401", "403", "404", "412", "413", "500", "503"]
    assert list(starting["responses"]["302"]["headers"]) == ["Location", "ETag"]


def test_parameters_tell_their_defaults_and_limits(document: dict[str, Any]) -> None:
    given = {
        parameter["name"]: parameter for parameter in operations(document)["list_submissions"]["parameters"]
    }
    filters = ["material_item_id", "course_id", "participant_id", "asesor_id", "status"]
    assert list(given) == ["limit", "page", "search", *filters]
    assert given["limit"]["schema"] == {"type": "integer", "default": 25, "minimum": 1}
    assert given["status"]["schema"] == {"type": "string", "enum": ["in_progress", "submitted", "graded"]}
    lower_case = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
    assert given["course_id"]["schema"] == {"type": "string", "format": "uuid", "pattern": lower_case}
    session, match = operations(document)["start_coaching"]["parameters"]
    assert (session["name"], session["in"], session["required"]) == ("coachingId", "path", True)
    assert (match["name"], match["in"], match.get("required")) == ("If-Match", "header", None)


@pytest.mark.parametrize(
    "search",
    ["", "  ", "a", " a ", "ab", " a b ", "é" * 100, "é" * 101, "x " * 51, f"a{' ' * 99}b", " " * 101],
)
def test_the_lengths_of_a_search_are_those_that_are_taken(document: dict[str, Any], search: str) -> None:
    parameters = operations(document)["list_coachings"]["parameters"]
    (schema,) = [parameter["schema"] for parameter in parameters if parameter["name"] == "search"]
    taken = not faults(document, schema, search)
    assert taken is (len(" ".join(search.split())) in (0, *range(2, 101)))
    with nullcontext() if taken else pytest.raises(ValidationError):
        PageQuery.model_validate({"search": search})


@pytest.mark.parametrize("name", ["Grade", "GradedSubmission", "SubmissionDetails", "SubmissionRow"])
def test_a_score_tells_its_digits(document: dict[str, Any], name: str) -> None:
    score = document["components"]["schemas"][name]["properties"]["score"]
    assert (score["minimum"], score["exclusiveMaximum"]) == (0, 10**SCORE_DIGITS)
    assert str(SCORE_DIGITS) in score["description"]


def fields(schema: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of every object in a schema, with the way to it."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            for name, field in schema.get("properties", {}).items():
                yield f"{where}.{name}", field
        for name, part in schema.items():
            if name not in ("example", "examples"):
                yield from fields(part, f"{where}.{name}")
    elif isinstance(schema, list):
        for part in schema:
            yield from fields(part, where)


OPAQUE = ("profile", "response_snapshot", "data")
"""What other services put there may be any JSON."""


def test_every_field_has_a_meaning_and_a_type(document: dict[str, Any]) -> None:
    found = dict(fields(document))
    assert len(found) > 100
    assert [name for name, field in found.items() if not field.get("description")] == []
    untyped = {name for name, field in found.items() if not field.keys() & {"type", "$ref", "anyOf"}}
    assert {name for name in untyped if not name.endswith(OPAQUE)} == set()


def test_every_parameter_and_header_has_a_meaning(document: dict[str, Any]) -> None:
    described = list(operations(document).values())
    parameters = [each for operation in described for each in operation.get("parameters", [])]
    answers = [answer for operation in described for answer in operation["responses"].values()]
    answers += document["components"]["responses"].values()
    headers = [header for answer in answers for header in answer.get("headers", {}).values()]
    assert len(headers) >= 3
    assert [each for each in parameters + headers if not each.get("description")] == []


def test_a_limit_that_is_changed_in_a_type_alone_changes_the_document() -> None:
    class Least(Strict):
        score: Annotated[Score, Field(ge=1, le=100)]

    class Other(Strict):
        """Its fields have meanings of their own."""

        score: Annotated[Score, Field(lt=50)] | None = None
        """In points."""
        plain: Annotated[Decimal, Field(gt=0, le=7)]
        note: Annotated[Note, Field(max_length=5)] = ""

    schemas: dict[str, Any] = {}
    openapi.schema_of(Least, schemas)
    openapi.schema_of(Other, schemas)
    score = schemas["Least"]["properties"]["score"]
    assert (score["minimum"], score["maximum"], score["exclusiveMaximum"]) == (1, 100, 10**SCORE_DIGITS)
    other = schemas["Other"]["properties"]
    assert (other["score"]["type"], other["score"]["exclusiveMaximum"]) == (["number", "null"], 50)
    assert other["score"]["description"].startswith(f"In points. At most {SCORE_DIGITS} digits")
    assert other["plain"] == {"type": "number", "exclusiveMinimum": 0, "maximum": 7}
    assert other["note"]["maxLength"] == 5


def test_the_functions_answer_as_described(
    document: dict[str, Any], tables: str, make_token: MakeToken
) -> None:
    support.take_in_examples()
    support.settle()
    for function, operation in operations(document).items():
        for token in (make_token(operation["x-roles"][0]), make_token(operation["x-roles"][-1]), "none"):
            answer = support.call(function, example(function, token))
            described = operation["responses"][str(answer.status)]
            if "$ref" in described:
                described = document["components"]["responses"][described["$ref"].rpartition("/")[2]]
            if "content" in described:
                schema = described["content"]["application/json"]["schema"]
                assert faults(document, schema, jsons.loads(answer.text)) == []


def test_a_stale_document_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(openapi, "DOCUMENT", tmp_path / "openapi.yaml")
    assert openapi.main(["--check"]) == 1
    assert capsys.readouterr().err == (
        "docs/openapi.yaml does not say what the code does: run `make openapi`\n"
    )
    assert openapi.main([]) == 0
    assert openapi.main(["--check"]) == 0
