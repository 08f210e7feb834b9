"""layers/common/build.py where it differs from what `layer` holds."""

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
