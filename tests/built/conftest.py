"""What `sam build` makes, built once for this machine's Python, and run by Lambda's own emulator."""

import fcntl
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import pytest

from local.template import REGION, ROOT, Template
from tests.built.emulator import Emulator

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
SAM = ROOT / ".venv" / "sam"


class Emulate(Protocol):
    """A cold function; an environment given here replaces the one of `store`."""

    def __call__(self, function: str, **environment: str) -> Emulator: ...


@pytest.fixture(scope="session")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What becomes /opt. The test runner's processes share one build."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    built = shared / "built" / "CommonLayer"
    with (shared / "build-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (built.parent / "template.yaml").exists():
            command = [str(SAM / "bin" / "sam"), "build", "--build-dir", str(built.parent)]
            variables = {"PYTHON_RUNTIME": RUNTIME, "AWS_DEFAULT_REGION": REGION, "SAM_CLI_TELEMETRY": "0"}
            done = subprocess.run(
                command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
    return built


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Lambda has beside the layer: its runtime client alone, nothing else of the environment here."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py"):
        spec = find_spec(name)
        assert spec
        assert spec.origin
        origin = Path(spec.origin)
        whole = origin.parent if origin.name == "__init__.py" else origin
        (folder / whole.name).symlink_to(whole)
    return folder


@pytest.fixture
def emulate(layer: Path, runtime: Path, facts: Template, tmp_path: Path) -> Iterator[Emulate]:
    """Cold functions, ended with the test."""
    started: list[Emulator] = []
    machine = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    (program,) = SAM.glob(f"lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}")

    def start(function: str, **environment: str) -> Emulator:
        of_store = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        variables = {**of_store, **facts.functions[function].environment, **environment}
        started.append(Emulator(program, facts.functions[function], layer, runtime, variables, tmp_path))
        return started[-1]

    yield start
    for emulator in started:
        emulator.stop()
