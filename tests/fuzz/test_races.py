"""Many who change the same thing at once over HTTP: one row, one transition, nothing replaced is lost."""

import uuid
from collections import Counter
from decimal import Decimal

import pytest

from tests import support
from tests.fuzz import described
from tests.fuzz.client import Client, Reply
from tests.fuzz.effort import SEED, TIMES

AT_ONCE = 20
ROUNDS = 2 * TIMES
ADMIN = ("admin", support.ADMIN)
ASESOR = ("asesor", support.ASESOR)


@pytest.fixture(params=range(ROUNDS))
def round_of(request: pytest.FixtureRequest, client: Client) -> str:
    """The name of a round of its own, with people, and a session and a submission by its name."""
    name = f"{SEED} race {request.node.name}"
    client.load(
        [
            ("user", support.person("asesor", support.ASESOR, "Budi Santoso")),
            ("user", support.participant()),
            ("item", support.item()),
            ("session", support.session(id=made_id(name), end_time=support.STILL_TO_COME)),
            ("submission", support.submission(id=made_id(name), status="submitted", score=None)),
        ]
    )
    return name


def made_id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def described_alone(operation: str, replies: list[Reply]) -> Counter[int]:
    """The statuses, when the document describes all of the answers; 503 asks to come again."""
    for reply in replies:
        assert described.fault(operation, reply.status, reply.headers, reply.content) is None
        assert reply.status < 500 or reply.status == 503, reply
    return Counter(reply.status for reply in replies)


def test_grades_at_once_are_all_kept(round_of: str, client: Client) -> None:
    identity = made_id(round_of)
    path = f"/teaching/submissions/{identity}/grade"

    def grade(number: int) -> Reply:
        return client.ask("PATCH", path, (ASESOR, ADMIN)[number % 2], {"score": number})

    replies = support.race(AT_ONCE, grade)
    assert described_alone("grade_submission", replies)[200] >= AT_ONCE // 2
    given = sorted(reply.content["data"]["score"] for reply in replies if reply.status == 200)
    assert len(given) == len(set(given))
    present = client.ask("GET", f"/teaching/submissions/{identity}", ADMIN).content["data"]["score"]
    assert sorted([*client.past_scores(identity), Decimal(present)]) == given


def test_the_same_grade_at_once_is_one(round_of: str, client: Client) -> None:
    identity = made_id(round_of)
    path = f"/teaching/submissions/{identity}/grade"
    replies = support.race(AT_ONCE, lambda _: client.ask("PATCH", path, ASESOR, {"score": 9}))
    assert described_alone("grade_submission", replies)[200] >= AT_ONCE // 2
    told = [reply.content["data"] for reply in replies if reply.status == 200]
    assert all(each == told[0] for each in told)
    assert client.past_scores(identity) == []


def test_marks_at_once_are_one_row(round_of: str, client: Client) -> None:
    path = f"/teaching/coachings/{made_id(round_of)}/presences"

    def mark(number: int) -> Reply:
        status = ("present", "late", "absent", "excused")[number % 4]
        body = {"participant_id": support.PARTICIPANT, "status": status, "feedback_notes": str(number)}
        return client.ask("POST", path, ASESOR, body)

    replies = support.race(AT_ONCE, mark)
    assert described_alone("mark_presence", replies)[200] >= AT_ONCE // 2
    told = [reply.content["data"] for reply in replies if reply.status == 200]
    assert len({(each["id"], each["created_at"]) for each in told}) == 1
    assert len({each["first_joined_at"] for each in told} - {None}) == 1
    (row,) = client.ask("GET", path, ASESOR).content["data"]["data"]
    assert (row["id"], row["created_at"]) == (told[0]["id"], told[0]["created_at"])
    kept = {name: row[name] for name in ("status", "feedback_notes", "joined_at", "updated_at")}
    assert kept in [{name: each[name] for name in kept} for each in told]


def test_starts_and_ends_at_once_are_one_transition_each(round_of: str, client: Client) -> None:
    path = f"/teaching/coachings/{made_id(round_of)}"

    def move(number: int) -> tuple[str, Reply]:
        operation = ("start", "end")[number % 2]
        return operation, client.ask("POST", f"{path}/{operation}", ASESOR)

    moved = [("start", client.ask("POST", f"{path}/start", ASESOR))]
    moved += support.race(AT_ONCE, move)
    starts = [reply for operation, reply in moved if operation == "start"]
    ends = [reply for operation, reply in moved if operation == "end"]
    assert set(described_alone("start_coaching", starts)) <= {302, 400, 503}
    assert set(described_alone("end_coaching", ends)) <= {200, 400, 503}
    assert Counter(reply.status for reply in ends)[200] == 1
    assert {reply.headers["location"] for reply in starts if reply.status == 302} == {
        support.session()["meeting_url"]
    }
    assert client.ask("POST", f"{path}/start", ASESOR).status == 400


def test_starts_at_once_are_all_sent_to_the_meeting(round_of: str, client: Client) -> None:
    path = f"/teaching/coachings/{made_id(round_of)}/start"
    before = client.version(made_id(round_of))
    replies = support.race(AT_ONCE, lambda _: client.ask("POST", path, ASESOR))
    assert described_alone("start_coaching", replies)[302] >= AT_ONCE // 2
    assert client.version(made_id(round_of)) == before + 1
