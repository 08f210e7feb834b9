import json
import re
import subprocess
import sys
import tracemalloc
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local import demo

Record = dict[str, Any]

END = datetime(2026, 3, 1, tzinfo=UTC)
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

# What the spec answers for these, cut to what the records say.
SPEC_SUBMISSION = """{
  "id": "ed6ea4de-c2bd-4eef-a11c-ecef14ea5c8e",
  "user_id": "54b509a1-cb72-463f-bd8f-a29779624fac",
  "item_id": "11111111-bbbb-4111-8111-111111111111",
  "score": 100,
  "response_snapshot": {
    "answers": [
      {
        "answer_id": "bbbbbbbb-1111-4111-8111-bbbbbbbbbbbb",
        "question_id": "aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa"
      }
    ],
    "category": "quiz"
  },
  "status": "submitted",
  "feedback": null,
  "graded_at": "2026-02-18T06:30:09.094Z",
  "graded_by": null,
  "submitted_at": "2026-02-18T06:30:09.094Z",
  "updated_at": "2026-02-18T06:30:09.102Z",
  "course_id": "fd2dbe2b-dabe-4cdd-b72a-9a5f3c8774e3"
}"""
SPEC_PARTICIPANT = """{
  "id": "54b509a1-cb72-463f-bd8f-a29779624fac",
  "name": "Siti Rahmawati",
  "email": "iqbalbtr@email.com",
  "profile": null,
  "participant_profile": {
    "id": "ac036d69-373c-4283-a7e6-827301d1cfc6",
    "clasification": "go_digital",
    "nik": "3201121509950003",
    "npwp": "123456789012345",
    "last_education": "Bachelor Degree",
    "stage": "regional",
    "start_year": 2018,
    "province": "Jawa Barat",
    "street": "Jl. Asia Afrika No. 45",
    "city": "Bandung",
    "postal_code": "40111",
    "source_joined": "Instagram",
    "asesor_id": "970d8099-2491-4fe6-9136-115560f10c77",
    "user_id": "54b509a1-cb72-463f-bd8f-a29779624fac",
    "created_at": "2026-02-18T06:17:20.043Z",
    "updated_at": "2026-02-18T06:57:16.207Z"
  }
}"""
SPEC_ASESOR = """{
  "id": "970d8099-2491-4fe6-9136-115560f10c77",
  "name": "Budi Santoso",
  "email": "asesor@email.com",
  "profile": null
}"""
SPEC_ITEM = """{
  "id": "11111111-bbbb-4111-8111-111111111111",
  "module_id": "11111111-1111-4111-8111-111111111111",
  "title": "Quiz Digital Dasar",
  "category": "quiz",
  "sequence": 2,
  "data": {
    "title": "Quiz Fundamental",
    "category": "quiz",
    "max_attempts": 1,
    "questions": [
      {
        "id": "aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa",
        "points": 100,
        "options": [
          {
            "id": "bbbbbbbb-1111-4111-8111-bbbbbbbbbbbb",
            "is_correct": true,
            "option_text": "Efisiensi operasional"
          },
          {
            "id": "cccccccc-1111-4111-8111-cccccccccccc",
            "is_correct": false,
            "option_text": "Menambah birokrasi"
          }
        ],
        "question_text": "Apa manfaat digitalisasi?"
      }
    ],
    "passing_score": 100,
    "time_limit_seconds": 600
  },
  "is_published": true,
  "created_at": "2026-02-15T13:42:23.377Z",
  "updated_at": "2026-02-19T11:58:34.068Z"
}"""
SPEC_SESSION = """{
  "id": "dae6ad3f-06e8-4f0f-9d1d-db43b0e12672",
  "title": "Coaching Go Digital Batch 1",
  "start_time": "2026-03-10T09:00:00.000Z",
  "end_time": "2026-03-10T11:00:00.000Z",
  "audience_type": "participant",
  "coaching_type": "classification",
  "stage": "regional",
  "status": "scheduled",
  "asesor_id": "970d8099-2491-4fe6-9136-115560f10c77",
  "participant_ids": ["54b509a1-cb72-463f-bd8f-a29779624fac"]
}"""

