import json
import re
import subprocess
import sys
import tracemalloc
import unicodedata
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.programme import programme, skewed_programme
from local import demo, examples
from local.demo import JAKARTA
from local.template import ROOT
from teaching.coaching.rules import Mark
from teaching.grading.rules import Grade
from teaching.limits import PER_PAGE

Record = dict[str, Any]

END = datetime(2026, 3, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 26, 7, 40, tzinfo=UTC)
"""A Thursday afternoon in Jakarta."""
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

DETAILS = examples.answer("get_submission")["data"]
LISTED = examples.answer("list_coachings")["data"]["data"][0]

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
    return programme(3000, seed=seed, burst=burst, end=END)


def today() -> list[Record]:
    return demo.records(NOW)


BOTH = pytest.mark.parametrize("lines", [today, small_programme], ids=["demo", "programme"])


@pytest.mark.parametrize(
    ("kind", "expected", "of_others"),
    [
        ("submission", DETAILS, {"user", "item"}),
        ("user", DETAILS["user"], set()),
        ("user", LISTED["asesor"], set()),
        ("item", DETAILS["item"], set()),
        ("session", LISTED, {"asesor"}),
    ],
)
def test_the_examples_of_the_spec_are_there_verbatim(
    kind: str, expected: Record, of_others: set[str]
) -> None:
    record = by_type(today())[kind][expected["id"]]
    told = {key: value for key, value in expected.items() if key not in of_others}
    assert json.dumps({key: record[key] for key in told}) == json.dumps(told)


def test_the_sessions_of_the_spec_can_be_started_and_ended_by_their_asesor() -> None:
    sessions = by_type(today())["session"]
    to_start = sessions["dae6ad3f-06e8-4f0f-9d1d-db43b0e12672"]
    assert to_start["meeting_url"].startswith("https://")
    assert "started_at" not in to_start
    to_end = sessions["c1f8a8a0-1234-4cde-9a12-abcdef123456"]
    assert (to_end["status"], to_end["asesor_id"]) == ("ongoing", demo.ASESOR.id)
    assert to_end["start_time"] <= "2026-11-26T07:40:00.000Z" < to_end["end_time"]
    assert to_end["started_at"] < to_end["end_time"]
    assert "ended_at" not in to_end


def test_the_people_of_the_tokens_are_users_of_the_demo() -> None:
    users = by_type(today())["user"]
    assert [person.role for person in demo.PEOPLE] == ["admin", "asesor", "participant"]
    for role, id_, name in demo.PEOPLE:
        assert (users[id_]["role"], users[id_]["name"]) == (role, name)


def test_the_demo_is_a_programme_of_plausible_size() -> None:
    found = by_type(today())
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
    present = "2026-11-26T07:40:00.000Z" if lines is today else "2026-03-01T00:00:00.000Z"
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


