"""The layer's modules import downwards only, in the order that the package's docstring draws."""

import ast
from pathlib import Path

import pytest

import teaching

LAYERS = [
    {"healing"},
    {"projections", "recompute", "intake.queue"},
    {"coaching", "grading"},
    {"directory", "tally"},
    {"intake.records"},
    {"http"},
    {"streams"},
    {"sqs", "dynamo", "jsons", "clock", "errors", "settings", "log", "log_lines", "limits"},
]
ROOT = Path(teaching.__path__[0])
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in ROOT.rglob("*.py")
    if path.name != "__init__.py"
)


def level(module: str) -> int:
    return next(
        number
        for number, names in enumerate(LAYERS)
        if any(module == name or module.startswith(f"{name}.") for name in names)
    )


def imported(module: str) -> set[str]:
    source = (ROOT / Path(*module.split("."))).with_suffix(".py").read_text()
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "teaching":
            prefix = (node.module or "").removeprefix("teaching").lstrip(".")
            names |= {".".join(filter(None, [prefix, alias.name])) for alias in node.names}
    return names


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_nothing_above_itself(module: str) -> None:
    for name in imported(module):
        assert level(name) >= level(module), f"{module} imports {name}"
