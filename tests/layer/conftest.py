import socket
from collections.abc import Iterator

import pytest

from local.template import REGION
from tests.support import Wire


@pytest.fixture(scope="session", autouse=True)
def credentials() -> Iterator[None]:
    """Nobody's, so that a client can be made by whichever test comes first, without a look for any."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "nobody")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        yield


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever opens a socket fails."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def wire(tables: str, monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(monkeypatch)
