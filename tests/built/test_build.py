"""layers/common/build.py where it differs from what `layer` holds."""

import sys
from pathlib import Path

import build
import pytest

from local import template


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
