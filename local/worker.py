"""One Lambda execution environment: an invocation a line on standard input, its answer a line back.

Invocations name the function, so one process serves any of them, one at a time. It ends when its
input does, which the kernel sees to even when the server is killed.
"""

import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from local.template import ACCOUNT, REGION


@dataclass(frozen=True)
class Context:
    """What Lambda passes a handler beside the event."""

    function_name: str
    memory_limit_in_mb: int
    aws_request_id: str
    deadline: float
    function_version: str = "$LATEST"

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        return f"/aws/lambda/{self.function_name}"

    @property
    def log_stream_name(self) -> str:
        return str(os.getpid())

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline - time.monotonic()) * 1000))


def main() -> None:
    # Ctrl-C reaches the whole terminal; the server decides when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_receive, args=(os.dup(0), requests), daemon=True).start()
    # What a handler prints is its log, and must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    managed: set[str] = set()
    while True:
        request = json.loads(requests.get())
        if "event" in request:
            _set_environment(request["environment"], managed)
            answers.write(_answer(request) + b"\n")
        else:
            for function in request["load"]:
                _set_environment(function["environment"], managed)
                _load(function["handler"])
            answers.write(b"loaded\n")
        answers.flush()


def _receive(descriptor: int, requests: "SimpleQueue[bytes]") -> None:
    """Ends the process with its input, whatever its handler is at."""
    with os.fdopen(descriptor, "rb") as lines:
        for line in lines:
            requests.put(line)
    os._exit(0)


def _answer(request: Mapping[str, Any]) -> bytes:
    """The handler's result, or its error as Lambda tells it; the traceback goes to the log."""
    try:
        context = Context(
            function_name=request["function"],
            memory_limit_in_mb=request["memory"],
            aws_request_id=request["id"],
            deadline=time.monotonic() + request["timeout"],
        )
        result = _handler(request["handler"])(request["event"], context)
        return json.dumps({"result": result}).encode()
    except (Exception, SystemExit) as error:
        traceback.print_exc(file=sys.stderr)
        sys.stderr.flush()
        return json.dumps({"error": f"{type(error).__name__}: {error}"}).encode()


def _handler(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _load(path: str) -> None:
    """Imports the function before it is called; an import that fails is told by the call."""
    try:
        _handler(path)
    except Exception as error:
        print(f"{path}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)


def _set_environment(variables: Mapping[str, str], managed: set[str]) -> None:
    """Exactly these variables of those that any function set so far: what one has, another may not."""
    for name in managed - variables.keys():
        os.environ.pop(name, None)
    os.environ.update(variables)
    managed.update(variables)


if __name__ == "__main__":
    main()
