"""An asesor's whole day over HTTP: gateway, worker processes, DynamoDB Local, streams; the demo's data."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local import demo, start, tokens
from local import store as local_store
from local.template import Template

SESSION, SUBMISSION = demo.SPEC_SESSION["id"], demo.SPEC_SUBMISSION["id"]
SECONDS_TO_FOLLOW = 60


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True)
class Api:
    """The API as one caller sees it."""

    url: str
    token: str

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any, Any]:
        """Status, headers, parsed body."""
        request = urllib.request.Request(
            f"{self.url}/api{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=30) as answer:
                return answer.status, answer.headers, json.loads(answer.read() or "null")
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.headers, json.loads(answer.read() or "null")


@pytest.fixture(scope="module")
def callers(facts: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Api]]:
    folder: Path = tmp_path_factory.mktemp("day")
    with local_store.dynamodb() as endpoint:
        local_store.create_tables(endpoint, facts)
        with start.serve(facts, endpoint, folder, checkpoints=False) as system:
            start.load_demo(system)
            system.drain()
            key = tokens.token_key(folder)
            yield {
                person.role: Api(system.url, tokens.token(facts, key, person.role, person.id))
                for person in demo.PEOPLE
            }


def test_the_day(callers: dict[str, Api]) -> None:
    api = callers["asesor"]

    status, _, sessions = api("GET", "/teaching/coachings?search=go+digital+batch+1")
    assert (status, sessions["data"]["data"][0]["id"]) == (200, SESSION)
    assert sessions["data"]["data"][0]["status"] == "scheduled"

    status, headers, content = api("POST", f"/teaching/coachings/{SESSION}/start")
    assert (status, headers["location"], content) == (302, demo.SPEC_SESSION["meeting_url"], None)

    mark = {"participant_id": demo.PARTICIPANT.id, "status": "present"}
    status, _, marked = api("POST", f"/teaching/coachings/{SESSION}/presences", mark)
    assert (status, marked["data"]["status"]) == (200, "present")
    for role, path in (("asesor", "teaching"), ("admin", "learning"), ("participant", "learning")):
        _, _, roster = callers[role]("GET", f"/{path}/coachings/{SESSION}/presences")
        assert [row["id"] for row in roster["data"]["data"]] == [marked["data"]["id"]]

    status, _, ended = api("POST", f"/teaching/coachings/{SESSION}/end")
    assert (status, ended["data"]["status"]) == (200, "completed")
    assert api("POST", f"/teaching/coachings/{SESSION}/start")[0] == 400

    status, _, listed = api("GET", f"/teaching/submissions?material_item_id={demo.SPEC_ITEM['id']}")
    assert SUBMISSION in [row["id"] for row in listed["data"]]
    status, _, details = api("GET", f"/teaching/submissions/{SUBMISSION}")
    assert details["data"]["user"]["participant_profile"]["nik"] == "3201121509950003"

    _, _, before = api("GET", "/teaching/submissions/statistics")
    grade = {"score": 90, "feedback": "Ok mantep"}
    status, _, graded = api("PATCH", f"/teaching/submissions/{SUBMISSION}/grade", grade)
    assert (status, graded["message"], graded["data"]["score"]) == (200, "Grading successful", 90)
    expected = {
        "total": before["data"]["submission_total"]["total"],
        "pending": before["data"]["submission_total"]["pending"] - 1,
        "graded": before["data"]["submission_total"]["graded"] + 1,
    }
    patience = time.monotonic() + SECONDS_TO_FOLLOW
    while api("GET", "/teaching/submissions/statistics")[2]["data"]["submission_total"] != expected:
        assert time.monotonic() < patience, "the statistics do not follow the grade"
        time.sleep(0.05)


def test_every_page_of_every_list_together_holds_each_row_once(callers: dict[str, Api]) -> None:
    for role in ("admin", "asesor"):
        for path, within in (("/teaching/submissions?limit=7", False), ("/teaching/coachings?limit=7", True)):
            ids: list[str] = []
            page: int | None = 1
            while page:
                _, _, content = callers[role]("GET", f"{path}&page={page}")
                content = content["data"] if within else content
                ids += [row["id"] for row in content["data"]]
                page = content["pagination"]["next_page"]
            assert len(ids) == len(set(ids)) == content["pagination"]["total_items"]


def test_an_unknown_path_and_a_missing_token(callers: dict[str, Api]) -> None:
    assert callers["admin"]("GET", "/nowhere")[::2] == (404, {"errors": ["Not found"], "status": False})
    stranger = Api(callers["admin"].url, "")
    assert stranger("GET", "/teaching/coachings")[::2] == (401, {"errors": ["Unauthorized"], "status": False})
