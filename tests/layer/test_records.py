import json
from collections.abc import Callable
from typing import Any

import pytest

from teaching.errors import Malformed
from teaching.records_queue import record_of
from tests.support import ASESOR, PARTICIPANT, item, message, participant, person, session, submission

pytestmark = pytest.mark.usefixtures("no_network")


def reason(kind: str, data: Any) -> str:
    with pytest.raises(Malformed) as error:
        record_of(message(kind, data)["body"])
    return str(error.value)


def profile(**changes: Any) -> Any:
    data = participant()
    return data | {"participant_profile": data["participant_profile"] | changes}


def nested(deep: int) -> Any:
    """Lists and objects within one another."""
    value: Any = []
    for level in range(deep - 1):
        value = [value] if level % 2 else {"a": value, "b": 1}
    return value


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("user", participant()),
        ("user", person("admin", ASESOR, "Ratna")),
        ("user", person("asesor", ASESOR, "Budi", profile={"photo": [1, 2.5, None]})),
        ("user", profile(asesor_id=None, npwp=None, start_year=None)),
        ("item", item()),
        ("item", item(data=None)),
        ("item", item(data=[], sequence=0, is_published=False)),
        ("session", session()),
        ("session", session(meeting_url=None, participant_ids=[])),
        (
            "session",
            session(status="completed", started_at="2026-03-10T09:00:00Z", ended_at="2026-03-10T11:00:00Z"),
        ),
        ("submission", submission()),
        ("submission", submission(status="in_progress", submitted_at=None, score=None, graded_at=None)),
        ("submission", submission(status="graded", score=0, graded_by=ASESOR)),
        ("submission", submission(score=90.5)),
        ("user", participant() | {"profile": "x" * 4094}),
        ("user", participant() | {"profile": nested(64)}),
        ("user", participant() | {"profile": [1.7976931348623157e308, -(10**308)]}),
        ("user", profile(nik="é" * 1000)),
        ("item", item(data="é" * (75 * 1024 - 1))),
        ("submission", submission(response_snapshot="x" * (150 * 1024 - 2), feedback="\U0001f600" * 10_000)),
        ("session", session(participant_ids=[PARTICIPANT] * 5000)),
    ],
)
def test_a_record_of_each_type_is_accepted(kind: str, data: Any) -> None:
    assert record_of(message(kind, data)["body"]).id == data["id"]


@pytest.mark.parametrize(
    ("kind", "data", "why"),
    [
        ("user", None, "must be an object"),
        ("user", [], "must be an object"),
        ("user", participant() | {"id": "7"}, "id: must be a lower-case UUID"),
        ("user", participant() | {"name": ""}, "name: must be at least 1 characters"),
        ("user", participant() | {"name": "x" * 501}, "name: must be at most 500 characters"),
        ("user", participant() | {"name": 7}, "name: must be text"),
        ("user", participant() | {"role": "root"}, "role: must be admin, asesor or participant"),
        ("user", participant() | {"nickname": "Siti"}, "nickname: is not a known field"),
        ("user", profile(updated_at="yesterday"), "participant_profile.updated_at: must be an ISO date"),
        ("user", profile(nik=3201121509950003), "participant_profile.nik: must be text"),
        ("item", item(title=None), "title: must be text"),
        ("item", item(sequence="2"), "sequence: must be a whole number"),
        ("item", item(sequence=True), "sequence: must be a whole number"),
        ("item", item(is_published=1), "is_published: must be true or false"),
        ("item", item(updated_at="2026-02-19T11:58:34"), "updated_at: must be an ISO date"),
        ("session", session(status="open"), "status: must be scheduled, ongoing, completed or cancelled"),
        ("session", session(meeting_url="http://meet.example.com"), "meeting_url: must be an https address"),
        ("session", session(meeting_url="https://a b"), "meeting_url: must be an https address"),
        ("session", session(meeting_url="https://a\r\nx: y"), "meeting_url: must be an https address"),
        ("session", session(meeting_url="javascript:alert(1)"), "meeting_url: must be an https address"),
        ("session", session(participant_ids=None), "participant_ids: must be a list"),
        ("session", session(participant_ids=["7"]), "participant_ids.0: must be a lower-case UUID"),
        ("session", session(asesor_id=None), "asesor_id: must be text"),
        ("submission", submission(score="100"), "score: must be a number, 0 or more"),
        ("submission", submission(score=True), "score: must be a number, 0 or more"),
        ("submission", submission(score=-1), "score: must be a number, 0 or more"),
        ("submission", submission(status="done"), "status: must be in_progress, submitted or graded"),
        ("submission", submission(submitted_at=None), "submitted_at is required"),
        ("submission", submission(status="graded", score=None), "score is required"),
        ("submission", submission(graded_by="Budi"), "graded_by: must be a lower-case UUID"),
        ("submission", submission(feedback="x" * 10_001), "feedback: must be at most 10000 characters"),
        ("item", item(data="half \ud83d of a pair"), "data: "),
        ("user", participant() | {"profile": {"\ud83d": 1}}, "profile: "),
        ("submission", submission(response_snapshot=[{"text": "\ud83d"}]), "response_snapshot: "),
        ("session", session(meeting_url="https://meet.example.com/\ud83d"), "meeting_url: "),
        ("item", item(sequence=10**40), "sequence: must be at most 1000000000"),
        ("user", profile(nik="x" * 1001), "participant_profile.nik: must be at most 1000 characters"),
        ("user", profile(start_year=10**400), "participant_profile.start_year: must be a whole number"),
        ("user", participant() | {"name": "\x01" * 400}, "name: must be at most 2000 bytes as JSON"),
        ("user", participant() | {"profile": "x" * 4095}, "profile: must be at most 4 KB as JSON"),
        ("user", participant() | {"profile": ["é" * 2047]}, "profile: must be at most 4 KB as JSON"),
        ("user", participant() | {"profile": nested(65)}, "profile: must be nested at most 64 deep"),
        ("user", participant() | {"profile": nested(900)}, "profile: must be nested at most 64 deep"),
        ("user", participant() | {"profile": {"n": 10**400}}, "profile: must be JSON with"),
        ("item", item(data="x" * (150 * 1024)), "data: must be at most 150 KB as JSON"),
        (
            "submission",
            submission(response_snapshot=["x" * 150 * 1024]),
            "response_snapshot: must be at most",
        ),
        ("submission", submission(feedback="\x01" * 7000), "feedback: must be at most 40000 bytes as JSON"),
        (
            "session",
            session(participant_ids=[PARTICIPANT] * 5001),
            "participant_ids: must be at most 5000 entries",
        ),
    ],
)
def test_a_malformed_record_is_refused_with_its_fields(kind: str, data: Any, why: str) -> None:
    assert why in reason(kind, data)


