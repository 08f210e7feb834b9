"""`make start` as a user has it: a process of its own, on a store on disk."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import HTTPError

import pytest

from benchmarks.programme import programme
from local import demo, reset, store
from local.load import LoadError, call, load
from local.start import System, run
from local.template import ROOT
from tests.provider import issued, providing, public
from tests.server import LONGEST_START, environment, started
from tests.signed import ABSENT, by_rsa

LOADED = 300


def load_for_ever(file: Path, url: str) -> None:
    """The load may be faster than the one who ends the server."""
    while True:
        load(file, url)


def test_a_server_serves_the_demo_keeps_it_and_survives_being_killed(tmp_path: Path) -> None:
    of_demo = Counter(record["type"] for record in demo.records(datetime.now(UTC)))["submission.saved"]
    file = tmp_path / "programme.jsonl"
    lines = list(programme(LOADED, seed=7, burst=False, end=datetime(2026, 1, 1, tzinfo=UTC)))
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    folder = tmp_path / "data"

    with started(folder) as server:
        for expected in ("Loading the demo", *(person.id for person in demo.PEOPLE)):
            assert expected in server.said
        assert server.submissions() == of_demo
        assert server.get(f"/api/teaching/submissions/{demo.SPEC_SUBMISSION['id']}")["status"] is True
        assert server.end(signal.SIGINT) == 0

    with started(folder) as server:
        assert server.submissions() == of_demo
        assert "Loading the demo" not in server.said
        second = start(folder, store.free_port())
        assert (second.returncode, second.stdout) == (1, "")
        assert second.stderr == f"another server is using {folder}; stop it or set DATA_DIR\n"

        def kill_amid_the_load() -> None:
            try:
                while server.submissions() == of_demo:
                    time.sleep(0.05)
            finally:
                # In any case, or the load would never end.
                assert server.end(signal.SIGKILL) == -signal.SIGKILL

        killer = threading.Thread(target=kill_amid_the_load)
        killer.start()
        with pytest.raises(LoadError, match="is `make start` running"):
            load_for_ever(file, server.url)
        killer.join()

    with started(folder) as server:
        summary = load(file, server.url)
        assert (summary.accepted, summary.rejected) == (len(lines), [])
        assert call(server.url, "drain") == {"drained": True}
        assert server.submissions() == of_demo + LOADED
        told = server.get("/api/teaching/submissions/statistics")["data"]["submission_total"]
        assert told["total"] == told["pending"] + told["graded"]
        assert server.end(signal.SIGTERM) == 0
    assert not [path for path in (folder, *folder.rglob("*")) if path.stat().st_mode & 0o077]
    reset.reset(folder)
    assert {path.name for path in folder.iterdir()} == {"lock", "token-key"}


@pytest.mark.parametrize(
    "numbers",
    [(signal.SIGTERM, signal.SIGINT), (signal.SIGINT, signal.SIGINT, signal.SIGTERM)],
    ids=["both", "thrice"],
)
def test_signals_at_once_end_the_server_as_one_does(
    tmp_path: Path, numbers: tuple[signal.Signals, ...]
) -> None:
    (tmp_path / "demo-loaded").touch()
    with started(tmp_path) as server:
        assert server.end(*numbers) == 0
    assert server.said.splitlines()[-1] == "Stopped"
    assert "Traceback" not in server.said
    assert "Exception ignored" not in server.said


def test_with_a_jwks_it_takes_the_tokens_of_an_identity_provider_and_makes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """But for the demo, which comes in with tokens of its own before."""
    port, path = store.free_port(), "/api/teaching/submissions/statistics"
    url = f"http://127.0.0.1:{port}{path}"
    made: list[str] = []

    def load_demo(system: System) -> None:
        made.append(system.token("admin", demo.ADMIN.id))
        assert status(system.url + path, made[-1]) == 200
        assert status(system.url + path, provided) == 401

    provided = issued(by_rsa(), "first", sub=demo.ADMIN.id, role=ABSENT, realm_access={"roles": ["admin"]})
    monkeypatch.setattr("local.start.load_demo", load_demo)
    with providing() as provider, ExitStack() as stack:
        provider.publish(public(by_rsa().key, kid="first"))
        parameters = f"JwksUrl={provider.url} TokenRoleClaim=realm_access.roles"
        for name, value in (("DATA_DIR", str(tmp_path)), ("PORT", str(port)), ("PARAMETERS", parameters)):
            monkeypatch.setenv(name, value)
        run(stack)
        assert [status(url, token) for token in (provided, *made)] == [200, 401]
        assert not call(f"http://127.0.0.1:{port}", "people")
    said = capsys.readouterr().out
    assert "Tokens are those of your identity provider" in said
    assert "Bearer $TOKEN" in said
    assert all(person.id in said for person in demo.PEOPLE)


def status(url: str, token: str) -> int:
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = start(tmp_path, port)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"port {port}: ")
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"PARAMETERS": "JwksUrl"}, 'PARAMETERS is not "Name=value …": JwksUrl'),
        ({"PARAMETERS": "JwksURL=https://a.example"}, "PARAMETERS: template.yaml has no JwksURL"),
        ({"PORT": "many"}, "PORT must be 1 to 65535"),
        ({"HOST": "no.such.host.invalid"}, "HOST=no.such.host.invalid is no address of this machine"),
        ({"HOST": "192.0.2.1"}, "HOST=192.0.2.1 is no address of this machine"),
        ({"DATA_DIR": __file__}, "name a folder that can be written"),
        ({"DATA_DIR": f"{__file__}/below"}, "name a folder that can be written"),
    ],
)
def test_a_setting_that_makes_no_sense_is_one_clear_line(
    tmp_path: Path, variables: dict[str, str], said: str
) -> None:
    refused = start(tmp_path, store.free_port(), **variables)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert said in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_damaged_data_is_one_clear_line_and_the_next_try_is_clean(tmp_path: Path) -> None:
    (tmp_path / "dynamodb").mkdir()
    database = tmp_path / "dynamodb" / "shared-local-instance.db"
    database.write_bytes(b"no database" * 1000)
    for _ in range(2):
        refused = start(tmp_path, store.free_port())
        assert (refused.returncode, refused.stdout) == (1, "")
        assert f"the data in {tmp_path} cannot be used" in refused.stderr.splitlines()[-1]
        assert len(refused.stderr.splitlines()) == 2
    database.unlink()
    (tmp_path / "FailedChanges.db").write_bytes(b"no database" * 1000)
    refused = start(tmp_path, store.free_port())
    assert f"the data in {tmp_path} cannot be used" in refused.stderr.splitlines()[-1]
    (tmp_path / "FailedChanges.db").unlink()
    (tmp_path / "demo-loaded").touch()
    with started(tmp_path) as server:
        assert server.end(signal.SIGTERM) == 0


def start(folder: Path, port: int, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "local.start"],
        cwd=ROOT,
        env=environment(folder, port, **variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_START,
    )
