"""What the Makefile sets up before any of our code runs, with a Python that only looks like one."""

import os
import subprocess
from pathlib import Path

import pytest

from local.template import ROOT

# It knows -c, -m venv and -m pip; `too-old` and `no-network` beside the Makefile's targets make them fail.
_PYTHON = """#!/bin/sh
case "$*" in
  -c*) test ! -e too-old ;;
  "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-m pip "*) test ! -e no-network || { echo trying; echo "no network"; exit 1; } ;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "layers" / "common").mkdir(parents=True)
    (tmp_path / "layers" / "common" / "requirements.txt").touch()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "python").write_text(_PYTHON)
    (tmp_path / "python").chmod(0o755)
    return tmp_path


def make(folder: Path) -> list[str]:
    """What it says on standard error, without make's own lines; standard output stays empty."""
    command = ["make", "-f", str(ROOT / "Makefile"), ".venv/ready", f"PYTHON={folder / 'python'}"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    said = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False)
    assert said.stdout == ""
    return [line for line in said.stderr.splitlines() if not line.startswith("make: ")]


def test_an_old_python_is_told_before_anything_is_made(folder: Path) -> None:
    (folder / "too-old").touch()
    (told,) = make(folder)
    assert told.startswith("Python 3.11 or later is needed, which ")
    assert told.endswith("make start PYTHON=python3.12")
    assert not (folder / ".venv").exists()


def test_a_failure_is_told_by_its_last_line_and_the_next_try_begins_anew(folder: Path) -> None:
    (folder / "no-network").touch()
    _, told = make(folder)
    assert told.startswith("Setting up failed (no network): check the network")
    assert not (folder / ".venv" / "ready").exists()
    (folder / ".venv" / "half-made").touch()
    (folder / "no-network").unlink()
    assert make(folder) == ["Setting up .venv (once)"]
    assert (folder / ".venv" / "ready").exists()
    assert not (folder / ".venv" / "half-made").exists()


def test_new_pins_keep_the_environment(folder: Path) -> None:
    make(folder)
    (folder / ".venv" / "kept").touch()
    os.utime(folder / ".venv" / "ready", (0, 0))
    assert make(folder) == []
    assert (folder / ".venv" / "kept").exists()


def test_an_environment_of_an_old_python_is_made_anew(folder: Path) -> None:
    make(folder)
    (folder / ".venv" / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    os.utime(folder / ".venv" / "ready", (0, 0))
    assert make(folder) == ["Setting up .venv (once)"]
    assert (folder / ".venv" / "ready").stat().st_mtime > 0
