"""layers/common/build.py where it differs from what `layer` holds."""

import ast
import sys
from pathlib import Path

import botocore.session
import build
import pytest
from botocore import xform_name

from local import template
from local.template import ROOT


def test_it_builds_for_the_runtime_that_the_template_names(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = template.read().globals["Function"]["Runtime"]
    monkeypatch.delenv("PYTHON_RUNTIME", raising=False)
    assert f"python{build.python_version()}" == runtime
    monkeypatch.setenv("PYTHON_RUNTIME", "python3.12")
    assert build.python_version() == "3.12"


def test_without_the_runtimes_python_it_ships_no_bytecode_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "PLATFORMS", ())
    monkeypatch.setattr(build, "trim", lambda _: None)
    build.build(tmp_path, "3.99")
    assert (tmp_path / "python" / "teaching" / "dynamo.py").is_file()
    assert not list(tmp_path.rglob("*.pyc"))
    (told,) = capsys.readouterr().out.splitlines()
    assert told.startswith("No Python 3.99 found")


def test_in_the_container_of_sam_there_is_no_template_and_its_python_is_the_right_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHON_RUNTIME", raising=False)
    monkeypatch.setattr(build, "TEMPLATE", tmp_path / "template.yaml")
    assert build.python_version() == "{}.{}".format(*sys.version_info)


def test_the_runtime_cannot_be_another_than_the_layers() -> None:
    text = build.TEMPLATE.read_text(encoding="utf-8")
    _, _, after = text.partition("  PythonRuntime:")
    assert f"AllowedValues: [python{build.python_version()}]" in after.partition("Description")[0]


def test_a_machine_without_pip_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("build.shutil.which", lambda command: None)
    with pytest.raises(SystemExit, match="pip"):
        build.python_with_pip()


def test_what_is_not_there_to_be_taken_away_is_told(tmp_path: Path) -> None:
    """A new version of a package may have put it elsewhere, where it would ship."""
    with pytest.raises(SystemExit, match="dist-info"):
        build.trim(tmp_path)


def test_it_describes_the_operations_that_are_called_and_no_others() -> None:
    asked: set[str] = set()
    for path in (ROOT / "layers/common/teaching").rglob("*.py"):
        asked |= asked_for(ast.parse(path.read_text(encoding="utf-8")))
    session = botocore.session.get_session()
    for service, described in build.OPERATIONS.items():
        operations = session.get_service_model(service).operation_names
        assert {name for name in operations if xform_name(name) in asked} == described, service


def asked_for(module: ast.Module) -> set[str]:
    """What is called of a client, be it `client().put_events(…)` or `call("get_item", …)`."""
    asked: set[str] = set()
    for node in ast.walk(module):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Call() | ast.Name(id="client"), attr=name)):
                asked.add(name)
            case ast.Call(func=ast.Name(id="call"), args=[ast.Constant(value=str(name)), *_]):
                asked.add(name)
    return asked


def test_what_running_a_function_has_left_is_not_deployed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / "functions" / "one" / "__pycache__"
    left.mkdir(parents=True)
    monkeypatch.setattr(build, "PLATFORMS", ())
    monkeypatch.setattr(build, "trim", lambda _: None)
    monkeypatch.setattr(build, "TEMPLATE", tmp_path / "template.yaml")
    build.build(tmp_path / "layer", "3.99")
    assert list(left.parent.iterdir()) == []
