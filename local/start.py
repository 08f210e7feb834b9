"""`make start`: the whole system on this machine, without AWS, Docker or an account.

`PARAMETERS="Name=value …"` are the template's, as for `make deploy`: with a `JwksUrl` it takes the tokens of
an identity provider, and makes none.
"""

import errno
import fcntl
import json
import os
import signal
import socket
import sqlite3
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any

from botocore.exceptions import BotoCoreError, ClientError

from local import aws, demo, npm, reference, settings, store, template, tokens
from local.functions import Functions
from local.gateway import Gateway
from local.load import progress_bar
from local.queues import Queue
from local.records import Intake
from local.schedule import Scheduler
from local.streams import Streams
from local.template import Template

_BATCH = 100
_AT_ONCE = 2
"""Requests of the demo; each at the same time needs a process of its own."""
_LONGEST_DRAIN = 600


class StartError(Exception):
    """The server can't start; the message is for the person at the terminal, and says what to do."""


@dataclass(frozen=True)
class System:
    """The running parts. `drain` waits until the streams have been applied, and what failed tried again.

    `token` makes one of a role and a user's id.
    """

    url: str
    token: Callable[[str, str], str]
    functions: Functions
    intake: Intake
    streams: Streams
    failed_changes: Queue

    def drain(self) -> None:
        self.streams.drain(_LONGEST_DRAIN)
        self.failed_changes.drain(_LONGEST_DRAIN)
        self.streams.drain(_LONGEST_DRAIN)

    def redrive(self) -> dict[str, Any]:
        """Has every failed change tried now: how many are healed, and what the others say."""
        before = {message.id for message in self.failed_changes.waiting()}
        self.failed_changes.redrive()
        self.failed_changes.drain(_LONGEST_DRAIN)
        remaining = self.failed_changes.waiting()
        healed = before.difference(message.id for message in remaining)
        return {"healed": len(healed), "remaining": [message.body for message in remaining]}


@contextmanager
def serve(
    facts: Template,
    endpoint: str,
    folder: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    checkpoints: bool = True,
    access_log: Callable[[str], None] | None = None,
) -> Iterator[System]:
    """Everything but the store and the schedules, on a free port unless one is given.

    `folder` keeps the token key, logs, rejected records and failed changes, and, for a store on
    disk, the streams' checkpoints. Raises `OSError` if the port is in use.
    """
    with ExitStack() as stack:

        def invoke(name: str, event: Any) -> Any:
            try:
                return functions.invoke(name, event)
            finally:
                streams.wake()

        sources = {source.queue: source for source in facts.queues}
        failed_changes = Queue(sources["FailedChanges"], invoke, folder=folder if checkpoints else None)
        stack.callback(failed_changes.stop)
        key = tokens.token_key(folder)
        stand_in = aws.StandIn(tokens.secret(facts, key), folder, [failed_changes])

        streams = Streams(
            facts.streams,
            endpoint,
            invoke,
            send=stand_in.send,
            folder=folder / "streams" if checkpoints else None,
        )

        def take(body: str) -> dict[str, Any]:
            return intake.accept(body.split("\n"))

        def drain(_: str) -> dict[str, bool]:
            try:
                system.drain()
            except TimeoutError:
                return {"drained": False}
            return {"drained": True}

        def redrive(_: str) -> dict[str, Any]:
            return system.redrive()

        def people(_: str) -> list[dict[str, str]]:
            return reference.people(facts, key)

        intake = Intake(sources["Records"], invoke, stand_in)
        calls = {"records": take, "drain": drain, "redrive": redrive, "people": people}
        gateway = Gateway(port, facts, invoke, stand_in, calls, access_log, host)
        stack.callback(gateway.server_close)
        functions = Functions(
            facts, aws.environment(endpoint, gateway.url), log=stack.enter_context(_log(folder, "functions"))
        )
        stack.callback(functions.close)
        threading.Thread(target=gateway.serve_forever, args=(0.1,), daemon=True).start()
        stack.callback(gateway.shutdown)
        system = System(
            gateway.url, partial(tokens.token, facts, key), functions, intake, streams, failed_changes
        )
        failed_changes.start()
        streams.start()
        stack.callback(streams.stop)
        yield system


