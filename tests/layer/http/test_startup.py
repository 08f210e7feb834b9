import gc
from collections.abc import Iterator

import pytest

from teaching import dynamo
from teaching.errors import Unavailable
from teaching.http import startup


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is made ready, in any order."""
    made: list[str] = []
    monkeypatch.setattr(startup, "accepted_keys", lambda: made.append("key"))
    monkeypatch.setattr(dynamo, "client", lambda: None)
    monkeypatch.setattr(dynamo, "connect", lambda: made.append("connection"))
    yield made
    gc.unfreeze()


def test_in_lambda_a_key_and_a_connection_are_there_before_the_first_request(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
    startup.prepare()
    assert sorted(done) == ["connection", "key"]
    assert gc.get_freeze_count() > 0


def test_elsewhere_a_function_may_be_loaded_without_aws(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_LAMBDA_RUNTIME_API", raising=False)
    startup.prepare()
    assert done == []


@pytest.mark.parametrize("failing", ["key", "connection", "client"])
def test_what_cannot_be_had_does_not_end_the_loading(
    done: list[str], monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def fail() -> None:
        raise Unavailable()

    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
    match failing:
        case "key":
            monkeypatch.setattr(startup, "accepted_keys", fail)
        case "connection":
            monkeypatch.setattr(dynamo, "connect", fail)
        case _:
            monkeypatch.setattr(dynamo, "client", fail)
    startup.prepare()
