"""One function under Lambda's runtime interface emulator, which the SAM CLI carries."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError

from local.template import ROOT, Function

_SECONDS_TO_START = 60
"""A cold start counts against the timeout here, and this machine may be busy."""


class Emulator:
    """Started cold; `invoke` as often as wanted. The log is what CloudWatch would get."""

    def __init__(
        self,
        program: Path,
        function: Function,
        layer: Path,
        runtime: Path,
        environment: Mapping[str, str],
        folder: Path,
    ) -> None:
        port, api_port = _free_port(), _free_port()
        task = ROOT.joinpath(*function.module.split(".")[:-1])
        handler = ".".join(function.handler.split(".")[-2:])
        self.log = folder / f"{function.name}.log"
        self._url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
        addresses += ["--runtime-api-address", f"127.0.0.1:{api_port}"]
        # -S: none of the packages installed here, as if they were not.
        python = [sys.executable, "-S", "-B", "-m", "awslambdaric", handler]
        variables = {
            **environment,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, (task, layer / "python", runtime))),
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(_SECONDS_TO_START + function.timeout),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        }
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [program, *addresses, *python], cwd=task, env=variables, stdout=log, stderr=log
            )

    def invoke(self, event: Mapping[str, Any]) -> Any:
        request = urllib.request.Request(self._url, json.dumps(event).encode())
        deadline = time.monotonic() + _SECONDS_TO_START
        while True:
            try:
                with urllib.request.urlopen(request, timeout=2 * _SECONDS_TO_START) as answer:
                    return json.load(answer)
            except URLError as error:
                refused = isinstance(error.reason, ConnectionRefusedError)
                if not refused or self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
