"""docs/asyncapi.yaml: valid by AsyncAPI's own schema, and what is said of each event holds."""

import json
from typing import Any

import pytest
from jsonschema import Draft7Validator

from local import asyncapi, npm
from teaching.publishing import events

SPECS = npm.Package(
    "@asyncapi/specs",
    "6.11.1",
    "sha512-A3WBLqAKGoJ2+6FWFtpjBlCQ1oFCcs4GxF7zsIGvNqp/klGUHjlA3aAcZ9XMMpLGE8zPeYDz2x9FmO6DSuKraQ==",
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return asyncapi.document()


@pytest.fixture(scope="module")
def of_asyncapi(document: dict[str, Any]) -> Draft7Validator:
    schema = npm.fetched(SPECS) / "schemas" / f"{document['asyncapi']}.json"
    return Draft7Validator(json.loads(schema.read_text(encoding="utf-8")))


def test_the_file_says_what_the_code_does() -> None:
    assert asyncapi.DOCUMENT.read_text(encoding="utf-8") == asyncapi.text()


def test_it_is_valid(document: dict[str, Any], of_asyncapi: Draft7Validator) -> None:
    assert [error.message for error in of_asyncapi.iter_errors(document)] == []


@pytest.mark.parametrize(
    "change",
    [{"asyncapi": "2.0.0"}, {"channels": {"events": {"messages": []}}}, {"operations": {"send": {}}}],
)
def test_a_mistake_would_be_seen(
    change: dict[str, Any], document: dict[str, Any], of_asyncapi: Draft7Validator
) -> None:
    assert not of_asyncapi.is_valid(document | change)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def look(value: Any) -> None:
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            look(inner)
        if isinstance(value, dict) and "$ref" in value:
            found = document
            for name in value["$ref"].removeprefix("#/").split("/"):
                found = found[name]

    look(document)


def test_every_event_is_described_with_an_example_that_fits(document: dict[str, Any]) -> None:
    messages = document["components"]["messages"].values()
    assert {message["name"] for message in messages} == events.TYPES.keys()
    for message in messages:
        (example,) = message["examples"]
        schema = message["payload"] | {"components": document["components"]}
        validator = Draft7Validator(schema)
        assert [error.message for error in validator.iter_errors(example["payload"])] == []
        for name in example["payload"]["detail"]:
            less = {key: value for key, value in example["payload"]["detail"].items() if key != name}
            assert not validator.is_valid(example["payload"] | {"detail": less})
