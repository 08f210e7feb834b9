"""The layer's modules import downwards only, as the docstring of their package draws it."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import teaching
from local import template
from tests.support import PACKAGES_OF_ENDPOINTS

FACTS = template.read()
LOAD = """
import importlib, json, sys
before = set(sys.modules)
for name in sys.argv[1:]:
    importlib.import_module(name)
loaded = {name: getattr(sys.modules[name], "__file__", None) or "" for name in sys.modules.keys() - before}
packages = {name.partition(".")[0] for name, file in loaded.items() if "site-packages" in file}
print(json.dumps(sorted(packages)))
"""
ROOT = Path(teaching.__path__[0])
MODULES = sorted(
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
    for path in ROOT.rglob("*.py")
    if path.name != "__init__.py"
)
PACKAGES = sorted({module.rpartition(".")[0] for module in MODULES})
TALLY = ["teaching.tally", *(module for module in MODULES if module.startswith("teaching.tally."))]


def path_of(name: str) -> Path:
    path = ROOT.parent.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def source(name: str) -> ast.Module:
    return ast.parse(path_of(name).read_text())


def drawn(package: str) -> list[set[str]]:
    """The names on each line of the drawing, from the top."""
    _, _, drawing = (ast.get_docstring(source(package)) or "").partition("mports point downwards")
    lines = re.findall(r"^    ([a-z_]+(?:, [a-z_]+)*)(?:  .*)?$", drawing.partition("::\n")[2], re.MULTILINE)
    return [set(line.split(", ")) for line in lines]


def level(package: str, name: str) -> int:
    return next(number for number, names in enumerate(drawn(package)) if name in names)


def imported(module: str) -> Iterator[str]:
    """Whatever a module imports of the layer, wherever in it."""
    for node in ast.walk(source(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def step_below(package: str, name: str) -> str:
    """The part of a dotted name that stands in the package."""
    return name.removeprefix(f"{package}.").partition(".")[0]


def refused(module: str, name: str) -> bool:
    """Whether an import of the module leads upwards, or to a neighbour."""
    package = module.rpartition(".")[0]
    while not name.startswith(f"{package}."):
        assert package, "import from the package, not the package"
        module, package = package, package.rpartition(".")[0]
    return level(package, step_below(package, name)) <= level(package, step_below(package, module))


@pytest.mark.parametrize("package", PACKAGES)
def test_each_module_stands_in_its_packages_drawing_once(package: str) -> None:
    names = [name for line in drawn(package) for name in line]
    parts = {step_below(package, module) for module in MODULES if module.startswith(f"{package}.")}
    assert sorted(names) == sorted(parts)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_nothing_above_itself_nor_beside(module: str) -> None:
    of_layer = [name for name in imported(module) if name.split(".")[0] == "teaching"]
    assert [name for name in of_layer if refused(module, name)] == []


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("teaching.dynamo", "teaching.tally.nodes.read_nodes"),
        ("teaching.records", "teaching.records_queue"),
        ("teaching.streams", "teaching.failed_queue.heal"),
        ("teaching.tally.tree", "teaching.tally.writer"),
        ("teaching.tally.tree", "teaching.directory"),
    ],
)
def test_an_import_upwards_or_sideways_is_seen(module: str, name: str) -> None:
    assert refused(module, name)


@pytest.mark.parametrize(
    "name", ["teaching.tally.nodes.read_nodes", "teaching.dynamo", "teaching.errors.Damaged"]
)
def test_an_import_downwards_is_none(name: str) -> None:
    assert not refused("teaching.tally.writer", name)


def test_the_count_trees_can_be_lifted_out_with_a_small_base() -> None:
    needed = {
        step_below("teaching", name)
        for module in TALLY
        for name in imported(module)
        if name.startswith("teaching.") and not name.startswith("teaching.tally.")
    }
    assert needed == {"clock", "dynamo", "errors", "log", "settings"}


@pytest.mark.parametrize("module", TALLY)
def test_the_count_trees_say_nothing_of_teaching(module: str) -> None:
    words = "asesor|attendance|coaching|course|grad(e|ing)|participant|presence|quiz|session|submission"
    assert re.findall(words, path_of(module).read_text(), re.IGNORECASE) == []


def test_endpoints_load_no_package_that_requests_do_not_need() -> None:
    """Each costs every cold start: boto3 and Powertools would add half of one."""
    endpoints = [FACTS.functions[route.function].module for route in FACTS.routes if route.path]
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *endpoints],
        env={"PYTHONPATH": str(ROOT.parent)},
        cwd=FACTS.root,
        capture_output=True,
        text=True,
        check=True,
    )
    # PyJWT and botocore load these where they are installed, as they are here and not in the layer.
    packages = set(json.loads(done.stdout)) - {"_cffi_backend", "certifi", "cryptography"}
    assert packages == PACKAGES_OF_ENDPOINTS
