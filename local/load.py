"""`make load FILE=records.jsonl`: sends a file of records to the running server.

Each line is `{"type": …, "data": {…}}`. Loading a file twice is harmless, so after a broken load the
whole file can be sent again. Exit code 1 if records were rejected or not all were sent.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from local import settings

SHOWN = 20

_BATCH_LINES = 100
_BATCH_BYTES = 4 * 1024 * 1024
_LONGEST_BATCH = 600


class LoadError(Exception):
    """The load can't go on; the message is for the person at the terminal."""


@dataclass
class Summary:
    """`rejected`: line numbers, from 1, with reasons; `kept_in`: the server's file of rejected records."""

    accepted: int = 0
    rejected: list[tuple[int, str]] = field(default_factory=list)
    kept_in: str = ""


@dataclass(frozen=True)
class Batch:
    """`size` in bytes; `first` is the number of its first line."""

    first: int
    lines: list[bytes]
    size: int


def batches(file: Any) -> Iterator[Batch]:
    """The binary file's lines, as many at a time as the server takes gladly."""
    first, size = 1, 0
    lines: list[bytes] = []
    for line in file:
        if lines and (len(lines) == _BATCH_LINES or size + len(line) > _BATCH_BYTES):
            yield Batch(first, lines, size)
            first, lines, size = first + len(lines), [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield Batch(first, lines, size)


def progress_bar(unit: str = "") -> Progress:
    """On standard error, and only if a person sees it."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )


def load(path: Path, url: str) -> Summary:
    """One batch after another: a function takes a batch's records side by side already.

    Raises `LoadError`; what was sent before it is kept.
    """
    summary = Summary()
    with path.open("rb") as file, progress_bar("{task.fields[accepted]} accepted") as progress:
        task = progress.add_task(path.name, total=path.stat().st_size, accepted=0)
        for batch in batches(file):
            try:
                result = _send(url, batch)
            except LoadError as error:
                raise LoadError(f"{error}; {summary.accepted} records were accepted before") from None
            summary.accepted += result["accepted"]
            summary.rejected += [(batch.first + row["line"] - 1, row["reason"]) for row in result["rejected"]]
            summary.kept_in = result["kept_in"]
            progress.update(task, advance=batch.size, accepted=summary.accepted)
    return summary


def _send(url: str, batch: Batch) -> dict[str, Any]:
    """Lines that are no text are told apart here; the server sees blank ones in their place."""
    unreadable = [index for index, line in enumerate(batch.lines) if not _is_text(line)]
    body = b"".join(b"\n" if index in unreadable else line for index, line in enumerate(batch.lines))
    result = call(url, "records", body.removeprefix(b"\xef\xbb\xbf") if batch.first == 1 else body)
    result["rejected"] += [{"line": index + 1, "reason": "not UTF-8"} for index in unreadable]
    return result


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def call(url: str, name: str, body: bytes = b"") -> dict[str, Any]:
    """`POST /_local/<name>` of the running server. Raises `LoadError`."""
    request = urllib.request.Request(
        f"{url}/_local/{name}", data=body, headers={"content-type": "application/x-ndjson"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_LONGEST_BATCH) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as error:
        with error:
            raise LoadError(f"{url} refused the records: {error.code} {error.reason}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise LoadError(f"no server answers at {url} ({reason}): is `make start` running?") from None


def main() -> int:
    try:
        name = os.environ.get("FILE")
        if not name:
            raise LoadError("FILE is missing: make load FILE=records.jsonl")
        path = Path(name)
        if not path.is_file():
            raise LoadError(f"no such file: {path}")
        url = f"http://127.0.0.1:{settings.port()}"
        summary = load(path, url)
        call(url, "drain")
    except (LoadError, settings.SettingsError) as error:
        print(error, file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"cannot read {error.filename}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; loading the file again is harmless", file=sys.stderr)
        return 130
    print(f"{summary.accepted} accepted, {len(summary.rejected)} rejected")
    rejected = sorted(summary.rejected)
    for line, reason in rejected[:SHOWN]:
        print(f"  line {line}: {reason}")
    if len(rejected) > SHOWN:
        print(f"  … and {len(rejected) - SHOWN} more, all of them in {summary.kept_in}")
    return 1 if rejected else 0


if __name__ == "__main__":
    sys.exit(main())
