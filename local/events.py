"""`make events`: the events that went out, one JSON line each, and those to come until Ctrl-C."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from local import settings
from local.aws import EVENTS_FILE

_SECONDS_BETWEEN_LOOKS = 0.2


def follow(path: Path, wait: Callable[[], object]) -> Iterator[str]:
    """The lines of a file that others append to, each once it is whole, for as long as `wait` returns.

    The file may come later, or be another one meanwhile, which is then followed from its beginning.
    """
    while True:
        with suppress(FileNotFoundError), path.open(encoding="utf-8") as file:
            yield from _lines(file, path, wait)
        wait()


def _lines(file: TextIO, path: Path, wait: Callable[[], object]) -> Iterator[str]:
    """Those of an open file, until it is not the one at its path any more."""
    while True:
        start = file.tell()
        line = file.readline()
        if line.endswith("\n"):
            yield line
            continue
        file.seek(start)
        if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return
        wait()


def main() -> int:
    """Whoever reads what is printed may go away as well: `make events | head`."""
    # A shell has what it starts in the background ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = settings.data_dir()
    try:
        if not (folder / EVENTS_FILE).exists():
            waits = f"no events in {folder} yet, those to come are shown: is `make start` running?"
            print(waits, file=sys.stderr, flush=True)
        for line in follow(folder / EVENTS_FILE, lambda: time.sleep(_SECONDS_BETWEEN_LOOKS)):
            sys.stdout.write(line)
            sys.stdout.flush()
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
