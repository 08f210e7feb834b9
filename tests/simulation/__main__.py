"""Runs schedules: `0:1000` those of these seeds, `7` that of one, `kept` those that once failed.

`--readers` asks for what does not always hold (`contract.STRICT_READER_RULES`), `--trace` prints what
happened. Seeds that fail join seeds.txt.
A schedule is the same again only under the same PYTHONHASHSEED, for sets are walked in its order.
"""

import os
import sys
import time
import traceback
from pathlib import Path

from tests.simulation.contract import Broken
from tests.simulation.schedule import Schedule
from tests.simulation.world import environment

KEPT = "kept"
SEEDS = Path(__file__).parent / "seeds.txt"
TRACE_LINES = 60


def seeds_of(argument: str) -> list[int]:
    if argument == KEPT:
        return [int(line.split()[0]) for line in SEEDS.read_text().splitlines() if line[:1].isdigit()]
    first, _, end = argument.partition(":")
    return list(range(int(first), int(end))) if end else [int(first)]


def main(arguments: list[str]) -> int:
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, _command(arguments), os.environ | {"PYTHONHASHSEED": "0"})
    readers = "--readers" in arguments
    trace = "--trace" in arguments
    try:
        wanted = [seed for each in arguments if not each.startswith("--") for seed in seeds_of(each)]
    except ValueError:
        print("SEEDS is a seed, or the first and the end of some: make soak SEEDS=0:1000", file=sys.stderr)
        return 2
    began = time.monotonic()
    with environment():
        failed = [seed for seed in wanted if not _holds(seed, trace=trace, readers=readers)]
    print(f"{len(wanted)} schedules in {time.monotonic() - began:.0f} s, failed: {failed or 'none'}")
    if failed and not readers:
        _keep(failed)
    return bool(failed)


def _command(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "tests.simulation", *arguments]


def _holds(seed: int, *, trace: bool, readers: bool) -> bool:
    schedule = Schedule(seed, readers=readers)
    fault: BaseException | None = None
    try:
        schedule.run()
    except (Exception, Broken) as broken:
        fault = broken
    lines = schedule.world.trace
    if fault or trace:
        print(schedule.weather)
        print("\n".join(lines if trace else lines[-TRACE_LINES:]))
    if fault and trace:
        traceback.print_exception(fault)
    if fault:
        print(f"seed {seed}: {type(fault).__name__}: {str(fault)[:3000]}", flush=True)
    return not fault


def _keep(failed: list[int]) -> None:
    known = seeds_of(KEPT)
    with SEEDS.open("a") as file:
        file.writelines(f"{seed}\n" for seed in failed if seed not in known)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
