"""The same submissions in PostgreSQL, read with OFFSET and COUNT(*), where Debian's package is installed."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.load import World
from local.store import free_port
from local.template import ROOT
from teaching.grading.rules import Scope
from teaching.limits import PER_PAGE

TIMES = 5
_SECONDS_TO_START = 30

TABLES = """
CREATE TABLE users (id uuid PRIMARY KEY, name text, email text);
CREATE TABLE items (id uuid PRIMARY KEY, title text);
CREATE TABLE submissions (
    id uuid PRIMARY KEY, status text, listed_at timestamptz, score numeric, user_id uuid, item_id uuid
);
"""
INDEXES = """
CREATE INDEX ON submissions (listed_at DESC, id DESC);
CREATE INDEX ON submissions (status, listed_at DESC, id DESC);
CREATE INDEX ON submissions (user_id);
CREATE INDEX ON submissions (item_id);
VACUUM ANALYZE;
"""
ROWS = "submissions s JOIN users u ON u.id = s.user_id JOIN items i ON i.id = s.item_id"
NEWEST = "ORDER BY listed_at DESC, s.id DESC LIMIT {limit} OFFSET {offset}"


class Database:
    """One that is running; every figure is the median of a few runs, in milliseconds."""

    def __init__(self, psql: list[str]) -> None:
        self._psql = psql

    def fill(self, world: World) -> None:
        users = [(user["id"], user["name"], user["email"]) for user in world.users.values()]
        items = [(item["id"], item["title"]) for item in world.items.values()]
        submissions = [
            (entry.id, entry.label, entry.time, str(entry.score), participant, entry.tags[2])
            for participant in world.users
            for entry in world.lists[Scope(participant=participant).list]
        ]
        self._run(TABLES)
        for table, rows in (("users", users), ("items", items), ("submissions", submissions)):
            lines = "".join("\t".join(row) + "\n" for row in rows)
            self._run(f"COPY {table} FROM STDIN;\n{lines}\\.\n")
        self._run(INDEXES)

    def page_of(self, status: str, page: int) -> float:
        where = f"WHERE s.status = '{status}'"
        newest = NEWEST.format(limit=PER_PAGE, offset=(page - 1) * PER_PAGE)
        return self._timed(
            f"SELECT s.*, u.*, i.* FROM {ROWS} {where} {newest}",
            f"SELECT count(*) FROM submissions s {where}",
        )

    def statistics(self) -> float:
        return self._timed("SELECT status, count(*), avg(score) FROM submissions GROUP BY status")

    def searched(self, text: str) -> float:
        where = "WHERE " + " AND ".join(
            f"(u.name ILIKE '%{word}%' OR u.email ILIKE '%{word}%' OR i.title ILIKE '%{word}%')"
            for word in text.split()
        )
        newest = NEWEST.format(limit=PER_PAGE, offset=0)
        return self._timed(
            f"SELECT s.*, u.*, i.* FROM {ROWS} {where} {newest}", f"SELECT count(*) FROM {ROWS} {where}"
        )

    def _timed(self, *queries: str) -> float:
        """The queries one after the other."""
        run = "".join(f"{query};\n" for query in queries)
        said = self._run("\\o /dev/null\n\\timing on\n" + run * TIMES)
        times = [float(figure) for figure in re.findall(r"^Time: ([\d.]+) ms", said, re.MULTILINE)]
        return sum(median(times[which :: len(queries)]) for which in range(len(queries)))

    def _run(self, script: str) -> str:
        done = subprocess.run(self._psql, input=script, capture_output=True, text=True, check=True)
        return done.stdout


@contextmanager
def database() -> Iterator[Database | None]:
    """A server on loopback for as long as the block runs; None where PostgreSQL is not installed.

    It refuses to run as root, and is then run as `nobody`.
    """
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(binaries[-1]) if binaries else shutil.which("initdb")
    psql = shutil.which("psql")
    if not initdb or not psql:
        yield None
        return
    as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.getuid() == 0 else []
    with tempfile.TemporaryDirectory() as folder:
        if as_user:
            shutil.chown(folder, "nobody", "nogroup")
        port = str(free_port())
        data = str(Path(folder) / "data")
        subprocess.run(
            [*as_user, initdb, "-A", "trust", "-U", "bench", "-E", "UTF8", "--no-locale", data],
            cwd=folder,
            check=True,
            capture_output=True,
        )
        postgres = str(Path(initdb).resolve().parent / "postgres")
        options = ["listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", f"port={port}"]
        command = [*as_user, postgres, "-D", data]
        for option in options:
            command += ["-c", option]
        server = subprocess.Popen(
            [sys.executable, "-S", str(ROOT / "local" / "leash.py"), *command],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert server.stdin
        try:
            client = [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", port]
            client += ["-U", "bench", "-d", "postgres"]
            _await_answer(client)
            yield Database(client)
        finally:
            server.stdin.close()
            server.wait()


def _await_answer(psql: list[str]) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while subprocess.run([*psql, "-c", "SELECT 1"], capture_output=True).returncode:
        if time.monotonic() > deadline:
            raise TimeoutError("PostgreSQL does not start")
        time.sleep(0.1)
