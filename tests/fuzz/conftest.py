"""What the tests over HTTP share: `make start` on a store on disk, without the demo."""

from collections.abc import Iterator

import pytest

from tests.fuzz.client import Client
from tests.server import started


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "demo-loaded").touch()
    with started(folder) as server:
        yield Client(server.url, folder)
