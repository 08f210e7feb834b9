"""The stand-in for the bus, and `make events`."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import events
from local.aws import EVENTS_FILE, StandIn
from local.template import ROOT
from teaching.limits import EVENT_BYTES
from tests.server import environment


def entry(detail: str = '{"id":"1"}', **changes: Any) -> dict[str, Any]:
    made = {
        "Source": "teaching",
        "DetailType": "session.ended",
        "Time": 1771581600,
        "EventBusName": "EventsBus",
    }
    return {**made, "Detail": detail, **changes}


def put(stand_in: StandIn, *entries: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return stand_in.answer("AWSEvents.PutEvents", {"Entries": list(entries)})


def kept(folder: Path) -> list[Any]:
    return [json.loads(line) for line in (folder / EVENTS_FILE).read_text().splitlines()]


def test_events_are_kept_as_eventbridge_delivers_them(tmp_path: Path) -> None:
    status, answer = put(StandIn({}, tmp_path), entry(), entry('{"id":"2"}'))
    assert (status, answer["FailedEntryCount"]) == (200, 0)
    first, second = kept(tmp_path)
    assert [each["EventId"] for each in answer["Entries"]] == [first.pop("id"), second["id"]]
    assert first == {
        "version": "0",
        "detail-type": "session.ended",
        "source": "teaching",
        "account": "123456789012",
        "time": "2026-02-20T10:00:00Z",
        "region": "ap-southeast-3",
        "resources": [],
        "detail": {"id": "1"},
    }
    assert (tmp_path / EVENTS_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (entry("[]"), "MalformedDetail"),
        (entry("{"), "MalformedDetail"),
        (entry(EventBusName="RecordsQueue"), "EventBusNotFound"),
    ],
)
def test_an_entry_that_is_no_event_is_refused_alone(tmp_path: Path, bad: dict[str, Any], code: str) -> None:
    status, answer = put(StandIn({}, tmp_path), entry(), bad)
    assert (status, answer["FailedEntryCount"], answer["Entries"][1]["ErrorCode"]) == (200, 1, code)
    assert len(kept(tmp_path)) == 1


@pytest.mark.parametrize("entries", [[], [entry()] * 11, [entry(json.dumps({"a": "x" * EVENT_BYTES}))]])
def test_a_request_that_is_too_large_is_refused_whole(tmp_path: Path, entries: list[dict[str, Any]]) -> None:
    assert put(StandIn({}, tmp_path), *entries)[0] == 400
    assert not (tmp_path / EVENTS_FILE).exists()


@pytest.mark.parametrize("before", ["", '{"id": "whole"}\n', '{"id": "whole"}\n' * 9000])
def test_a_line_that_a_kill_cut_short_makes_no_other_unreadable(tmp_path: Path, before: str) -> None:
    (tmp_path / EVENTS_FILE).write_text(before + '{"id": "cut sh')
    stand_in = StandIn({}, tmp_path)
    put(stand_in, entry())
    put(stand_in, entry())
    assert len(kept(tmp_path)) == before.count("\n") + 2


def test_lines_are_followed_once_they_are_whole_also_in_another_file(tmp_path: Path) -> None:
    path = tmp_path / EVENTS_FILE

    def steps() -> Iterator[None]:
        yield
        path.write_text("1\n2")
        yield
        with path.open("a") as file:
            file.write("2\n3\n")
        yield
        path.unlink()
        yield
        path.write_text("4\n")
        yield

    todo = steps()
    followed = events.follow(path, lambda: next(todo))
    assert [next(followed) for _ in range(4)] == ["1\n", "22\n", "3\n", "4\n"]


def test_ctrl_c_ends_it_quietly(tmp_path: Path) -> None:
    (tmp_path / EVENTS_FILE).write_text('{"id": "é"}\n', encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "local.events"],
        cwd=ROOT,
        env=environment(tmp_path, 1),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout
    assert process.stdout.readline() == '{"id": "é"}\n'
    with (tmp_path / EVENTS_FILE).open("a") as file:
        file.write("more\n")
    assert process.stdout.readline() == "more\n"
    os.kill(process.pid, signal.SIGINT)
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0


def test_where_nothing_has_gone_out_it_says_what_it_waits_for(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "local.events"],
        cwd=ROOT,
        env=environment(tmp_path, 1),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert process.stderr
        assert process.stderr.readline() == (
            f"no events in {tmp_path} yet, those to come are shown: is `make start` running?\n"
        )
    finally:
        os.kill(process.pid, signal.SIGINT)
        assert process.communicate(timeout=20) == ("", "")
