"""What `sam build` makes, built once for the Python that ships, and run in it by Lambda's own emulator.

Where this machine does not have it, for and in the one that runs the tests, whose first lines say so.
"""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from local import template
from local.emulator import Emulator, packages, shipped_python, version_of
from local.template import REGION, ROOT, Template

SAM = ROOT / ".venv" / "sam"


class Emulate(Protocol):
    """A cold function; an environment given here replaces the one of `store`."""

    def __call__(self, function: str, **environment: str) -> Emulator: ...


@pytest.fixture(scope="session")
def python() -> str:
    """What the layer is built for and run in."""
    return shipped_python()


@pytest.fixture(scope="session")
def layer(tmp_path_factory: pytest.TempPathFactory, python: str) -> Path:
    """What becomes /opt. The test runner's processes share one build."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    built = shared / "built" / "CommonLayer"
    with (shared / "build-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (built.parent / "template.yaml").exists():
            command = [str(SAM / "bin" / "sam"), "build", "--build-dir", str(built.parent)]
            runtime = f"python{version_of(python)}"
            variables = {"PYTHON_RUNTIME": runtime, "AWS_DEFAULT_REGION": REGION, "SAM_CLI_TELEMETRY": "0"}
            done = subprocess.run(
                command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
    return built


@pytest.fixture(scope="session")
def cryptography_layer(layer: Path) -> Path:
    """What becomes /opt, too, where a stack has a JwksUrl."""
    return layer.parent / "CryptographyLayer"


@pytest.fixture
def emulate(python: str, layer: Path, facts: Template, store: str, tmp_path: Path) -> Iterator[Emulate]:
    """Cold functions, ended with the test."""
    started: list[Emulator] = []

    def start(function: str, **environment: str) -> Emulator:
        of_store = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        variables = {**of_store, **facts.functions[function].environment, **environment}
        folder = ROOT.joinpath(*facts.functions[function].module.split(".")[:-1])
        attached = template.read(JwksUrl=environment.get("JWKS_URL", "")).globals["Function"]["Layers"]
        path = [folder, *(layer.parent / name / "python" for name in attached), packages("runtime", python)]
        started.append(Emulator(python, facts.functions[function], path, variables, tmp_path))
        return started[-1]

    yield start
    for emulator in started:
        emulator.stop()