DAYS = pytest.mark.parametrize(
    "now",
    [
        NOW,
        datetime(2026, 11, 28, 23, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
        datetime(2028, 2, 29, 17, tzinfo=UTC),
    ],
    ids=lambda now: f"{now:%F}",
)


@DAYS
def test_it_is_the_same_for_a_day_but_for_what_is_under_way(now: datetime) -> None:
    morning = now.astimezone(JAKARTA).replace(hour=0)
    first, last = (demo.made(morning + timedelta(hours=hours)) for hours in (0, 23))
    assert first.requests == last.requests
    for one, other in zip(first.records, last.records, strict=True):
        assert one == other or one["data"]["status"] == "ongoing"


@DAYS
def test_it_is_as_it_would_be_today(now: datetime) -> None:
    found = by_type(demo.records(now))
    spec = {LISTED["id"], DETAILS["id"]}
    submissions = [row for id_, row in found["submission"].items() if id_ not in spec]
    ages = [now - datetime.fromisoformat(row["updated_at"]) for row in submissions]
    assert timedelta(0) < min(ages) < timedelta(days=3)
    assert max(ages) < timedelta(days=demo.DAYS + 1)
    sessions = [row for id_, row in found["session"].items() if id_ not in spec]
    nobody_ended: list[timedelta] = []
    for session in sessions:
        starts, ends = (datetime.fromisoformat(session[name]) for name in ("start_time", "end_time"))
        match session["status"]:
            case "completed":
                assert ends < now
            case "scheduled":
                assert now < starts
            case "ongoing" if ends <= now:
                nobody_ended.append(now - ends)
            case "ongoing":
                assert starts <= now < ends
    (overdue,) = nobody_ended
    assert overdue > timedelta(hours=12), "the schedule ends it at the first start"
    assert {row["status"] for row in sessions} == {"scheduled", "ongoing", "completed", "cancelled"}


@DAYS
def test_asesors_keep_office_hours(now: datetime) -> None:
    found = by_type(demo.records(now))
    times = [row["start_time"] for row in found["session"].values() if row["status"] != "ongoing"]
    times += [row["graded_at"] for row in found["submission"].values() if row["graded_by"]]
    for time in times:
        there = datetime.fromisoformat(time).astimezone(JAKARTA)
        assert (there.weekday() <= 4, 9 <= there.hour <= 16) == (True, True), there


def test_feedback_fits_the_task_and_the_score() -> None:
    found = by_type(today())
    told = yaml.safe_load((ROOT / "local" / "demo.yaml").read_text(encoding="utf-8"))
    bands: Counter[int] = Counter()
    for submission in found["submission"].values():
        if submission["status"] == "graded":
            category = found["item"][submission["item_id"]]["category"]
            band = (submission["score"] >= 70) + (submission["score"] >= 85)
            assert submission["feedback"] in told["feedbacks"][category][band]
            bands[band] += 1
    assert min(bands[band] for band in range(3)) > 20


def test_the_asesors_have_marked_of_every_kind_and_left_some_unmarked() -> None:
    made = demo.made(NOW)
    sessions = by_type(made.records)["session"]
    held = {id_ for id_, session in sessions.items() if session["status"] == "completed"}
    marks: dict[str, list[Record]] = defaultdict(list)
    for request in made.requests:
        if request.method == "PUT":
            session = request.path.split("/")[4]
            assert request.asesor_id == sessions[session]["asesor_id"]
            for mark in request.body["presences"]:
                assert mark["participant_id"] in sessions[session]["participant_ids"]
                assert Mark.model_validate(mark)
                marks[session].append(mark)
    assert marks.keys() == held
    for session, of_session in marks.items():
        assert {mark["status"] for mark in of_session} == {"present", "late", "absent", "excused"}
        assert len(of_session) < len(sessions[session]["participant_ids"])
        for mark in of_session:
            assert ("joined_at" in mark) is (mark["status"] in ("present", "late"))


def test_the_asesors_have_graded_some_anew() -> None:
    made = demo.made(NOW)
    submissions = by_type(made.records)["submission"]
    graded = [request for request in made.requests if request.method == "PATCH"]
    assert len(graded) == 3
    for request in graded:
        earlier = submissions[request.path.split("/")[4]]
        assert (earlier["status"], earlier["graded_by"]) == ("graded", request.asesor_id)
        assert Grade.model_validate(request.body).score >= earlier["score"]


def test_filters_find_something_and_lists_have_several_pages() -> None:
    found = by_type(today())
    asesor_of = {
        id_: user["participant_profile"]["asesor_id"]
        for id_, user in found["user"].items()
        if user["role"] == "participant"
    }
    of_participants = Counter(submission["user_id"] for submission in found["submission"].values())
    assert of_participants.keys() == asesor_of.keys()
    of_asesors = Counter(asesor_of[submission["user_id"]] for submission in found["submission"].values())
    assert min(of_asesors.values()) > 2 * PER_PAGE
    sessions = found["session"].values()
    assert len(sessions) > PER_PAGE
    own = [session for session in sessions if session["asesor_id"] == demo.ASESOR.id]
    assert {session["status"] for session in own} == {"scheduled", "ongoing", "completed", "cancelled"}
    assert {session["start_time"] < "2026-12-01" for session in own} == {True, False}


def test_what_belongs_to_a_participant_goes_together() -> None:
    told = yaml.safe_load((ROOT / "local" / "demo.yaml").read_text(encoding="utf-8"))
    businesses = {name: (business, city) for name, business, city in told["participants"]}
    found = by_type(today())
    for user in found["user"].values():
        if user["name"] in businesses:
            profile = user["participant_profile"]
            _, city = businesses[user["name"]]
            assert (profile["city"], profile["province"]) == (city, told["places"][city][0])
            assert user["email"].partition("@")[0].replace(".", "") in fold(user["name"])
    for submission in found["submission"].values():
        if "text" in submission["response_snapshot"]:
            business, _ = businesses[found["user"][submission["user_id"]]["name"]]
            assert business in submission["response_snapshot"]["text"]


def fold(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return plain.lower().replace(" ", "").replace("'", "")


@pytest.mark.parametrize("number", [0, 1, 49, 99, 1234])
def test_a_programme_has_as_many_submissions_as_asked_for(number: int) -> None:
    found = by_type(programme(number, seed=3, burst=True, end=END))
    assert len(found["submission"]) == number
    pairs = {(submission["user_id"], submission["item_id"]) for submission in found["submission"].values()}
    assert len(pairs) == number


def test_a_programme_grows_its_people_with_its_submissions() -> None:
    found = by_type(programme(10_000, seed=3, burst=False, end=END))
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
    for _ in programme(10_000, seed=3, burst=True, end=END):
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
    lines = list(skewed_programme(number, seed=3, end=END))
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
    before = demo.records(datetime.now(UTC))
    printed = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True).stdout
    # The hour may have turned meanwhile.
    assert [json.loads(line) for line in printed.splitlines()] in (before, demo.records(datetime.now(UTC)))
