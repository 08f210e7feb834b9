"""A thousand schedules, and those that once failed; each in a process where a set has the same order."""

import os
import subprocess
import sys

import pytest

from local.template import ROOT
from tests.simulation.__main__ import KEPT, seeds_of

SCHEDULES = 1000
PARTS = 10


def run(*arguments: str) -> str:
    environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONPATH": "layers/common"}
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-20_000:]}{done.stderr[-5000:]}"
    return done.stdout


def test_what_once_failed_holds() -> None:
    assert f"{len(seeds_of(KEPT))} schedules" in run("kept")


@pytest.mark.parametrize("part", range(PARTS))
def test_the_contract_holds_in_every_schedule(part: int) -> None:
    size = SCHEDULES // PARTS
    run(f"{part * size}:{(part + 1) * size}")


def test_a_seed_is_one_schedule() -> None:
    first, second = run("--trace", "3"), run("--trace", "3")
    assert len(first.splitlines()) > 100
    assert first.splitlines()[:-1] == second.splitlines()[:-1]
