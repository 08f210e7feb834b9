import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from local.aws import StandIn
from local.gateway import Gateway
from local.template import ROOT, Template
from teaching.errors import Unavailable
from teaching.http import keys as module
from teaching.http.keys import AGAIN_SECONDS, KEYS_SECONDS, METRIC, Keys, UnusableKeys, keys_of
from tests.signed import KEY, PREVIOUS
from tests.support import Clock


@pytest.fixture
def secret(
    store: str, facts: Template, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[dict[str, str]]:
    """What Secrets Manager holds, by name; served over HTTP as AWS would."""
    held: dict[str, str] = {}
    gateway = Gateway(0, facts, lambda name, event: None, StandIn(held, tmp_path), {})
    thread = threading.Thread(target=gateway.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", gateway.url)
    yield held
    gateway.shutdown()
    thread.join()
    gateway.server_close()


NAME = "teaching/token-key"


@pytest.mark.parametrize(
    ("stored", "keys"),
    [
        ({"current": KEY}, (KEY,)),
        ({"current": KEY, "previous": None}, (KEY,)),
        ({"current": KEY, "previous": PREVIOUS}, (KEY, PREVIOUS)),
        ({"current": "ä" * 16}, ("ä" * 16,)),
    ],
)
def test_the_keys_come_from_the_secret(
    secret: dict[str, str], stored: dict[str, str], keys: tuple[str, ...]
) -> None:
    secret[NAME] = json.dumps(stored)
    assert Keys()() == keys


UNUSABLE = {
    "no JSON": "the key itself, of more than 32 bytes",
    "nothing": "",
    "deep": "[" * 100_000,
    "a list": json.dumps([KEY]),
    "text": json.dumps(KEY),
    "null": "null",
    "no key": "{}",
    "an empty key": json.dumps({"current": ""}),
    "a null key": json.dumps({"current": None}),
    "a short key": json.dumps({"current": "a" * 31}),
    "a short previous key": json.dumps({"current": KEY, "previous": "weak"}),
    "a short key beside a good one": json.dumps({"current": "weak", "previous": PREVIOUS}),
    "a list of a key": json.dumps({"current": [KEY]}),
    "a number": json.dumps({"current": 10**40}),
    "a key that is no text": json.dumps({"current": "\ud800" * 32}),
    "a public key": json.dumps(
        {"current": f"-----BEGIN PUBLIC KEY-----\n{'A' * 64}\n-----END PUBLIC KEY-----"}
    ),
    "binary": None,
}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The secrets that were really asked for."""
    asked: list[str] = []
    fetch = module._fetch_keys

    def look(secret: str) -> tuple[str, ...]:
        asked.append(secret)
        return fetch(secret)

    monkeypatch.setattr(module, "_fetch_keys", look)
    return asked


def hold(secret: dict[str, str], text: str | None) -> None:
    secret.clear()
    if text is not None:
        secret[NAME] = text


def metrics(said: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return [line for line in lines if METRIC in line]


def test_the_keys_are_fetched_again_when_they_are_old(secret: dict[str, str], clock: Clock) -> None:
    keys = Keys()
    secret[NAME] = json.dumps({"current": PREVIOUS})
    assert keys() == (PREVIOUS,)
    secret[NAME] = json.dumps({"current": KEY, "previous": PREVIOUS})
    clock.now += KEYS_SECONDS
    assert keys() == (PREVIOUS,)
    clock.now += 1
    assert keys() == (KEY, PREVIOUS)


each_broken = pytest.mark.parametrize(
    "text",
    ["no JSON", json.dumps([KEY]), json.dumps({"current": "weak"}), None],
    ids=["no JSON", "a list", "a short key", "missing"],
)


@pytest.mark.parametrize("text", UNUSABLE.values(), ids=UNUSABLE)
def test_what_holds_no_key_for_us_says_why_without_showing_it(text: str | None) -> None:
    with pytest.raises(UnusableKeys) as error:
        keys_of(text)
    assert str(error.value)
    assert all(key not in str(error.value) for key in (KEY, PREVIOUS, "weak"))


@each_broken
def test_a_secret_that_cannot_be_used_leaves_the_keys_that_are_known(
    secret: dict[str, str],
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    text: str | None,
) -> None:
    keys = Keys()
    hold(secret, json.dumps({"current": KEY}))
    assert keys() == (KEY,)
    hold(secret, text)
    for _ in range(3):
        clock.now += KEYS_SECONDS + 1
        assert keys() == (KEY,)
    (error,) = caplog.records
    assert (error.levelname, error.getMessage()) == (
        "ERROR",
        "the token secret cannot be used: the keys known before stay",
    )
    assert [metric[METRIC] for metric in metrics(capsys.readouterr().out)] == [[1.0]] * 3
    hold(secret, json.dumps({"current": PREVIOUS}))
    clock.now += AGAIN_SECONDS + 1
    assert keys() == (PREVIOUS,)


@each_broken
def test_without_any_key_nobody_gets_in_and_the_log_says_what_to_do(
    secret: dict[str, str],
    clock: Clock,
    looks: list[str],
    caplog: pytest.LogCaptureFixture,
    text: str | None,
) -> None:
    keys = Keys()
    hold(secret, text)
    for _ in range(5):
        with pytest.raises(Unavailable):
            keys()
    assert looks == [NAME]
    clock.now += AGAIN_SECONDS + 1
    with pytest.raises(Unavailable):
        keys()
    assert looks == [NAME] * 2
    (error,) = caplog.records
    assert error.getMessage() == "the token secret cannot be used: no token is accepted"
    told = vars(error)
    assert told["secret"] == NAME
    assert told["reason"]
    assert '{"current": ' in told["remedy"]
    assert not [value for value in map(str, told.values()) if KEY in value or "weak" in value]
    hold(secret, json.dumps({"current": KEY}))
    clock.now += AGAIN_SECONDS + 1
    assert keys() == (KEY,)


def test_a_secret_that_breaks_again_is_told_again(
    secret: dict[str, str], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    keys = Keys()
    for text in (json.dumps({"current": KEY}), "{", json.dumps({"current": KEY}), "{"):
        hold(secret, text)
        clock.now += KEYS_SECONDS + 1
        assert keys() == (KEY,)
    assert len(caplog.records) == 2


class Client:
    """Secrets Manager, failing in one way."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get_secret_value(self, **_: str) -> Any:
        raise self.error

    def create_client(self, *_: Any, **__: Any) -> "Client":
        return self


def refusal(code: str, status: int) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "GetSecretValue")


@pytest.mark.parametrize(
    "error",
    [
        refusal("ThrottlingException", 400),
        refusal("InternalServiceError", 500),
        refusal("503", 503),
        ConnectTimeoutError(endpoint_url="http://127.0.0.1:9"),
    ],
)
def test_what_may_pass_is_tried_again_at_once_and_is_no_fault_of_the_secret(
    store: str,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    keys = Keys()
    with monkeypatch.context() as patch:
        patch.setattr(botocore.session, "get_session", lambda: Client(error))
        with pytest.raises(Unavailable):
            keys()
    monkeypatch.setattr(module, "_fetch_keys", lambda _: (KEY,))
    assert keys() == (KEY,)
    assert not caplog.records


@pytest.mark.parametrize("code", ["AccessDeniedException", "InvalidRequestException", "DecryptionFailure"])
def test_a_secret_that_we_may_not_read_cannot_be_used(
    store: str, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    monkeypatch.setattr(botocore.session, "get_session", lambda: Client(refusal(code, 400)))
    with pytest.raises(Unavailable):
        Keys()()
    assert vars(caplog.records[0])["reason"] == f"Secrets Manager answers {code}"


def test_known_keys_outlive_an_outage_and_are_soon_looked_for_again(
    secret: dict[str, str], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = Keys()
    hold(secret, json.dumps({"current": KEY}))
    assert keys() == (KEY,)
    hold(secret, json.dumps({"current": PREVIOUS}))
    clock.now += KEYS_SECONDS + 1
    with monkeypatch.context() as patch:
        patch.setattr(botocore.session, "get_session", lambda: Client(refusal("503", 503)))
        assert keys() == (KEY,)
    clock.now += AGAIN_SECONDS
    assert keys() == (KEY,)
    clock.now += 1
    assert keys() == (PREVIOUS,)


def test_what_tells_of_it_is_not_loaded_where_all_is_well() -> None:
    """Powertools' metrics would cost every cold start."""
    code = "import sys, teaching.http.endpoint; print([name for name in sys.modules if 'powertools' in name])"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": "layers/common"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "[]\n"
