"""Events are sent at least once, for one object in order, and records send none."""

from typing import Any

import pytest

from benchmarks.meter import metered
from teaching import dynamo, event_bus
from teaching.changed_rows import Change
from teaching.coaching import store as coaching
from teaching.coaching.rules import Mark
from teaching.errors import Unavailable
from teaching.grading import store as grading
from teaching.grading.rules import Grade
from teaching.publishing import publish as publishing
from teaching.publishing.publish import CLAIM_SECONDS, publish
from teaching.settings import settings
from tests.support import (
    BY_ASESOR,
    PARTICIPANT,
    SESSION,
    SUBMISSION,
    new_id,
    participant,
    session,
    stored_session,
    stored_submission,
    submission,
    take_in,
    take_in_examples,
)

pytestmark = pytest.mark.usefixtures("examples")

LATER = "2026-03-01T00:00:00.000Z"
OF_SUBMISSION = Change("SubmissionsTable", SUBMISSION)
OF_PRESENCE = Change("PresencesTable", f"{SESSION}#{PARTICIPANT}")
OF_SESSION = Change("SessionsTable", SESSION)
EVERY = [OF_SUBMISSION, OF_PRESENCE, OF_SESSION]


@pytest.fixture
def examples(tables: str) -> None:
    take_in_examples()


def grade(score: int) -> Any:
    return grading.grade(BY_ASESOR, SUBMISSION, Grade.model_validate({"score": score}))


def mark(status: str) -> Any:
    given = Mark.model_validate({"participant_id": PARTICIPANT, "status": status})
    return coaching.mark(BY_ASESOR, SESSION, given)


def types(sent: list[Any]) -> list[str]:
    return [entry["DetailType"] for entry in sent]


def ledger(name: str = f"submission#{SUBMISSION}") -> dynamo.Item:
    return dynamo.get(settings().published_table, {"object": name}, consistent=True) or {}


