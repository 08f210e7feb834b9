import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import store
from local.aws import StandIn
from local.gateway import Gateway
from local.load import batches
from local.template import ROOT, Template


class Server:
    """A gateway that takes records and rejects those whose text has the word `bad`."""

    def __init__(self, facts: Template, folder: Path) -> None:
        self.lines: list[str] = []
        self.drained = 0
        stand_in = StandIn({}, folder)
        self.gateway = Gateway(
            0, facts, lambda *_: None, stand_in, {"records": self.take, "drain": self.drain}
        )
        threading.Thread(target=self.gateway.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.gateway.server_address[1])

    def take(self, body: str) -> dict[str, Any]:
        lines = body.split("\n")
        self.lines += [line for line in lines if line]
        bad = [
            {"line": number, "reason": "it is bad"} for number, line in enumerate(lines, 1) if "bad" in line
        ]
        return {"accepted": sum(map(bool, lines)) - len(bad), "rejected": bad, "kept_in": "rejected-file"}

    def drain(self, _: str) -> dict[str, bool]:
        self.drained += 1
        return {"drained": True}


@pytest.fixture
def server(facts: Template, tmp_path: Path) -> Iterator[Server]:
    running = Server(facts, tmp_path)
    yield running
    running.gateway.shutdown()
    running.gateway.server_close()


def load(port: int, file: Path | None) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": "/usr/bin:/bin", "PORT": str(port)}
    if file:
        environment["FILE"] = str(file)
    return subprocess.run(
        [sys.executable, "-m", "local.load"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def records(folder: Path, *lines: str | bytes) -> Path:
    path = folder / "records.jsonl"
    path.write_bytes(b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines))
    return path


def test_every_line_is_sent_and_the_streams_awaited(server: Server, tmp_path: Path) -> None:
    lines = [json.dumps({"number": number}) for number in range(250)]
    done = load(server.port, records(tmp_path, *lines))
    assert (done.returncode, done.stdout, done.stderr) == (0, "250 accepted, 0 rejected\n", "")
    assert sorted(server.lines) == sorted(lines)
    assert server.drained == 1


def test_the_rejected_are_named_by_their_lines(server: Server, tmp_path: Path) -> None:
    done = load(server.port, records(tmp_path, *["good"] * 150, "bad", "", b"\xff", "good"))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "151 accepted, 2 rejected",
        "  line 151: it is bad",
        "  line 153: not UTF-8",
    ]


def test_of_many_rejected_the_first_are_shown_and_the_rest_is_found(server: Server, tmp_path: Path) -> None:
    done = load(server.port, records(tmp_path, *["bad"] * 23))
    lines = done.stdout.splitlines()
    assert len(lines) == 22
    assert lines[-1] == "  … and 3 more, all of them in rejected-file"


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_byte_order_mark_and_foreign_line_ends_do_no_harm(
    server: Server, tmp_path: Path, newline: bytes
) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b'{"a": 1}' + newline + b'{"b": 2}')
    assert load(server.port, path).returncode == 0
    assert [json.loads(line) for line in server.lines] == [{"a": 1}, {"b": 2}]


def test_an_empty_file_is_loaded(server: Server, tmp_path: Path) -> None:
    assert load(server.port, records(tmp_path)).stdout == "0 accepted, 0 rejected\n"


def test_without_a_file_a_server_or_sense_it_is_one_clear_line(server: Server, tmp_path: Path) -> None:
    file = records(tmp_path, "good")
    for done, said in (
        (load(server.port, None), "FILE is missing"),
        (load(server.port, tmp_path / "absent"), "no such file"),
        (load(server.port, tmp_path), "no such file"),
        (load(store.free_port(), file), "is `make start` running?"),
        (load(0, file), "PORT must be"),
    ):
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_batches_are_bounded_in_lines_and_bytes() -> None:
    small, large = b"x\n", b"x" * 3_000_000 + b"\n"
    found = list(batches([small] * 100 + [small, large, large]))
    assert [(batch.first, len(batch.lines)) for batch in found] == [(1, 100), (101, 2), (103, 1)]
