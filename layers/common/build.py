"""Builds a layer: `python3 build.py <folder> [<layer>]` puts what goes to Lambda's /opt into the folder.

The layer is that of this folder unless another folder is named: its requirements.txt, and the package beside
that where there is one. It serves both of Lambda's architectures, whose compiled modules have different names
and so lie side by side, and one Python: the default of the template's parameter `PythonRuntime`, unless the
environment names another (`PYTHON_RUNTIME=python3.12`). It needs some Python with pip, not that one.
That one is needed only to ship bytecode, without which a cold start takes three times as long.
"""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).resolve().parent
TEMPLATE = HERE.parent.parent / "template.yaml"
PLATFORMS = ("manylinux2014_aarch64", "manylinux2014_x86_64")
OPERATIONS = {
    "dynamodb": {
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "Scan",
        "TransactWriteItems",
        "UpdateItem",
    },
    "dynamodbstreams": {"GetRecords", "GetShardIterator"},
    "events": {"PutEvents"},
    "secretsmanager": {"GetSecretValue"},
    "sqs": {"SendMessage", "SendMessageBatch"},
}
"""What the layer asks of AWS, by service. botocore's descriptions of everything else stay behind, which its
clients would read at every cold start; so a call of another operation fails with AttributeError.
"""
ENDPOINTS = {"dynamodb", "events", "streams.dynamodb", "secretsmanager", "sqs"}
"""The services by the names of their addresses."""
AUTHORITIES = ("Amazon Root CA", "Starfield", "DigiCert")
"""Who signs for AWS: Amazon Trust Services, whose roots are all wanted (amazontrust.com/repository), and
who did so before. botocore reads the authorities anew for each connection: its 126 take 30 ms of CPU, these
3 ms. Others are named by the environment's `AWS_CA_BUNDLE`.
"""
UNUSED = (
    "*.dist-info",
    "bin",
    "annotated_types/test_cases.py",
    # Of Powertools its Logger and Metrics are used, which bring `tracing` and `jmespath_utils` with them.
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/utilities/[!_j]*",
    "jwt/help.py",
    "pydantic/experimental",
    "pydantic/mypy.py",
    "pydantic/v1",
)
"""Of what the dependencies bring, what no function comes by; tests/built runs all of them without it."""


def build(folder: Path, version: str, layer: Path = HERE) -> None:
    """Everything; `version` is Python's, as in "3.13"."""
    python = folder / "python"
    for platform in PLATFORMS:
        install(layer / "requirements.txt", python, platform, version)
    if layer == HERE:
        trim(python)
    for unused in (*python.glob("*.dist-info"), *python.glob("bin")):
        remove(unused)
    if (layer / "teaching").exists():
        shutil.copytree(layer / "teaching", python / "teaching", ignore=shutil.ignore_patterns("__pycache__"))
    # Of a function's folder everything is deployed, also what running it here has left.
    for left in (TEMPLATE.parent / "functions").glob("*/__pycache__"):
        shutil.rmtree(left)
    if interpreter := find_interpreter(version):
        compile_all(python, interpreter)
    else:
        print(f"No Python {version} found: the layer ships without bytecode, cold starts take longer")


def install(requirements: Path, into: Path, platform: str, version: str) -> None:
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
    pip += ["--requirement", str(requirements)]
    with TemporaryDirectory() as fresh:
        target = ["--target", fresh, "--platform", platform, "--python-version", version]
        subprocess.run([*pip, *target], check=True, stdout=sys.stderr)
        name_for(Path(fresh), platform, version)
        shutil.copytree(fresh, into, dirs_exist_ok=True)


