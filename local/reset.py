"""`make reset`: forgets the local data, so that the next `make start` begins with the demo of that day."""

import shutil
import sys
from pathlib import Path

from local import settings
from local.start import StartError, locked

MADE = (
    "dynamodb",
    "streams",
    "logs",
    "demo-loaded",
    "FailedChanges.db",
    "FailedChanges.db-journal",
    "RejectedRecords.jsonl",
    "events.jsonl",
    "rejected-lines.txt",
    "sam-local.json",
)
"""What the server makes, and nothing else of a folder that may hold other things too. The token key stays,
so that tokens which were printed stay good.
"""


def reset(folder: Path) -> None:
    """Raises `StartError` while a server uses the folder."""
    with locked(folder):
        for name in MADE:
            path = folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def main() -> int:
    folder = settings.data_dir()
    if not folder.exists():
        print(f"nothing is in {folder}: `make start` begins with the demo")
        return 0
    try:
        reset(folder)
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"cannot remove {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"the data in {folder} is gone: `make start` begins with the demo")
    return 0


if __name__ == "__main__":
    sys.exit(main())
