"""The layer as `sam build` makes it: complete, no larger than it must be, its bytecode in place."""

import json
import os
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from local import template
from local.template import ROOT

TEMPLATE = template.read()
FOLDERS = sorted(function.module.split(".")[1] for function in TEMPLATE.functions.values())
SLOW_TO_IMPORT = {"aws_lambda_powertools", "aws_xray_sdk", "boto3", "cryptography", "moto", "s3transfer"}
MEGABYTE = 2**20

IMPORT_APP = """
import json, sys
from importlib.machinery import SourceFileLoader
compiled = SourceFileLoader.source_to_code
def watched(loader, data, path, **options):
    assert not path.startswith(sys.argv[1]), f"{path} is compiled anew"
    return compiled(loader, data, path, **options)
SourceFileLoader.source_to_code = watched
import app
print(json.dumps({name: getattr(module, "__file__", None) for name, module in sys.modules.items()}))
"""
READ_BYTECODE = """
import json, marshal, sys
from importlib.util import cache_from_source
from pathlib import Path
def told(source):
    content = Path(cache_from_source(source)).read_bytes()
    return int.from_bytes(content[4:8], "little"), marshal.loads(content[16:]).co_filename
print(json.dumps({source: told(source) for source in map(str, Path(sys.argv[1]).rglob("*.py"))}))
"""


@pytest.fixture(params=FOLDERS)
def imported(request: pytest.FixtureRequest, layer: Path, python: str) -> tuple[str, dict[str, str | None]]:
    """A function's folder, and the modules (with their files) that importing it imports."""
    path = os.pathsep.join([str(ROOT / "functions" / request.param), str(layer / "python")])
    command = [python, "-S", "-B", "-c", IMPORT_APP, str(layer)]
    done = subprocess.run(command, env={"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return request.param, json.loads(done.stdout)


def test_a_function_imports_the_layer_alone_and_little_of_it(
    imported: tuple[str, dict[str, str | None]], layer: Path
) -> None:
    folder, modules = imported
    # The schedule's function reports a metric, and nobody waits for it.
    slow = SLOW_TO_IMPORT - ({"aws_lambda_powertools"} if folder == "recompute_statistics" else set())
    assert not slow & modules.keys()
    standard = str(Path(modules["os"] or "").parent)
    own = (str(layer), str(ROOT / "functions" / folder), standard)
    elsewhere = {name: file for name, file in modules.items() if file and not file.startswith(own)}
    assert elsewhere == {}
    assert not [file for file in modules.values() if file and "site-packages" in file]


def test_every_module_has_bytecode_that_lambda_takes_as_it_is(layer: Path, python: str) -> None:
    command = [python, "-c", READ_BYTECODE, str(layer)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert len(told) > 500
    for source, (flags, name) in told.items():
        assert flags == 0b01, f"{source}: not an unchecked hash"
        assert name == f"/opt/{Path(source).relative_to(layer)}"


def test_it_holds_the_package_and_nothing_that_no_function_needs(layer: Path) -> None:
    shipped = {path.relative_to(layer / "python") for path in (layer / "python" / "teaching").rglob("*.py")}
    assert shipped == {
        path.relative_to(ROOT / "layers/common") for path in (ROOT / "layers/common/teaching").rglob("*.py")
    }
    assert [path.name for path in layer.iterdir()] == ["python"]
    top = {path.name for path in (layer / "python").iterdir()}
    assert not [name for name in top if name.endswith((".dist-info", ".txt"))]
    assert not top & {"Makefile", "bin", "boto3", "build.py", "s3transfer", "tests"}
    assert not [path for path in layer.rglob("*") if path.name in ("test", "tests")]


def test_it_describes_the_services_that_are_called_and_no_others(layer: Path) -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "layers/common/teaching").rglob("*.py"))
    called = {name for source in sources for name in re.findall(r'create_client\(\s*"(\w+)"', source)}
    data = layer / "python" / "botocore" / "data"
    assert {path.name for path in data.iterdir() if path.is_dir()} == called


def test_it_runs_on_both_architectures(layer: Path) -> None:
    compiled = {path.name.split("-", 2)[2] for path in layer.rglob("_pydantic_core.*.so")}
    assert compiled == {"aarch64-linux-gnu.so", "x86_64-linux-gnu.so"}


def test_it_is_small(layer: Path, tmp_path: Path) -> None:
    files = [path for path in layer.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 40 * MEGABYTE
    with zipfile.ZipFile(tmp_path / "layer.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in files:
            archive.write(path, path.relative_to(layer))
    assert (tmp_path / "layer.zip").stat().st_size < 15 * MEGABYTE