def name_for(folder: Path, platform: str, version: str) -> None:
    """Gives modules that are compiled for any Python (PEP 384) the name of this one and of the machine."""
    machine = platform.partition("_")[2]
    tag = f"cpython-{version.replace('.', '')}-{machine}-linux-gnu"
    for module in folder.rglob("*.abi3.so"):
        module.rename(module.with_name(module.name.replace("abi3", tag)))


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
    for pattern in UNUSED:
        found = list(python.glob(pattern))
        if not found:
            sys.exit(f"{pattern} is not in the packages any more: see UNUSED in {__file__}")
        for unused in found:
            remove(unused)
    bundle = python / "botocore" / "cacert.pem"
    bundle.write_text("\n".join(certificates(bundle.read_text(encoding="utf-8"))), encoding="utf-8")
    data = python / "botocore" / "data"
    descriptions = {service: describe(data / service, used) for service, used in OPERATIONS.items()}
    for folder in [entry for entry in data.iterdir() if entry.is_dir()]:
        shutil.rmtree(folder)
    for service, description in descriptions.items():
        write_json(data / service / description["metadata"]["apiVersion"] / "service-2.json", description)
    # The rules of where a service is are gone through at every start; where there are none, botocore goes by
    # `endpoints.json`, which says the same of every region.
    remove(data / "partitions.json")
    endpoints = json.loads((data / "endpoints.json").read_text(encoding="utf-8"))
    for partition in endpoints["partitions"]:
        partition["services"] = {
            name: service for name, service in partition["services"].items() if name in ENDPOINTS
        }
    write_json(data / "endpoints.json", endpoints)


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def certificates(bundle: str) -> Iterator[str]:
    """Those of the authorities that sign for AWS, with their labels."""
    of_each = r'# Label: "(.+?)"\n.*?(-----BEGIN CERTIFICATE-----\n.+?\n-----END CERTIFICATE-----\n)'
    for label, certificate in re.findall(of_each, bundle, re.DOTALL):
        if label.startswith(AUTHORITIES):
            yield f"# {label}\n{certificate}"


def describe(service: Path, used: set[str]) -> dict[str, Any]:
    """botocore's description of a service in its latest version, no more of it than these operations need."""
    version = max(folder for folder in service.iterdir() if (folder / "service-2.json.gz").exists())
    with gzip.open(version / "service-2.json.gz") as compressed:
        description: dict[str, Any] = without_documentation(json.load(compressed))
    operations = {name: description["operations"][name] for name in sorted(used)}
    shapes: dict[str, Any] = {}
    new = set(named_shapes(operations)) | {
        name for name, shape in description["shapes"].items() if shape.get("exception")
    }
    while new:
        shapes |= {name: description["shapes"][name] for name in sorted(new)}
        new = set(named_shapes(shapes)) - shapes.keys()
    return description | {"operations": operations, "shapes": shapes}


def without_documentation(part: Any) -> Any:
    match part:
        case dict():
            return {
                name: without_documentation(value)
                for name, value in part.items()
                # A member of that name is no text but an object.
                if name != "documentation" or not isinstance(value, str)
            }
        case list():
            return [without_documentation(value) for value in part]
    return part


def named_shapes(part: Any) -> Iterator[str]:
    """The shapes that a part of a description refers to."""
    match part:
        case {"shape": str(name)}:
            yield name
        case dict():
            for value in part.values():
                yield from named_shapes(value)
        case list():
            for value in part:
                yield from named_shapes(value)


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")


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


def compile_all(python: Path, interpreter: str) -> None:
    """Bytecode that Lambda takes as it is: its file system is read-only, and times change in the zip.

    Of other people's modules it takes the place of the sources, which would be a quarter of the layer; ours
    stay, for the log's tracebacks to show their lines.
    """
    flags = ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(python.parent), "-p", "/opt"]
    # Into the layer, wherever bytecode goes here else.
    compiler = [interpreter, "-E", "-m", "compileall", *flags]
    if (python / "teaching").exists():
        subprocess.run([*compiler, str(python / "teaching")], check=True)
    subprocess.run([*compiler, "-b", "-x", "/teaching/", str(python)], check=True)
    for source in python.rglob("*.py"):
        if source.relative_to(python).parts[0] != "teaching":
            source.unlink()


def python_version() -> str:
    """As in "3.13". In the container of `sam build --use-container` there is no template, only its Python."""
    runtime = os.environ.get("PYTHON_RUNTIME", "")
    if not runtime and TEMPLATE.exists():
        parameter = r"PythonRuntime:.*?Default: *(\S+)"
        found = re.search(parameter, TEMPLATE.read_text(encoding="utf-8"), re.DOTALL)
        runtime = found[1] if found else ""
    return runtime.removeprefix("python") or "{}.{}".format(*sys.version_info)


if __name__ == "__main__":
    build(Path(sys.argv[1]), python_version(), *map(Path, sys.argv[2:]))
