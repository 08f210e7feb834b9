"""What tests share: a store in memory with the template's tables, and the functions' environment."""

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import build
import hypothesis
import pytest

from local import aws, demo, emulator, template, tokens
from local import store as local_store
from local.gateway import Gateway
from local.template import Template
from teaching import dynamo, event_bus, sqs
from teaching.settings import settings

_KEY = "the key that the tests sign their tokens with"

# The same examples in every run, however long each takes; elsewhere than in CI too.
hypothesis.settings.load_profile("ci")


def pytest_report_header() -> str:
    ships, tried = build.python_version(), emulator.version_of(emulator.shipped_python())
    lacking = "" if ships == tried else f": Python {ships}, which ships, is not on this machine"
    return f"what is built: tried in Python {tried}{lacking}"


class MakeToken(Protocol):
    """A token of the role; `subject` is the demo's person of that role unless given."""

    def __call__(self, role: str, subject: str | None = None) -> str: ...


@pytest.fixture(scope="session")
def facts() -> Template:
    return template.read()


@pytest.fixture(scope="session")
def store(facts: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """DynamoDB Local with every table; its address, and that of the stand-in for the rest of AWS, are
    in the environment with all that the template sets, for the layer to run in this process.
    """
    stand_in = aws.StandIn(tokens.secret(facts, _KEY), tmp_path_factory.mktemp("stand-in"))
    gateway = Gateway(0, facts, _no_function, stand_in, {})
    threading.Thread(target=gateway.serve_forever, args=(0.05,), daemon=True).start()
    with local_store.dynamodb() as endpoint, pytest.MonkeyPatch.context() as patch:
        local_store.create_tables(endpoint, facts)
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        variables = aws.environment(endpoint, gateway.url)
        for function in facts.functions.values():
            variables |= function.environment
        for name, value in variables.items():
            patch.setenv(name, value)
        for kept in (settings, sqs.client, dynamo.client, event_bus.client):
            kept.cache_clear()
        yield endpoint
    gateway.shutdown()
    gateway.server_close()


def _no_function(name: str, event: object) -> object:
    raise AssertionError(f"{name} was called over HTTP, where only the stand-in for AWS is served: {event}")


@pytest.fixture
def tables(store: str, facts: Template) -> str:
    """The store with every table empty."""
    local_store.empty_tables(store, facts)
    return store


@pytest.fixture
def set_aside(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is sent to the queue FailedChanges from here on."""
    sent: list[Any] = []

    def send_all(queue: str, bodies: Iterable[str]) -> None:
        assert queue == "FailedChanges"
        sent.extend(map(json.loads, bodies))

    monkeypatch.setenv("FAILED_CHANGES_QUEUE", "FailedChanges")
    monkeypatch.setattr("teaching.sqs.send_all", send_all)
    return sent


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The events that are sent from here on, as entries of PutEvents whose detail is parsed."""
    entries: list[Any] = []

    def put(some: Sequence[Mapping[str, Any]]) -> list[bool]:
        entries.extend({**entry, "Detail": json.loads(entry["Detail"])} for entry in some)
        return [True] * len(some)

    monkeypatch.setattr("teaching.event_bus.put", put)
    return entries


@pytest.fixture(scope="session")
def make_token(facts: Template) -> MakeToken:
    """Tokens for handlers that run in this process, with `store`."""
    ids = {person.role: person.id for person in demo.PEOPLE}

    def make(role: str, subject: str | None = None) -> str:
        return tokens.token(facts, _KEY, role, subject or ids[role])

    return make
