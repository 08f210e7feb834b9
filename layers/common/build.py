"""Builds the layer: `python3 build.py <folder>` puts what goes to Lambda's /opt into the folder.

The layer serves both of Lambda's architectures, whose compiled modules have different names and so lie
side by side, and one Python: the default of the template's parameter `PythonRuntime`, unless the
environment names another (`PYTHON_RUNTIME=python3.12`). It needs some Python with pip, not that one.
That one is needed only to ship bytecode, without which a cold start takes more than twice as long.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
TEMPLATE = HERE.parent.parent / "template.yaml"
PLATFORMS = ("manylinux2014_aarch64", "manylinux2014_x86_64")
SERVICES = {"dynamodb", "dynamodbstreams", "events", "streams.dynamodb", "secretsmanager", "sqs"}
"""The services whose clients the layer makes, and the one whose addresses have another name than itself;
botocore's descriptions of all others stay behind.
"""
UNUSED_DESCRIPTIONS = ("examples-1.json", "paginators-1.json", "waiters-2.json")


def build(folder: Path, version: str) -> None:
    """Everything; `version` is Python's, as in "3.13"."""
    python = folder / "python"
    for platform in PLATFORMS:
        install(python, platform, version)
    trim(python)
    shutil.copytree(HERE / "teaching", python / "teaching", ignore=shutil.ignore_patterns("__pycache__"))
    # Of a function's folder everything is deployed, also what running it here has left.
    for left in (TEMPLATE.parent / "functions").glob("*/__pycache__"):
        shutil.rmtree(left)
    if interpreter := find_interpreter(version):
        compile_all(folder, interpreter)
    else:
        print(f"No Python {version} found: the layer ships without bytecode, cold starts take longer")


def install(into: Path, platform: str, version: str) -> None:
    """The pinned dependencies, as wheels for another machine than this one."""
    pip = [
        python_with_pip(),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-compile",
    ]
    pip += ["--root-user-action=ignore", "--only-binary=:all:", "--no-deps"]
    pip += ["--requirement", str(HERE / "requirements.txt")]
    with TemporaryDirectory() as fresh:
        target = ["--target", fresh, "--platform", platform, "--python-version", version]
        subprocess.run([*pip, *target], check=True, stdout=sys.stderr)
        shutil.copytree(fresh, into, dirs_exist_ok=True)


def python_with_pip() -> str:
    """This one, or the machine's where this one is of an environment without pip."""
    for command in (sys.executable, getattr(sys, "_base_executable", ""), "/usr/bin/python3"):
        if command and shutil.which(command):
            tried = subprocess.run([command, "-m", "pip", "--version"], capture_output=True, check=False)
            if tried.returncode == 0:
                return command
    sys.exit("The layer is built with pip, and no Python here has it: python3 -m ensurepip")


def trim(python: Path) -> None:
    """Takes away what no function reads."""
    for unused in (python / "bin", *python.glob("*.dist-info")):
        shutil.rmtree(unused)
    data = python / "botocore" / "data"
    for service in data.iterdir():
        if service.is_dir() and service.name not in SERVICES:
            shutil.rmtree(service)
    for name in UNUSED_DESCRIPTIONS:
        for description in data.rglob(name):
            description.unlink()
    endpoints = data / "endpoints.json"
    content = json.loads(endpoints.read_text(encoding="utf-8"))
    for partition in content["partitions"]:
        partition["services"] = {
            name: service for name, service in partition["services"].items() if name in SERVICES
        }
    endpoints.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")


def find_interpreter(version: str) -> str | None:
    for command in candidates(version):
        code = "import sys; print('{}.{}'.format(*sys.version_info))"
        try:
            found = subprocess.run([command, "-c", code], capture_output=True, text=True, check=False)
        except OSError:
            continue
        if found.stdout.strip() == version:
            return command
    return None


def candidates(version: str) -> Iterator[str]:
    yield sys.executable
    yield f"python{version}"
    for finder, suffix in (
        (["pyenv", "prefix", version], "bin/python"),
        (["uv", "python", "find", version], ""),
    ):
        if shutil.which(finder[0]):
            found = subprocess.run(finder, capture_output=True, text=True, check=False)
            if found.returncode == 0:
                yield str(Path(found.stdout.strip(), suffix))


def compile_all(folder: Path, interpreter: str) -> None:
    """Bytecode that Lambda takes as it is: its file system is read-only, and times change in the zip."""
    flags = ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", "/opt"]
    subprocess.run([interpreter, "-E", "-m", "compileall", *flags, str(folder / "python")], check=True)


def python_version() -> str:
    """As in "3.13". In the container of `sam build --use-container` there is no template, only its Python."""
    runtime = os.environ.get("PYTHON_RUNTIME", "")
    if not runtime and TEMPLATE.exists():
        parameter = r"PythonRuntime:.*?Default: *(\S+)"
        found = re.search(parameter, TEMPLATE.read_text(encoding="utf-8"), re.DOTALL)
        runtime = found[1] if found else ""
    return runtime.removeprefix("python") or "{}.{}".format(*sys.version_info)


if __name__ == "__main__":
    build(Path(sys.argv[1]), python_version())
