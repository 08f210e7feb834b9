"""What the tests of the functions share: the examples in the store, and a way to ask as somebody."""

from collections.abc import Mapping
from typing import Any, Protocol

import pytest

from tests.conftest import MakeToken
from tests.support import (
    Answer,
    call,
    request,
    take_in_another_asesors,
    take_in_examples,
    take_in_people,
)


class Ask(Protocol):
    """The function's answer to events/<function>.json as sent by somebody of the role."""

    def __call__(
        self,
        function: str,
        role: str,
        identity: str | None = None,
        *,
        subject: str | None = None,
        query: str | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer: ...


class SetClock(Protocol):
    def __call__(self, moment: str) -> None: ...


@pytest.fixture
def ask(store: str, make_token: MakeToken) -> Ask:
    def ask(
        function: str,
        role: str,
        identity: str | None = None,
        *,
        subject: str | None = None,
        query: str | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        made = request(function, identity, token=make_token(role, subject), query=query, body=body)
        made["headers"] |= headers or {}
        return call(function, made)

    return ask


@pytest.fixture
def people(tables: str) -> None:
    """The spec's asesor and participant and another of each are in the store, and nothing else."""
    take_in_people()


@pytest.fixture
def examples(tables: str) -> None:
    """The spec's examples are in the store, and nothing else."""
    take_in_examples()


@pytest.fixture
def both_asesors(examples: None) -> None:
    """The spec's examples, and the same of another asesor."""
    take_in_another_asesors()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Sets the clock."""

    def set_clock(moment: str) -> None:
        monkeypatch.setattr("teaching.clock.now", lambda: moment)

    return set_clock