def test_every_action_goes_out_once_whatever_else_is_told(
    sent: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    answered = grade(90)
    mark("present")
    coaching.start(BY_ASESOR, SESSION)
    assert publish(EVERY) == []
    assert types(sent) == ["submission.graded", "presence.marked", "session.started"]
    assert capsys.readouterr().out.count('"SecondsToGrade":') == 1
    told = sent[0]["Detail"]
    assert told.pop("version") == stored_submission()["acted_version"]
    del told["event_id"]
    assert told == {**answered, "score": 90}
    ended = coaching.end(BY_ASESOR, SESSION)
    assert publish([*EVERY, Change("UsersTable", PARTICIPANT)]) == []
    assert types(sent[3:]) == ["session.ended"]
    assert sent[3]["Detail"]["ended_at"] == ended["ended_at"]
    assert publish(EVERY) == []
    assert len(sent) == 4


def test_what_comes_in_and_what_is_refreshed_sends_nothing(sent: list[Any]) -> None:
    grade(90)
    publish(EVERY)
    sent.clear()
    take_in("user", participant(name="Aminah", updated_at=LATER))
    take_in("session", session(status="ongoing", title="Another", updated_at=LATER))
    take_in("submission", submission(updated_at=LATER, response_snapshot={"more": 1}))
    grading.refresh(SUBMISSION)
    assert stored_submission()["version"] > stored_submission()["acted_version"]
    assert publish(EVERY) == []
    assert sent == []


def test_a_grade_that_comes_again_changes_nothing_and_sends_nothing(sent: list[Any]) -> None:
    grade(90)
    publish([OF_SUBMISSION])
    grade(90)
    assert publish([OF_SUBMISSION]) == []
    assert len(sent) == 1


def test_of_what_was_overtaken_the_last_is_sent(sent: list[Any]) -> None:
    grade(60)
    grade(70)
    assert publish([OF_SUBMISSION]) == []
    assert [entry["Detail"]["score"] for entry in sent] == [70]


def test_an_event_costs_two_writes_and_a_look_at_what_was_sent_none(sent: list[Any]) -> None:
    """The row read consistently, the ledger not; the claim, and the note."""
    grade(90)
    with metered() as cost:
        publish([OF_SUBMISSION])
    assert (cost.writes, cost.reads, cost.wasted, len(sent)) == (2, 1.5, 0, 1)
    with metered() as again:
        publish([OF_SUBMISSION])
    assert (again.writes, again.reads, again.trips) == (0, 1.5, 2)
    with metered() as of_record:
        publish([OF_SESSION])
    assert (of_record.writes, of_record.reads, of_record.trips) == (0, 1, 1)


def test_a_crash_between_sending_and_noting_sends_the_same_event_again(
    sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    grade(90)
    clock = Clock(monkeypatch)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "_note", die)
        with pytest.raises(KeyboardInterrupt):
            publish([OF_SUBMISSION])
    take_in("submission", submission(updated_at=LATER, response_snapshot=1))
    assert publish([OF_SUBMISSION]) == []
    assert clock.waited > CLAIM_SECONDS
    first, again = sent
    assert first["Detail"]["event_id"] == again["Detail"]["event_id"]
    assert first["Detail"]["version"] == again["Detail"]["version"]


class Clock:
    """Every pause takes a second."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waited = 0
        monkeypatch.setattr(dynamo, "pause", self._pause)
        monkeypatch.setattr("teaching.clock.now", lambda: f"2026-03-01T00:00:{self.waited:02}.000Z")

    def _pause(self, attempt: int) -> None:
        self.waited += 1


def test_who_finds_an_object_claimed_waits_and_sends_nothing_older(
    sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other has read the row, and is about to send, when we come with a newer version."""
    clock = Clock(monkeypatch)
    grade(60)
    send = publishing._send
    others: list[Any] = []

    def send_late(told: Any, claims: Any, ends: str) -> list[Change]:
        if told and not others:
            others.append(told)
            grade(70)

            def pause(attempt: int) -> None:
                clock.waited += 1
                if clock.waited == 3:
                    assert send(*others[1]) == []

            others.append((told, claims, ends))
            monkeypatch.setattr(dynamo, "pause", pause)
            assert publish([OF_SUBMISSION]) == []
            return []
        return send(told, claims, ends)

    monkeypatch.setattr(publishing, "_send", send_late)
    assert publish([OF_SUBMISSION]) == []
    assert [entry["Detail"]["score"] for entry in sent] == [60, 70]
    assert ledger()["sent"] == stored_submission()["version"]


def test_of_two_who_claim_at_once_one_sends(sent: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The other claims, sends and notes it between our reading of the ledger and our claim."""
    Clock(monkeypatch)
    grade(90)
    claim = publishing._claim

    def claim_late(*arguments: Any) -> dict[Change, dynamo.Item]:
        monkeypatch.setattr(publishing, "_claim", claim)
        assert publish([OF_SUBMISSION]) == []
        return claim(*arguments)

    monkeypatch.setattr(publishing, "_claim", claim_late)
    assert publish([OF_SUBMISSION]) == []
    assert types(sent) == ["submission.graded"]


def test_nothing_is_sent_when_the_claim_may_end_meanwhile(
    sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    grade(90)
    claim = publishing._claim

    def claim_slowly(*arguments: Any) -> dict[Change, dynamo.Item]:
        claims = claim(*arguments)
        clock.waited += CLAIM_SECONDS - event_bus.SECONDS + 1
        return claims

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "_claim", claim_slowly)
        assert publish([OF_SUBMISSION]) == [OF_SUBMISSION]
    assert sent == []
    assert publish([OF_SUBMISSION]) == []
    assert types(sent) == ["submission.graded"]


def test_what_goes_on_being_claimed_fails(sent: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    grade(90)
    row = {"object": f"submission#{SUBMISSION}", "version": 1, "claimed_until": "2026-03-01T00:01:00.000Z"}
    dynamo.put(settings().published_table, row)
    mark("late")
    assert publish(EVERY) == [OF_SUBMISSION]
    assert types(sent) == ["presence.marked"]


def test_what_the_bus_refuses_fails_alone_and_is_sent_the_next_time(
    sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    grade(90)
    mark("late")
    with monkeypatch.context() as patch:
        patch.setattr(
            "teaching.event_bus.put",
            lambda entries: [entry["DetailType"] != "submission.graded" for entry in entries],
        )
        assert publish(EVERY) == [OF_SUBMISSION]
    assert "sent" not in ledger()
    assert ledger(f"presence#{SESSION}#{PARTICIPANT}")["sent"] == 2
    clock.waited += CLAIM_SECONDS + 1
    assert publish(EVERY) == []
    assert types(sent) == ["submission.graded"]


def test_a_row_that_cannot_be_told_of_fails_alone(sent: list[Any]) -> None:
    grade(90)
    mark("late")
    row = stored_submission()
    dynamo.put(settings().submissions_table, {name: row[name] for name in row if name != "response_snapshot"})
    assert publish(EVERY) == [OF_SUBMISSION]
    assert types(sent) == ["presence.marked"]


def test_a_row_that_is_gone_has_nothing_to_tell(sent: list[Any]) -> None:
    gone = [Change("SubmissionsTable", new_id()), Change("PresencesTable", f"{new_id()}#{new_id()}")]
    assert publish(gone) == []
    assert sent == []


def test_a_session_that_waits_for_its_asesor_is_told_of_when_they_are_there(sent: list[Any]) -> None:
    coaching.start(BY_ASESOR, SESSION)
    unknown = new_id()
    take_in("session", session(asesor_id=unknown, updated_at=LATER))
    assert stored_session()["waiting_for"] == unknown
    assert publish([OF_SESSION]) == []
    assert sent == []
    take_in("session", session(updated_at="2026-03-02T00:00:00.000Z"))
    assert publish([OF_SESSION]) == []
    assert types(sent) == ["session.started"]


def test_the_store_that_is_unavailable_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise Unavailable

    monkeypatch.setattr(dynamo, "batch_get", fail)
    with pytest.raises(Unavailable):
        publish(EVERY)
