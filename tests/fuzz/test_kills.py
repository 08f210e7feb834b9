"""`kill -9` of server and store amid load and grading: what was acknowledged is there, lists are exact."""

import threading
import time
import uuid
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from http.client import HTTPException
from pathlib import Path
from random import Random
from typing import Any

import pytest

from local.load import LoadError
from tests import support
from tests.fuzz.client import Client
from tests.fuzz.effort import SEED, TIMES
from tests.server import Server, kill_all, started

ROUNDS = 2 * TIMES
GRADERS = 3
GRADED_EACH = 4
AT_A_TIME = 5
LONGEST_ROUND = 120
ADMIN = ("admin", support.ADMIN)
ASESOR = ("asesor", support.ASESOR)


def made_id(seed: int, name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{seed} kill {name}"))


class Load:
    """Those who write, and what they were told is done."""

    def __init__(self, client: Client, seed: int, round_: int) -> None:
        self.client, self.seed, self.round = client, seed, round_
        self.loaded: set[str] = set()
        self.acknowledged: dict[str, list[Decimal]] = {}
        self.unsure: dict[str, set[Decimal]] = {}
        """Grades whose answer was lost, or told to come again."""
        self.marked: list[str] = []
        self.faults: list[Any] = []

    def load_records(self) -> None:
        number = 0
        while True:
            ids = [made_id(self.seed, f"{self.round} {number + more}") for more in range(AT_A_TIME)]
            self.client.load([("submission", submission(identity)) for identity in ids])
            self.loaded |= set(ids)
            number += AT_A_TIME

    def grade(self, grader: int) -> None:
        ids = graded_by(self.seed, grader)
        number = 0
        while True:
            identity, score = ids[number % len(ids)], Decimal(self.round * 10**6 + number)
            self.unsure.setdefault(identity, set()).add(score)
            path = f"/teaching/submissions/{identity}/grade"
            reply = self.client.ask("PATCH", path, ASESOR, {"score": int(score)})
            if reply.status == 200:
                self.unsure[identity].remove(score)
                self.acknowledged.setdefault(identity, []).append(score)
            elif reply.status < 500:
                self.faults.append(reply)
            number += 1

    def mark(self) -> None:
        while True:
            notes = f"{self.round} {len(self.marked)}"
            body = {"participant_id": support.PARTICIPANT, "status": "present", "feedback_notes": notes}
            path = f"/teaching/coachings/{support.SESSION}/presences"
            if self.client.ask("POST", path, ASESOR, body).status == 200:
                self.marked.append(notes)

    def await_progress(self, grades: int) -> None:
        """Until each of those who write was told of something, and graders of so many."""
        deadline = time.monotonic() + LONGEST_ROUND
        while not (self.loaded and self.marked and sum(map(len, self.acknowledged.values())) >= grades):
            assert time.monotonic() < deadline, self.faults
            time.sleep(0.01)

    def run(self, until: Callable[[], None]) -> None:
        """Until the server is gone."""
        jobs: list[Callable[[], None]] = [self.load_records, self.mark]
        jobs += [partial(self.grade, number) for number in range(GRADERS)]
        threads = [threading.Thread(target=self._while_served, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        until()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        assert self.faults == []

    def _while_served(self, job: Callable[[], None]) -> None:
        try:
            job()
        except (OSError, HTTPException, LoadError):
            return
        except Exception as fault:
            self.faults.append(fault)


def submission(identity: str) -> support.Data:
    return support.submission(id=identity, status="submitted", score=None)


def graded_by(seed: int, grader: int) -> list[str]:
    return [made_id(seed, f"graded {grader} {number}") for number in range(GRADED_EACH)]


def assert_kept(client: Client, load: Load, present: dict[str, Any]) -> None:
    """Of what was acknowledged nothing is lost, and what was not is done once or not at all."""
    assert load.loaded <= present.keys()
    for identity, scores in load.acknowledged.items():
        now = present[identity]["score"]
        assert now in (scores[-1], *load.unsure[identity])
        kept = [*client.past_scores(identity), now]
        assert len(kept) == len(set(kept))
        of_round = [score for score in kept if score >= load.round * 10**6]
        assert [score for score in of_round if score in scores] == scores
        assert set(of_round) - set(scores) <= load.unsure[identity]
    (row,) = client.ask("GET", f"/teaching/coachings/{support.SESSION}/presences", ASESOR).content["data"][
        "data"
    ]
    round_, _, number = row["feedback_notes"].partition(" ")
    assert int(round_) == load.round
    assert int(number) >= len(load.marked) - 1


def every_row(client: Client, caller: tuple[str, str]) -> dict[str, Any]:
    """By walking all pages, whose totals are right."""
    rows: list[Any] = []
    page: int | None = 1
    while page:
        content = client.ask("GET", f"/teaching/submissions?limit=100&page={page}", caller).content
        rows += content["data"]
        page = content["pagination"]["next_page"]
    assert content["pagination"]["total_items"] == len(rows)
    by_id = {row["id"]: row for row in rows}
    assert len(by_id) == len(rows)
    return by_id


def assert_exact(client: Client, present: dict[str, Any]) -> None:
    """Totals and statistics say what the rows do, whoever asks and however they filter."""
    graded = [row["score"] for row in present.values() if row["status"] == "graded"]
    for caller in (ADMIN, ASESOR):
        assert every_row(client, caller).keys() == present.keys()
        told = client.ask("GET", "/teaching/submissions/statistics", caller).content["data"]
        pending = len(present) - len(graded)
        assert told["submission_total"] == {
            "total": len(present),
            "pending": pending,
            "graded": len(graded),
        }
        assert abs(told["average_score"] - Decimal(sum(graded)) / max(1, len(graded))) <= Decimal("0.01")
        for status, number in (("graded", len(graded)), ("submitted", pending)):
            for more in ("", f"&material_item_id={support.ITEM}", f"&course_id={support.COURSE}"):
                query = f"?limit=1&page=2&status={status}{more}"
                content = client.ask("GET", f"/teaching/submissions{query}", caller).content
                assert content["pagination"]["total_items"] == number


@pytest.mark.parametrize("seed", [SEED], ids=lambda seed: f"seed={seed}")
def test_what_was_acknowledged_survives_every_kill(seed: int, tmp_path: Path) -> None:
    chance = Random(seed)
    (tmp_path / "demo-loaded").touch()
    load: Load | None = None
    for round_ in range(1, ROUNDS + 2):
        with started(tmp_path) as server:
            client = Client(server.url, tmp_path)
            client.drain()
            if load:
                present = every_row(client, ADMIN)
                assert_kept(client, load, present)
                assert_exact(client, present)
            else:
                first = [submission(each) for grader in range(GRADERS) for each in graded_by(seed, grader)]
                client.load([("user", support.person("asesor", support.ASESOR, "Budi Santoso"))])
                client.load([("user", support.participant()), ("item", support.item())])
                client.load([("session", support.session()), *(("submission", each) for each in first)])
            if round_ > ROUNDS:
                return
            load = Load(client, seed, round_)
            grades = chance.randrange(10, 60)

            def kill_amid(load: Load = load, grades: int = grades, server: Server = server) -> None:
                load.await_progress(grades)
                kill_all(server)

            load.run(kill_amid)
