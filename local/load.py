"""`make load FILE=records.jsonl`: sends a file of records to the running server.

Each line is `{"type": …, "data": {…}}`; `FILE=-` reads a pipe. Loading a file twice is harmless, so after
a broken load the whole file can be sent again. Exit code 1 if records were rejected, if not all were sent,
or if lists and totals do not follow in time.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from local import settings
from teaching.limits import ANSWER_BYTES

SHOWN = 20
LONGEST_LINE = ANSWER_BYTES
"""Bytes; no function takes more, and a record is far smaller."""

_BATCH_LINES = 100
_BATCH_BYTES = 4 * 1024 * 1024
_LONGEST_BATCH = 600
_LONGEST_DRAIN = 2000
"""Seconds; the server gives up before."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class LoadError(Exception):
    """The load can't go on; the message is for the person at the terminal."""


@dataclass
class Summary:
    """`rejected`: line numbers, from 1, with reasons; `drained`: whether lists and totals show all of it."""

    accepted: int = 0
    rejected: list[tuple[int, str]] = field(default_factory=list)
    drained: bool = False


@dataclass(frozen=True)
class Batch:
    """`first` is the number of its first line."""

    first: int
    lines: list[bytes]


def lines_of(file: IO[bytes], end: int | None) -> Iterator[bytes]:
    """Those that begin before `end`, or all; of a line that is too long only so much that this shows."""
    while end is None or file.tell() < end:
        line = file.readline(LONGEST_LINE + 1)
        if not line:
            return
        rest = line
        while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE + 1)
        yield line


def batches(file: Iterable[bytes]) -> Iterator[Batch]:
    """The lines, as many at a time as the server takes gladly."""
    first, size = 1, 0
    lines: list[bytes] = []
    for line in file:
        if lines and (len(lines) == _BATCH_LINES or size + len(line) > _BATCH_BYTES):
            yield Batch(first, lines)
            first, lines, size = first + len(lines), [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield Batch(first, lines)


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


def load(name: Path | str, url: str) -> Summary:
    """Sends a file or a pipe, `-` the one that this process is fed by, and waits until lists and totals
    have followed. Of a file that still grows, what it had at the beginning.

    Raises `LoadError`; what was sent before it is kept.
    """
    with _opened(name) as file:
        return _load(file, url)


def _load(file: IO[bytes], url: str) -> Summary:
    """One batch after another: a function takes a batch's records side by side already."""
    summary = Summary()
    end = file.seek(0, os.SEEK_END) if file.seekable() else None
    if end is not None:
        file.seek(0)
    with progress_bar("{task.fields[accepted]} accepted") as progress:
        task = progress.add_task("loading", total=end, accepted=0)
        for batch in batches(lines_of(file, end)):
            try:
                accepted, rejected = _send(url, batch)
            except LoadError as error:
                raise LoadError(f"{error}; {summary.accepted} records were accepted before") from None
            summary.accepted += accepted
            summary.rejected += rejected
            done = file.tell() if end is not None else 0
            progress.update(task, completed=done, accepted=summary.accepted)
        progress.update(task, description="waiting for lists and totals to follow", total=None)
        summary.drained = call(url, "drain", longest=_LONGEST_DRAIN)["drained"]
    return summary


def _send(url: str, batch: Batch) -> tuple[int, list[tuple[int, str]]]:
    """How many were accepted, and the others' numbers and reasons.

    In place of lines that can't be sent the server gets blank ones, which only count.
    """
    refused: dict[int, str] = {}
    sent: list[bytes] = []
    for number, line in enumerate(batch.lines, batch.first):
        reason = _why_not_sent(line)
        if reason:
            refused[number] = reason
        sent.append(b"\n" if reason else line)
    if batch.first == 1:
        sent[0] = sent[0].removeprefix(_BYTE_ORDER_MARK)
    result = call(url, "records", b"".join(sent))
    refused |= {batch.first + row["line"] - 1: row["reason"] for row in result["rejected"]}
    return result["accepted"], sorted(refused.items())


def _why_not_sent(line: bytes) -> str | None:
    if len(line) > LONGEST_LINE:
        return f"longer than {LONGEST_LINE} bytes"
    return None if _is_text(line) else "not UTF-8"


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def call(url: str, name: str, body: bytes = b"", longest: float = _LONGEST_BATCH) -> dict[str, Any]:
    """`POST /_local/<name>` of the running server, for so many seconds. Raises `LoadError`."""
    request = urllib.request.Request(
        f"{url}/_local/{name}", data=body, headers={"content-type": "application/x-ndjson"}
    )
    try:
        with urllib.request.urlopen(request, timeout=longest) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as error:
        with error:
            raise LoadError(f"{url} refused {name}: {error.code} {error.reason}; see its logs") from None
    except TimeoutError:
        raise LoadError(f"{url} does not answer {name} within {longest:g} seconds; see its logs") from None
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise LoadError(f"no server answers at {url} ({reason}): is `make start` running?") from None


@contextmanager
def _opened(name: Path | str) -> Iterator[IO[bytes]]:
    """Raises `LoadError`."""
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(name).open("rb") as file:
            yield file
    except FileNotFoundError:
        raise LoadError(f"no such file: {name}") from None
    except IsADirectoryError:
        raise LoadError(f"a folder, not a file: {name}") from None
    except OSError as error:
        raise LoadError(f"cannot read {name}: {error.strerror}") from None


def main() -> int:
    try:
        name = os.environ.get("FILE")
        if not name:
            raise LoadError("FILE is missing: make load FILE=records.jsonl")
        summary = load(name, settings.server_url())
    except (LoadError, settings.SettingsError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; loading the file again is harmless", file=sys.stderr)
        return 130
    _tell(summary)
    return 0 if summary.drained and not summary.rejected else 1


def _tell(summary: Summary) -> None:
    print(f"{summary.accepted} accepted, {len(summary.rejected)} rejected")
    for line, reason in summary.rejected[:SHOWN]:
        print(f"  line {line}: {reason}")
    if len(summary.rejected) > SHOWN:
        print(f"  … and {len(summary.rejected) - SHOWN} more, all of them in {_kept(summary.rejected)}")
    if not summary.drained:
        print("lists and totals have not followed yet; the server goes on, its logs say what is failing")


def _kept(rejected: list[tuple[int, str]]) -> Path:
    """The file in which every rejected line is named."""
    folder = settings.data_dir()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rejected-lines.txt"
    path.write_text("".join(f"line {line}: {reason}\n" for line, reason in rejected), encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.exit(main())
