"""`python -m tests.simulation 0:1000` runs the schedules of these seeds; `7` that of one, with its trace."""

import sys
import time
import traceback

from tests.simulation.contract import Broken
from tests.simulation.schedule import Schedule
from tests.simulation.world import environment

TRACE_LINES = 60


def main(arguments: list[str]) -> int:
    wanted = [seed for argument in arguments if argument[0] != "-" for seed in _seeds(argument)]
    began = time.monotonic()
    with environment():
        failed = [seed for seed in wanted if not _holds(seed, "--strict" in arguments, len(wanted) == 1)]
    print(f"{len(wanted)} schedules in {time.monotonic() - began:.0f} s, failed: {failed or 'none'}")
    return bool(failed)


def _seeds(argument: str) -> range:
    first, _, end = argument.partition(":")
    return range(int(first), int(end)) if end else range(int(first), int(first) + 1)


def _holds(seed: int, strict: bool, verbose: bool) -> bool:
    schedule = Schedule(seed, strict=strict)
    try:
        schedule.run()
    except (Exception, Broken) as fault:
        print(f"seed {seed}: {type(fault).__name__}: {str(fault)[:3000]}")
        if verbose:
            print(schedule.weather)
            print("\n".join(schedule.world.trace))
            traceback.print_exception(fault)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