KEYS = {
    "user.saved": "id name email profile role participant_profile",
    "item.saved": "id module_id course_id title category sequence data is_published created_at updated_at",
    "session.saved": "id title start_time end_time audience_type coaching_type stage status asesor_id"
    " meeting_url participant_ids created_at updated_at",
    "submission.saved": "id user_id item_id course_id status score response_snapshot feedback"
    " submitted_at graded_at graded_by created_at updated_at",
}


def by_type(lines: Iterable[Record]) -> dict[str, dict[str, Record]]:
    """The data of every line by type and id."""
    found: dict[str, dict[str, Record]] = defaultdict(dict)
    for line in lines:
        found[line["type"].removesuffix(".saved")][line["data"]["id"]] = line["data"]
    return found


def ids(value: object) -> Iterator[str]:
    """Every `id` however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "id":
                yield inner
            yield from ids(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from ids(inner)


def small_programme(*, burst: bool = True, seed: int = 7) -> Iterator[Record]:
    return demo.programme(3000, seed=seed, burst=burst, end=END)


BOTH = pytest.mark.parametrize("lines", [demo.records, small_programme], ids=["demo", "programme"])


@pytest.mark.parametrize(
    ("kind", "literal"),
    [
        ("submission", SPEC_SUBMISSION),
        ("user", SPEC_PARTICIPANT),
        ("user", SPEC_ASESOR),
        ("item", SPEC_ITEM),
        ("session", SPEC_SESSION),
    ],
)
def test_the_examples_of_the_spec_are_there_verbatim(kind: str, literal: str) -> None:
    expected = json.loads(literal)
    record = by_type(demo.records())[kind][expected["id"]]
    assert json.dumps({key: record[key] for key in expected}) == json.dumps(expected)


def test_the_sessions_of_the_spec_can_be_started_and_ended_by_their_asesor() -> None:
    sessions = by_type(demo.records())["session"]
    to_start = sessions["dae6ad3f-06e8-4f0f-9d1d-db43b0e12672"]
    assert to_start["meeting_url"].startswith("https://")
    assert "started_at" not in to_start
    to_end = sessions["c1f8a8a0-1234-4cde-9a12-abcdef123456"]
    assert (to_end["status"], to_end["asesor_id"]) == ("ongoing", demo.ASESOR.id)
    assert to_end["started_at"] < "2026-02-20T11:00:00.000Z"
    assert "ended_at" not in to_end


def test_the_people_of_the_tokens_are_users_of_the_demo() -> None:
    users = by_type(demo.records())["user"]
    assert [person.role for person in demo.PEOPLE] == ["admin", "asesor", "participant"]
    for role, id_, name in demo.PEOPLE:
        assert (users[id_]["role"], users[id_]["name"]) == (role, name)


def test_the_demo_is_a_programme_of_plausible_size() -> None:
    found = by_type(demo.records())
    roles = Counter(user["role"] for user in found["user"].values())
    assert roles["asesor"] == 6
    assert 60 <= roles["participant"] <= 80
    assert len({item["course_id"] for item in found["item"].values()}) == 5
    assert len(found["item"]) == 30
    assert len({user["name"] for user in found["user"].values()}) == len(found["user"])
    statuses = Counter(submission["status"] for submission in found["submission"].values())
    assert 300 <= statuses.total() <= 500
    assert min(statuses[status] for status in ("in_progress", "submitted", "graded")) >= 20
    statuses = Counter(session["status"] for session in found["session"].values())
    assert 35 <= statuses.total() <= 45
    assert statuses.keys() == {"scheduled", "ongoing", "completed", "cancelled"}


@BOTH
def test_same_seed_same_lines(lines: Any) -> None:
    assert list(lines()) == list(lines())


def test_another_seed_other_ids() -> None:
    kinds = zip(
        by_type(small_programme(seed=1)).values(), by_type(small_programme(seed=2)).values(), strict=True
    )
    for one, other in kinds:
        assert not one.keys() & other.keys()


@BOTH
def test_lines_have_exactly_the_keys_of_their_type(lines: Any) -> None:
    for line in lines():
        assert line.keys() == {"type", "data"}
        assert (line["data"].keys() - {"started_at", "ended_at"}) == set(KEYS[line["type"]].split())


@BOTH
def test_ids_are_canonical_and_unique(lines: Any) -> None:
    found = list(ids(list(lines())))
    assert len(found) > 500
    assert all(UUID4.fullmatch(id_) for id_ in found)
    assert len(set(found)) == len(found)


@BOTH
def test_emails_are_unique_and_plain(lines: Any) -> None:
    emails = [user["email"] for user in by_type(lines())["user"].values()]
    assert len(set(emails)) == len(emails)
    assert all(re.fullmatch(r"[a-z0-9.]+@[a-z.]+", email) for email in emails)


@BOTH
def test_what_is_referred_to_comes_first(lines: Any) -> None:
    seen: dict[str, Record] = {}

    def role(id_: str) -> str:
        return str(seen[id_]["role"])

    for line in lines():
        data = line["data"]
        match line["type"]:
            case "user.saved" if data["role"] == "participant":
                assert data["participant_profile"]["user_id"] == data["id"]
                assert role(data["participant_profile"]["asesor_id"]) == "asesor"
            case "user.saved":
                assert data["participant_profile"] is None
            case "session.saved":
                assert role(data["asesor_id"]) == "asesor"
                roster = data["participant_ids"]
                assert len(set(roster)) == len(roster)
                for id_ in roster:
                    assert seen[id_]["participant_profile"]["asesor_id"] == data["asesor_id"]
            case "submission.saved":
                assert role(data["user_id"]) == "participant"
                assert seen[data["item_id"]]["course_id"] == data["course_id"]
        seen[data["id"]] = data


@BOTH
def test_answers_are_options_of_the_quiz_and_carry_its_score(lines: Any) -> None:
    found = by_type(lines())
    for submission in found["submission"].values():
        item = found["item"][submission["item_id"]]
        snapshot = submission["response_snapshot"]
        assert snapshot["category"] == item["category"]
        if item["category"] != "quiz":
            continue
        questions = {question["id"]: question for question in item["data"]["questions"]}
        points = 0
        for answer in snapshot["answers"]:
            question = questions[answer["question_id"]]
            options = {option["id"]: option["is_correct"] for option in question["options"]}
            points += question["points"] * options[answer["answer_id"]]
        if submission["status"] == "submitted":
            assert len(snapshot["answers"]) == len(questions)
            assert submission["score"] == points


@BOTH
def test_submissions_say_what_their_status_means(lines: Any) -> None:
    found = by_type(lines())
    for submission in found["submission"].values():
        is_quiz = found["item"][submission["item_id"]]["category"] == "quiz"
        asesor_id = found["user"][submission["user_id"]]["participant_profile"]["asesor_id"]
        match submission["status"]:
            case "in_progress":
                unset = ("score", "feedback", "submitted_at", "graded_at", "graded_by")
                assert [submission[key] for key in unset] == [None] * 5
            case "submitted" if is_quiz:
                assert submission["graded_at"] == submission["submitted_at"]
                assert submission["graded_by"] is None
            case "submitted":
                assert [submission[key] for key in ("score", "graded_at", "graded_by")] == [None] * 3
            case "graded":
                assert submission["graded_by"] == asesor_id
                assert submission["feedback"]
                assert 0 <= submission["score"] <= 100


@BOTH
def test_times_are_canonical_and_in_order(lines: Any) -> None:
    found = by_type(lines())
    present = "2026-02-20T10:00:00.000Z" if lines is demo.records else "2026-03-01T00:00:00.000Z"
    for submission in found["submission"].values():
        item = found["item"][submission["item_id"]]
        profile = found["user"][submission["user_id"]]["participant_profile"]
        times = [submission[key] for key in ("created_at", "submitted_at", "graded_at", "updated_at")]
        times = [time for time in times if time is not None]
        assert all(TIME.fullmatch(time) for time in times)
        assert times == sorted(times)
        assert max(item["created_at"], profile["created_at"]) <= times[0]
        assert times[-1] <= present
    for session in found["session"].values():
        keys = ["created_at", "started_at", "ended_at", "updated_at"]
        times = [session[key] for key in keys if key in session]
        assert times == sorted(times)
        assert session["start_time"] < session["end_time"]
        assert times[-1] <= present
        happened = {"ongoing": {"started_at"}, "completed": {"started_at", "ended_at"}}
        assert session.keys() & {"started_at", "ended_at"} == happened.get(session["status"], set())


@pytest.mark.parametrize("number", [0, 1, 49, 99, 1234])
def test_a_programme_has_as_many_submissions_as_asked_for(number: int) -> None:
    found = by_type(demo.programme(number, seed=3, burst=True, end=END))
    assert len(found["submission"]) == number
    pairs = {(submission["user_id"], submission["item_id"]) for submission in found["submission"].values()}
    assert len(pairs) == number


def test_a_programme_grows_its_people_with_its_submissions() -> None:
    found = by_type(demo.programme(10_000, seed=3, burst=False, end=END))
    assert Counter(user["role"] for user in found["user"].values()) == {
        "admin": 1,
        "asesor": 4,
        "participant": 200,
    }
    assert len(found["item"]) == 100
    statuses = Counter(submission["status"] for submission in found["submission"].values())
    shares = [round(statuses[status] / 10_000, 1) for status in ("graded", "submitted", "in_progress")]
    assert shares == [0.6, 0.3, 0.1]


def test_a_programme_is_made_while_it_is_read() -> None:
    tracemalloc.start()
    for _ in demo.programme(10_000, seed=3, burst=True, end=END):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Kept, the submissions take over 10 MB.
    assert peak < 2_000_000


def listed_times(lines: Iterable[Record]) -> list[datetime]:
    """When each was handed in or, in progress, begun."""
    rows = by_type(lines)["submission"].values()
    return [datetime.fromisoformat(row["submitted_at"] or row["created_at"]) for row in rows]


def test_a_burst_is_three_tenths_within_two_hours() -> None:
    times = listed_times(small_programme(burst=True))
    assert times == sorted(times)
    fullest = max(bisect_right(times, time + timedelta(hours=2)) - n for n, time in enumerate(times))
    assert 900 <= fullest <= 910


def test_without_a_burst_every_month_has_its_share() -> None:
    times = listed_times(small_programme(burst=False))
    assert times == sorted(times)
    months = Counter((time.year, time.month) for time in times)
    assert len(months) == 24
    assert min(months.values()) > 100
    assert max(months.values()) < 150


def test_a_skewed_programme_is_as_uneven_as_life_is() -> None:
    number = 20_000
    lines = list(demo.skewed_programme(number, seed=3, end=END))
    found = by_type(lines)
    submissions = found["submission"].values()
    assert len(submissions) == number

    of_items = Counter(submission["item_id"] for submission in submissions)
    (_, popular), *_ = of_items.most_common(1)
    assert popular / number == pytest.approx(0.3, abs=0.02)
    courses: dict[str, set[str]] = {item: set() for item in of_items}
    for submission in submissions:
        courses[submission["item_id"]].add(submission["course_id"])
    (shared,) = (item for item, used_by in courses.items() if len(used_by) > 1)
    assert len(courses[shared]) == 10
    assert of_items[shared] / number == pytest.approx(0.05, abs=0.01)

    asesors = {
        user["id"]: user["participant_profile"]["asesor_id"]
        for user in found["user"].values()
        if user["participant_profile"]
    }
    of_asesors = Counter(asesors[submission["user_id"]] for submission in submissions)
    (_, favoured), *_ = of_asesors.most_common(1)
    assert favoured / number == pytest.approx(0.2, abs=0.02)

    hours = Counter(
        time.replace(minute=0, second=0, microsecond=0)
        for time in listed_times([line for line in lines if line["type"] == "submission.saved"])
    )
    assert sum(rows for _, rows in hours.most_common(48)) / number == pytest.approx(0.6, abs=0.03)


def test_the_command_prints_the_records() -> None:
    command = [sys.executable, "-m", "local.demo"]
    root = Path(__file__).parents[2]
    printed = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True).stdout
    assert [json.loads(line) for line in printed.splitlines()] == list(demo.records())
