"""What tests share: a store in memory with the template's tables, and the functions' environment."""

import os
from collections.abc import Iterator

import pytest

from local import aws, template
from local import store as local_store
from local.template import Template


@pytest.fixture(scope="session")
def facts() -> Template:
    return template.read()


@pytest.fixture(scope="session")
def store(facts: Template) -> Iterator[str]:
    """DynamoDB Local with every table; its address is also in the environment, for the layer."""
    with local_store.dynamodb() as endpoint, pytest.MonkeyPatch.context() as patch:
        local_store.create_tables(endpoint, facts)
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        variables = aws.environment(endpoint, stand_in="http://127.0.0.1:9")
        for function in facts.functions.values():
            variables |= function.environment
        for name, value in variables.items():
            patch.setenv(name, value)
        yield endpoint


@pytest.fixture
def tables(store: str, facts: Template) -> str:
    """The store with every table empty."""
    local_store.empty_tables(store, facts)
    return store