@pytest.mark.parametrize(
    ("kind", "data"),
    [("user", participant()), ("item", item()), ("session", session()), ("submission", submission())],
)
def test_every_field_that_may_not_be_null_is_required(kind: str, data: dict[str, Any]) -> None:
    for name in data:
        lacking = {key: value for key, value in data.items() if key != name}
        if name in (
            "profile",
            "participant_profile",
            "meeting_url",
            "score",
            "response_snapshot",
            "feedback",
        ):
            assert record_of(message(kind, lacking)["body"])
        elif name not in ("graded_at", "graded_by", "submitted_at", "started_at", "ended_at"):
            assert reason(kind, lacking) == f"{name}: is required"


@pytest.mark.parametrize(
    ("kind", "made"), [("item", item), ("session", session), ("submission", submission), ("user", profile)]
)
def test_a_record_may_be_a_day_ahead_of_our_clock(
    kind: str, made: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("teaching.clock.now", lambda: "2026-02-20T10:00:00.000Z")
    assert record_of(message(kind, made(updated_at="2026-02-21T17:00:00+07:00"))["body"])
    why = reason(kind, made(updated_at="2026-02-21T10:00:00.001Z"))
    assert why.endswith("updated_at: must be at most 24 hours ahead of our clock")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "[]",
        "null",
        "{}",
        '{"detail-type": "user.saved"}',
        '{"detail": {}}',
        '{"detail-type": "user.saved", "detail": {"score": NaN}}',
        '{"detail-type": "user.saved", "detail": {"score": 1e999999999999999999999}}',
        "[" * 100_000,
    ],
)
def test_what_is_no_event_is_malformed(body: str) -> None:
    with pytest.raises(Malformed, match="not an event"):
        record_of(body)


@pytest.mark.parametrize("kind", ["user.deleted", "USER.SAVED", "", None, 7, ["user.saved"]])
def test_an_unknown_type_is_malformed(kind: Any) -> None:
    body = message("user", participant())["body"].replace('"user.saved"', json.dumps(kind))
    with pytest.raises(Malformed, match="type: must be"):
        record_of(body)


def test_no_value_of_a_malformed_record_is_told() -> None:
    why = reason("user", profile(nik=None, npwp=["npwp-123"], id="3201121509950003", user_id=PARTICIPANT))
    assert "3201121509950003" not in why
    assert "npwp-123" not in why


@pytest.mark.parametrize(
    ("was", "becomes", "name"),
    [
        ('"name":', '"name": "Agus", "name":', "name"),
        ('"name":', '"\\u006eame": "Agus", "name":', "name"),
        ('"profile": null', '"profile": {"deep": [{"a": 1, "a": 2}]}', "a"),
        ('"nik":', '"nik": "1", "nik":', "nik"),
        ('"detail-type":', '"detail-type": "user.saved", "detail-type":', "detail-type"),
    ],
)
def test_a_name_twice_makes_a_record_malformed(was: str, becomes: str, name: str) -> None:
    body = message("user", participant(profile=None))["body"]
    assert was in body
    with pytest.raises(Malformed) as error:
        record_of(body.replace(was, becomes, 1))
    assert str(error.value) == f"{name}: must be given once"
