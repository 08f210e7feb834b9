"""The events of a whole day, over the server as a user has it, which is killed in the middle of it."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import chain
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

from local import asyncapi
from local.aws import EVENTS_FILE
from tests import support
from tests.fuzz.client import Client
from tests.server import kill_all, started

ASESOR = ("asesor", support.ASESOR)
SESSIONS = [support.new_id() for _ in range(3)]
PARTICIPANTS = [support.PARTICIPANT, *(support.new_id() for _ in range(7))]
SUBMISSIONS = [support.new_id() for _ in range(20)]
KILLED_AFTER = 40
"""Requests that are answered."""
LONGEST = 120


def day() -> Iterator[tuple[str, str, Any, str]]:
    """Requests (method, path, body), and what each is about, as events name it."""
    for number, session in enumerate(SESSIONS):
        path = f"/teaching/coachings/{session}"
        yield "POST", f"{path}/start", None, session
        for status, participant in chain.from_iterable(
            zip(("late", "present"), (each, each), strict=True) for each in PARTICIPANTS
        ):
            mark = {"participant_id": participant, "status": status}
            yield "POST", f"{path}/presences", mark, f"{session}#{participant}"
        for score, submission in enumerate(SUBMISSIONS[number::2]):
            yield "PATCH", f"/teaching/submissions/{submission}/grade", {"score": score}, submission
        yield "POST", f"{path}/end", None, session


@dataclass
class Done:
    """What was answered."""

    last: dict[str, Any] = field(default_factory=dict)
    """The data of the last answer, by what it is about."""
    number: int = 0
    fault: Any = None

    def work(self, client: Client, todo: list[tuple[str, str, Any, str]]) -> None:
        """Asks until nothing is left or the server is gone. What was not answered, or with 503, is asked
        again.
        """
        again = True
        until = time.monotonic() + LONGEST
        while todo:
            method, path, body, name = todo[0]
            try:
                reply = client.ask(method, path, ASESOR, body)
            except (OSError, HTTPException):
                return
            if reply.status == 503 and time.monotonic() < until:
                again = True
                time.sleep(0.1)
                continue
            ended_before = again and reply.status == 400 and path.endswith("/end")
            if reply.status not in (200, 302) and not ended_before:
                self.fault = reply
                return
            if reply.status == 200:
                self.last[name] = reply.content["data"]
            todo.pop(0)
            self.number += 1
            again = False


def load(client: Client) -> None:
    client.load([("user", support.person("asesor", support.ASESOR, "Budi Santoso"))])
    client.load([("user", support.participant(each)) for each in PARTICIPANTS])
    client.load([("item", support.item())])
    sessions = {"participant_ids": PARTICIPANTS, "end_time": support.STILL_TO_COME}
    client.load([("session", support.session(id=each, **sessions)) for each in SESSIONS])
    client.load([("submission", support.submission(id=each)) for each in SUBMISSIONS])


def test_nothing_is_missing_and_only_the_very_same_events_come_twice(tmp_path: Path) -> None:
    (tmp_path / "demo-loaded").touch()
    done, todo = Done(), list(day())
    with started(tmp_path) as server:
        client = Client(server.url, tmp_path)
        load(client)
        worker = threading.Thread(target=done.work, args=(client, todo))
        worker.start()
        deadline = time.monotonic() + LONGEST
        while done.number < KILLED_AFTER and worker.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        kill_all(server)
        worker.join(LONGEST)
        assert (done.fault, bool(todo)) == (None, True)
    before = (tmp_path / EVENTS_FILE).read_text().count("\n")
    assert before
    with started(tmp_path) as server:
        client = Client(server.url, tmp_path)
        done.work(client, todo)
        # Names that come in go through all that was told, and tell nothing themselves.
        client.load(
            [("user", support.participant(each, "Aminah", updated_at=LATER)) for each in PARTICIPANTS]
        )
        client.drain()
    assert (done.fault, todo) == (None, [])
    events = [json.loads(line) for line in (tmp_path / EVENTS_FILE).read_text().splitlines()]
    assert len(events) > before
    assert_complete(events, done)
    assert_as_described(events)


LATER = "2026-03-01T00:00:00.000Z"


def assert_complete(events: list[Any], done: Done) -> None:
    of: dict[str, list[Any]] = {}
    known: dict[str, Any] = {}
    for event in events:
        detail = dict(event["detail"])
        kind = event["detail-type"]
        name = (
            f"{detail['session_id']}#{detail['participant_id']}"
            if kind == "presence.marked"
            else detail["id"]
        )
        same = known.setdefault(detail.pop("event_id"), (kind, name, detail["version"]))
        assert same == (kind, name, detail["version"])
        of.setdefault(name, []).append((detail.pop("version"), kind, detail))
    assert of.keys() == {name for *_, name in day()}
    for name, told in of.items():
        versions = [version for version, *_ in told]
        assert versions == sorted(versions)
        # Its start and its end, unless the end has overtaken the start.
        assert len({kind for _, kind, _ in told}) == (len(set(versions)) if name in SESSIONS else 1)
        *_, (_, _, detail) = told
        if name in done.last:
            assert detail == done.last[name]
    assert all(of[session][-1][1] == "session.ended" for session in SESSIONS)
    assert len(known) >= len({name for *_, name in day()})


def assert_as_described(events: list[Any]) -> None:
    document = asyncapi.document()
    messages = {
        message["name"]: message["payload"] for message in document["components"]["messages"].values()
    }
    for event in events:
        schema = messages[event["detail-type"]] | {"components": document["components"]}
        assert [error.message for error in Draft7Validator(schema).iter_errors(event)] == []
