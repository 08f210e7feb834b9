"""`make start` as a user has it: a process of its own, on a store on disk."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from local import demo, store, template, tokens
from local.functions import LAYER
from local.template import ROOT

LONGEST_START = 300


def environment(folder: Path, port: int, **variables: str) -> dict[str, str]:
    given = {"PYTHONPATH": LAYER, "DATA_DIR": str(folder), "PORT": str(port)}
    return {**os.environ, **given, **variables}


class Server:
    """A running `python -m local.start`, from when it has said all."""

    def __init__(self, folder: Path) -> None:
        port = store.free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local.start"],
            cwd=ROOT,
            env=environment(folder, port),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        overdue = threading.Timer(LONGEST_START, self.process.kill)
        overdue.start()
        assert self.process.stdout
        self.said = ""
        for line in self.process.stdout:
            self.said += line
            if line.startswith("curl") and "statistics" in line:
                break
        overdue.cancel()
        assert f"Ready: {self.url}" in self.said, self.said

    def get(self, path: str) -> Any:
        key = tokens.token_key(self._folder)
        token = tokens.token(template.read(), key, demo.ADMIN.role, demo.ADMIN.id)
        request = urllib.request.Request(self.url + path, headers={"authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def submissions(self) -> int:
        return int(self.get("/api/teaching/submissions?limit=1")["pagination"]["total_items"])

    def end(self, *numbers: signal.Signals) -> int:
        """The exit code; every process that the server had started has ended too.

        Several signals come at once: they wait for the process to go on.
        """
        started = descendants(self.process.pid)
        assert started
        self.process.send_signal(signal.SIGSTOP)
        for number in numbers:
            self.process.send_signal(number)
        self.process.send_signal(signal.SIGCONT)
        self.said += self.process.communicate(timeout=60)[0]
        deadline = time.monotonic() + 30
        while left := [process for process in started if is_running(process)]:
            assert time.monotonic() < deadline, left
            time.sleep(0.05)
        return self.process.returncode


@contextmanager
def started(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.end(signal.SIGKILL)
        server.process.communicate()


def kill_all(server: Server) -> None:
    """`kill -9` of the server with all that it has started, the store too, at the same moment."""
    server.process.send_signal(signal.SIGSTOP)
    for process in (*descendants(server.process.pid), server.process.pid):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    server.process.communicate(timeout=60)


def descendants(process: int) -> set[int]:
    table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    parents = [tuple(map(int, line.split())) for line in table.stdout.splitlines()]
    found = {process}
    while more := {child for child, parent in parents if parent in found} - found:
        found |= more
    return found - {process}


def is_running(process: int) -> bool:
    table = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False
    )
    return bool(table.stdout.strip()) and "Z" not in table.stdout
