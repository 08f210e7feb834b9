import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import settings, store
from local.aws import StandIn
from local.functions import LAYER
from local.gateway import Gateway
from local.load import LONGEST_LINE, batches, lines_of
from local.template import ROOT, Template


class Server:
    """A gateway that takes records and rejects those whose text has the word `bad`."""

    def __init__(self, facts: Template, folder: Path) -> None:
        self.lines: list[str] = []
        self.drained = 0
        self.drains = True
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
        return {"accepted": sum(map(bool, lines)) - len(bad), "rejected": bad}

    def drain(self, _: str) -> dict[str, bool]:
        self.drained += 1
        return {"drained": self.drains}


@pytest.fixture
def server(facts: Template, tmp_path: Path) -> Iterator[Server]:
    running = Server(facts, tmp_path)
    yield running
    running.gateway.shutdown()
    running.gateway.server_close()


def load(
    port: int, file: Path | str | None, fed: str | None = None, **variables: str
) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": LAYER, "PORT": str(port), **variables}
    if file:
        environment["FILE"] = str(file)
    return subprocess.run(
        [sys.executable, "-m", "local.load"],
        cwd=ROOT,
        env=environment,
        input=fed,
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
    done = load(server.port, records(tmp_path, *["bad"] * 23), DATA_DIR=str(tmp_path / "data"))
    lines = done.stdout.splitlines()
    assert len(lines) == 22
    kept = tmp_path / "data" / "rejected-lines.txt"
    assert lines[-1] == f"  … and 3 more, all of them in {kept}"
    assert kept.read_text().splitlines() == [f"line {number}: it is bad" for number in range(1, 24)]


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
        (load(server.port, tmp_path), "a folder, not a file"),
        (load(store.free_port(), file), "is `make start` running?"),
        (load(0, file), "PORT must be"),
        (load(server.port, file, HOST="no.such.name.invalid"), "HOST names no address: no.such.name.invalid"),
    ):
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_line_that_is_too_long_is_named_and_no_other_is_lost(server: Server, tmp_path: Path) -> None:
    too_long = b"[" * 3 * LONGEST_LINE
    done = load(server.port, records(tmp_path, "good", too_long, "good", b"[" * (LONGEST_LINE + 1)))
    assert done.stdout.splitlines() == [
        "2 accepted, 2 rejected",
        f"  line 2: longer than {LONGEST_LINE} bytes",
        f"  line 4: longer than {LONGEST_LINE} bytes",
    ]
    assert server.lines == ["good", "good"]


def test_a_pipe_is_loaded(server: Server, tmp_path: Path) -> None:
    assert load(server.port, "-", "good\nbad\n").stdout == "1 accepted, 1 rejected\n  line 2: it is bad\n"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    threading.Thread(target=pipe.write_text, args=("good\n" * 3,), daemon=True).start()
    assert load(server.port, pipe).stdout == "3 accepted, 0 rejected\n"


def test_of_a_file_that_grows_what_it_had_is_loaded(tmp_path: Path) -> None:
    file = records(tmp_path, "a", "b")
    with file.open("rb") as reading:
        found = lines_of(reading, file.stat().st_size)
        assert next(found) == b"a\n"
        with file.open("ab") as writing:
            writing.write(b"c\n")
        assert list(found) == [b"b\n"]


def test_lists_that_do_not_follow_are_told(server: Server, tmp_path: Path) -> None:
    server.drains = False
    done = load(server.port, records(tmp_path, "good"))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "1 accepted, 0 rejected",
        "lists and totals have not followed yet; the server goes on, its logs say what is failing",
    ]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "http://127.0.0.1:3000"),
        ("0.0.0.0", "http://127.0.0.1:3000"),
        ("127.0.0.2", "http://127.0.0.2:3000"),
        ("::", "http://[::1]:3000"),
        ("::1", "http://[::1]:3000"),
    ],
)
def test_the_server_is_asked_where_it_listens(monkeypatch: pytest.MonkeyPatch, host: str, url: str) -> None:
    monkeypatch.setenv("HOST", host)
    monkeypatch.delenv("PORT", raising=False)
    assert settings.server_url() == url


def test_batches_are_bounded_in_lines_and_bytes() -> None:
    small, large = b"x\n", b"x" * 3_000_000 + b"\n"
    found = list(batches([small] * 100 + [small, large, large]))
    assert [(batch.first, len(batch.lines)) for batch in found] == [(1, 100), (101, 2), (103, 1)]