@contextmanager
def _log(folder: Path, name: str) -> Iterator[IO[bytes]]:
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / f"{name}.log").open("ab") as log:
        yield log


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The folder for this process alone; the kernel lets go of it however the process ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise StartError(
            f"DATA_DIR={folder} cannot be used ({error.strerror}): name a folder that can be written"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(f"another server is using {folder}; stop it or set DATA_DIR") from None
        yield


def _check_address(host: str, port: int) -> None:
    """Before anything slow is started."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", error)
        if getattr(error, "errno", None) in (errno.EADDRINUSE, errno.EACCES):
            other = port + 1 if 1024 <= port < 65535 else 3000
            raise StartError(f"port {port}: {reason}; try PORT={other}") from None
        raise StartError(
            f"HOST={host} is no address of this machine ({reason}): leave it out, or HOST=0.0.0.0 for all"
        ) from None


def load_demo(system: System) -> None:
    """Sends the demo's records as `make load` does, then asks for what its asesors did. Raises `StartError`
    unless all of it was taken.
    """
    _say("Loading the demo")
    made = demo.made(datetime.now(UTC))
    lines = [json.dumps(record) for record in made.records]
    rejected = []
    with progress_bar() as progress:
        for start in progress.track(range(0, len(lines), _BATCH), description="demo"):
            rejected += system.intake.accept(lines[start : start + _BATCH])["rejected"]
    refused = [] if rejected else _refused(system, made.requests)
    for what, reasons in (("records", [row["reason"] for row in rejected]), ("requests", refused)):
        if reasons:
            raise StartError(
                f"{len(reasons)} {what} of the demo were rejected, the first: {reasons[0]}; "
                "make start loads it again"
            )


def _refused(system: System, requests: Sequence[demo.Request]) -> list[str]:
    """Sends the requests over HTTP as their asesors; why some were not taken, as a whole or in part."""

    def send(request: demo.Request) -> str | None:
        token = system.token("asesor", request.asesor_id)
        sent = urllib.request.Request(
            system.url + request.path,
            method=request.method,
            data=json.dumps(request.body).encode(),
            headers={"authorization": f"Bearer {token}"},
        )
        try:
            with urllib.request.urlopen(sent, timeout=60) as response:
                data = json.load(response)["data"]
            each = data if isinstance(data, list) else []
            failed = [answer for answer in each if not answer["status"]]
            return f"{request.method} {request.path}: {failed[0]}" if failed else None
        except (OSError, ValueError) as error:
            return f"{request.method} {request.path}: {error}"

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return [reason for reason in threads.map(send, requests) if reason]


def run(stack: ExitStack) -> None:
    """Starts everything, in an order that fails early, and says when it answers."""
    facts = template.read(**settings.parameters())
    folder, host, port = settings.data_dir(), settings.host(), settings.port()
    _check_address(host, port)
    stack.enter_context(locked(folder))
    _say(f"Starting the store (DynamoDB Local, in {folder})")
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    endpoint = stack.enter_context(store.dynamodb(folder / "dynamodb", log=logs / "store.log"))
    store.create_tables(endpoint, facts)
    try:
        npm.fetched(reference.SWAGGER_UI)
    except npm.NpmError as error:
        _say(f"No reference at /docs: {error}")
    loaded = folder / "demo-loaded"
    if not loaded.exists() and tokens.are_of_provider(facts):
        # With tokens of ours, for the provider's are not at hand.
        with serve(template.read(), endpoint, folder) as system:
            load_demo(system)
            system.drain()
        loaded.touch()
    access_log = _say if sys.stderr.isatty() else None
    system = stack.enter_context(serve(facts, endpoint, folder, host=host, port=port, access_log=access_log))
    if not loaded.exists():
        load_demo(system)
        system.drain()
        loaded.touch()
    system.drain()
    _write_sam_variables(folder, endpoint, system.url)
    _say_ready(facts, folder, system.url)
    scheduler = Scheduler(facts.schedules, system.functions.invoke)
    scheduler.start()
    stack.callback(scheduler.stop)


def _write_sam_variables(folder: Path, *endpoints: str) -> None:
    """What `sam local --env-vars` takes, so that functions in containers find this server and its store."""
    reached = [endpoint.replace("127.0.0.1", "host.docker.internal") for endpoint in endpoints]
    variables = {"Parameters": aws.endpoints(*reached)}
    (folder / "sam-local.json").write_text(json.dumps(variables, indent=2) + "\n")


def _say_ready(facts: Template, folder: Path, url: str) -> None:
    lines = [f"Ready: {url}", f"  reference: {url}/docs   logs: {folder / 'logs'}   stop: Ctrl-C", ""]
    if tokens.are_of_provider(facts):
        lines += [f"{person.name}, {person.role} ({person.id})" for person in demo.PEOPLE]
        lines += ["", "Tokens are those of your identity provider:", "TOKEN=…", ""]
        token = "$TOKEN"
    else:
        key = tokens.token_key(folder)
        made = {person.role: tokens.token(facts, key, person.role, person.id) for person in demo.PEOPLE}
        for person in demo.PEOPLE:
            lines += [
                f"{person.name}, {person.role} ({person.id}), token for {tokens.hours(facts):g} hours:",
                made[person.role],
                "",
            ]
        token = made["asesor"]
    bearer = f'-H "Authorization: Bearer {token}"'
    lines += [
        "Try:",
        f"curl -s '{url}/api/teaching/coachings?limit=3' {bearer}",
        f"curl -s '{url}/api/teaching/submissions/statistics' {bearer}",
    ]
    print("\n".join(lines), flush=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class _Ending:
    """The first Ctrl-C or SIGTERM interrupts; ending takes a moment, which no other may cut short."""

    def __init__(self) -> None:
        self._asked = False
        # Also in the background, where a shell makes its children deaf to Ctrl-C's signal.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: object) -> None:
        if not self._asked:
            self._asked = True
            raise KeyboardInterrupt

    def wait(self) -> None:
        """Ends also if the interrupt was lost on the way, in a finalizer say."""
        while not self._asked:
            time.sleep(1)


def main() -> int:
    # What is kept holds personal data: the data folder's files are their owner's alone.
    os.umask(0o077)
    ending = _Ending()
    try:
        with ExitStack() as stack:
            run(stack)
            ending.wait()
    except KeyboardInterrupt:
        _say("Stopped")
        return 0
    except (StartError, store.StoreError, settings.SettingsError) as error:
        _say(str(error))
    except (sqlite3.Error, BotoCoreError, ClientError) as error:
        _say(
            f"the data in {settings.data_dir()} cannot be used ({error}): "
            "move it away, or set DATA_DIR to another folder"
        )
    except OSError as error:
        _say(f"cannot go on: {error}; the logs are in {settings.data_dir() / 'logs'}")
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
