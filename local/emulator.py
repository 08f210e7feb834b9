"""A function as Lambda runs it: by Lambda's runtime client, under the emulator that the SAM CLI carries.

with Emulator(python, function, path, variables, logs) as emulator:
    emulator.invoke(event)
"""

import fcntl
import json
import os
import platform
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.error import URLError

import build

from local.npm import TOOLS
from local.store import free_port
from local.template import ROOT, Function

_SAM = ROOT / ".venv" / "sam"
_SECONDS_TO_START = 60
"""A cold start counts against the timeout here, and this machine may be busy."""


def packages(group: str, python: str) -> Path:
    """A folder with the packages of a group in pyproject.toml, for that interpreter; fetched once."""
    version = version_of(python)
    folder = TOOLS / f"{group}-{version}"
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder / "made-from"
        wanted = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        if not made.exists() or made.read_text(encoding="utf-8") != wanted:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            pip += ["--target", str(folder), "--upgrade", "--only-binary=:all:", "--python-version", version]
            subprocess.run([*pip, "--group", f"{ROOT / 'pyproject.toml'}:{group}"], check=True)
            # Beside the sources, wherever bytecode goes here else.
            subprocess.run([python, "-E", "-m", "compileall", "-q", str(folder)], check=False)
            made.write_text(wanted, encoding="utf-8")
    return folder


def shipped_python() -> str:
    """The interpreter that the layer is built for; where this machine has none, the one that runs this."""
    return build.find_interpreter(build.python_version()) or sys.executable


def version_of(python: str) -> str:
    """As in "3.13"."""
    code = "import sys; print('{}.{}'.format(*sys.version_info))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


class Emulator:
    """A process started cold; `invoke` as often as wanted. The log is what CloudWatch would get.

    `path` is where it finds modules, besides Python's own, the function's folder first.
    """

    def __init__(
        self,
        python: str,
        function: Function,
        path: Sequence[Path],
        environment: Mapping[str, str],
        logs: Path,
        *,
        handler: str = "app.handler",
    ) -> None:
        port, api_port = free_port(), free_port()
        self.log = logs / f"{function.name}.log"
        self._url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        machine = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
        (program,) = _SAM.glob(f"lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}")
        addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
        addresses += ["--runtime-api-address", f"127.0.0.1:{api_port}"]
        # -S: none of the packages installed here, as if they were not.
        command = [python, "-S", "-B", "-m", "awslambdaric", handler]
        variables = {
            **environment,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(_SECONDS_TO_START + function.timeout),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        }
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [program, *addresses, *command], cwd=path[0], env=variables, stdout=log, stderr=log
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

    def __enter__(self) -> "Emulator":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
