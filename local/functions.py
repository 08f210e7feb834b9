"""Runs the real handlers as Lambda does: a process per concurrent execution, each kept warm.

Processes are started as they are needed, up to a limit; a handler that overruns its `Timeout` is
killed with its process. Edited code is loaded with the next invocation.
"""

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import IO, Any

from local.template import ROOT, Function, Template
from teaching.limits import ANSWER_BYTES

LAYER = "layers/common"

_LONGEST_WAIT = 30
_LONGEST_LOAD = 60
_SECONDS_BETWEEN_LOOKS = 0.5


class FunctionError(Exception):
    """The handler raised, or its process ended; the log has the traceback."""


class EventTooLarge(FunctionError):
    """The event is larger than Lambda takes; the handler was not called."""


class FunctionTimeout(FunctionError):
    """The handler overran its `Timeout`, or no process came free in time."""


class Functions:
    """Invokes the template's functions; safe under threads. `environment` goes to all of them."""

    def __init__(
        self,
        template: Template,
        environment: Mapping[str, str],
        *,
        log: IO[bytes] | None = None,
        limit: int = 8,
        warm: int = 2,
    ) -> None:
        self._functions = template.functions
        self._sources = _Sources(template.root)
        self._environment = environment
        self._log = log
        self._limit = limit
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._places = threading.BoundedSemaphore(limit)
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        """Held while a process starts, so that none starts once they are closed, and the log with them."""
        self._closed = False
        self._idle = [self._start() for _ in range(min(warm, limit))]

    def invoke(self, name: str, event: Mapping[str, Any]) -> Any:
        """The handler's result as JSON gives it back.

        Raises `FunctionError` (also for a result larger than Lambda takes), `EventTooLarge`,
        `FunctionTimeout`.
        """
        function = self._functions[name]
        if (size := _bytes(event)) > ANSWER_BYTES:
            raise EventTooLarge(f"{name}: an event of {size} bytes, {ANSWER_BYTES} are allowed")
        if not self._places.acquire(timeout=_LONGEST_WAIT):
            raise FunctionTimeout(f"{name}: all {self._limit} processes are busy")
        try:
            worker = self._take()
            try:
                return worker.invoke(function, event)
            finally:
                self._give_back(worker)
        finally:
            self._places.release()

    def close(self) -> None:
        """Ends every process, also those at work."""
        with self._starting, self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            busy = self._all.difference(idle)
        for worker in idle:
            self._forget(worker)
        # Their pipes are closed by the threads that wait for them.
        for worker in busy:
            worker.kill()

    def _take(self) -> "_Worker":
        version = self._sources.version()
        while True:
            with self._lock:
                worker = self._idle.pop() if self._idle else None
            if worker is None:
                return self._start()
            if worker.version == version and worker.alive():
                return worker
            self._forget(worker)

    def _start(self) -> "_Worker":
        with self._starting:
            if self._closed:
                raise FunctionError("the functions are closed")
            worker = _Worker(self._sources, self._environment, self._functions.values(), self._log)
            with self._lock:
                self._all.add(worker)
        return worker

    def _give_back(self, worker: "_Worker") -> None:
        with self._lock:
            keep = worker.alive() and not self._closed
            if keep:
                self._idle.append(worker)
        if not keep:
            self._forget(worker)

    def _forget(self, worker: "_Worker") -> None:
        worker.close()
        with self._lock:
            self._all.discard(worker)


def _bytes(value: Any) -> int:
    """As Lambda's runtime sends it."""
    return len(json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass"))


class _Worker:
    """One process of `local.worker`."""

    def __init__(
        self,
        sources: "_Sources",
        environment: Mapping[str, str],
        functions: Iterable[Function],
        log: IO[bytes] | None,
    ) -> None:
        self.version = sources.version()
        self._environment = environment
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        path = os.pathsep.join(str(folder) for folder in (*sources.import_folders, ROOT))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.worker"],
            cwd=ROOT,
            env={**inherited, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log or subprocess.DEVNULL,
        )
        self._broken = False
        self._loaded = False
        self._send({"load": [self._request(function) for function in functions]})

    def invoke(self, function: Function, event: Mapping[str, Any]) -> Any:
        request = {
            **self._request(function),
            "function": function.name,
            "id": str(uuid.uuid4()),
            "memory": function.memory,
            "timeout": function.timeout,
            "event": event,
        }
        # As in Lambda, a cold start's imports do not count against the function's timeout.
        if not self._loaded:
            self._line(function, _LONGEST_LOAD)
            self._loaded = True
        self._send(request)
        answer = json.loads(self._line(function, function.timeout))
        if "error" in answer:
            raise FunctionError(f"{function.name}: {answer['error']}")
        if (size := _bytes(answer["result"])) > ANSWER_BYTES:
            raise FunctionError(f"{function.name}: a result of {size} bytes, {ANSWER_BYTES} are allowed")
        return answer["result"]

    def _line(self, function: Function, seconds: float) -> bytes:
        assert self._process.stdout
        if not wait([self._process.stdout.fileno()], timeout=seconds):
            self.kill()
            raise FunctionTimeout(f"{function.name} did not answer within {seconds:g} s")
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            self.kill()
            raise FunctionError(f"{function.name}: its process ended")
        return line

    def alive(self) -> bool:
        return not self._broken and self._process.poll() is None

    def kill(self) -> None:
        self._broken = True
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.kill()
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdout.close()
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def _request(self, function: Function) -> dict[str, Any]:
        named = {
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        }
        return {
            "handler": function.handler,
            "environment": {**self._environment, **function.environment, **named},
        }

    def _send(self, request: Mapping[str, Any]) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._broken = True


class _Sources:
    """The functions' and the layer's code on disk, looked at now and then for changes."""

    def __init__(self, root: Path) -> None:
        self.import_folders = (root, root / LAYER)
        self._folders = (root / "functions", root / LAYER)
        self._looked = 0.0
        self._version = 0

    def version(self) -> int:
        """A number that changes when a source file does."""
        if time.monotonic() - self._looked > _SECONDS_BETWEEN_LOOKS:
            # An editor may take a file away for a moment; then look again the next time.
            with suppress(FileNotFoundError):
                files = [path for folder in self._folders for path in folder.rglob("*.py")]
                self._version = hash(tuple((str(path), path.stat().st_mtime_ns) for path in sorted(files)))
            self._looked = time.monotonic()
        return self._version
