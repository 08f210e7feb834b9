"""What the events say, and which rows have one to tell."""

from typing import Any

import pytest

from teaching import event_bus, jsons, limits
from teaching.directory.people import person_copy
from teaching.grading import rules as grading
from teaching.publishing import events
from tests.support import ASESOR, PARTICIPANT, SESSION, SUBMISSION

pytestmark = pytest.mark.usefixtures("no_network")

MOMENT = "2026-03-10T09:00:00.123Z"
COPY = person_copy({"id": ASESOR, "name": "Budi", "email": "b@x.id", "profile": "null"})


def submission(**changes: Any) -> dict[str, Any]:
    row = {
        "id": SUBMISSION,
        "version": 7,
        "acted_version": 5,
        "graded_here": True,
        "user_id": PARTICIPANT,
        "item_id": "i",
        "course_id": "c",
        "score": 90,
        "response_snapshot": "null",
        "status": "graded",
        "graded_at": MOMENT,
        "graded_by": COPY,
        "submitted_at": MOMENT,
        "updated_at": MOMENT,
    }
    return row | changes


def session(**changes: Any) -> dict[str, Any]:
    names = ("title", "audience_type", "coaching_type", "stage")
    row = dict.fromkeys(names, "x") | {
        "id": SESSION,
        "version": 3,
        "acted_version": 3,
        "order_key": "k",
        "start_time": MOMENT,
        "end_time": MOMENT,
        "status": "ongoing",
        "asesor": COPY,
        "started_at": MOMENT,
    }
    return row | changes


def test_a_grade_says_what_grading_answered_with_the_version_that_it_made() -> None:
    row = submission()
    event = events.of_submission(row)
    assert event
    assert (event.type, event.version, event.moment) == ("submission.graded", 5, MOMENT)
    told = dict(event.detail)
    assert (told.pop("version"), len(told.pop("event_id"))) == (5, 36)
    assert told == grading.graded_submission(row)


def test_the_same_version_of_the_same_object_has_the_same_id_and_no_other() -> None:
    def event_id(**changes: Any) -> str:
        event = events.of_submission(submission(**changes))
        assert event
        return str(event.detail["event_id"])

    assert event_id() == event_id(version=9, feedback="a record came in")
    assert len({event_id(), event_id(acted_version=6), event_id(id=PARTICIPANT)}) == 3


def test_a_mark_says_what_marking_answered() -> None:
    row = {
        "id": "p",
        "session_id": SESSION,
        "participant_id": PARTICIPANT,
        "status": "late",
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "acted_version": 2,
    }
    event = events.of_presence(row)
    assert event
    assert (event.type, event.object) == ("presence.marked", f"presence#{SESSION}#{PARTICIPANT}")
    assert list(event.detail)[-2:] == ["version", "event_id"]
    assert len(event.detail) == 9 + 2


def test_a_start_tells_the_session_and_an_end_what_ending_answers() -> None:
    started = events.of_session(session(meeting_url="https://meet.example.com/1"))
    assert started
    assert (started.type, started.moment) == ("session.started", MOMENT)
    assert started.detail["meeting_url"] == "https://meet.example.com/1"
    assert list(started.detail)[9:] == [
        "meeting_url",
        "started_at",
        "ended_at",
        "ended_by",
        "version",
        "event_id",
    ]
    ended = events.of_session(session(status="completed", ended_at=MOMENT, ended_by="schedule"))
    assert ended
    assert ended.type == "session.ended"
    assert list(ended.detail) == ["id", "status", "ended_at", "version", "event_id"]


def test_what_only_records_brought_has_nothing_to_tell() -> None:
    assert events.of_submission(submission(acted_version=None, graded_here=None)) is None
    assert events.of_presence({"session_id": SESSION, "participant_id": PARTICIPANT}) is None
    assert events.of_session(session(acted_version=None)) is None


def test_a_grade_that_a_new_hand_in_replaced_is_not_told_any_more() -> None:
    assert events.of_submission(submission(status="submitted", graded_here=None)) is None


def test_a_session_that_waits_for_its_asesor_tells_it_later() -> None:
    assert events.of_session(session(order_key=None, asesor=None, waiting_for="a")) is None


def test_a_session_that_a_record_completed_after_its_start_was_started() -> None:
    event = events.of_session(session(status="completed", ended_at=MOMENT, version=4))
    assert event
    assert (event.type, event.version, event.detail["status"]) == ("session.started", 3, "completed")


def test_the_largest_submission_fits_into_an_event() -> None:
    """Every text as long as its limit, of characters that take the most bytes."""
    wide = "\U0001f600"
    grader = {
        "id": ASESOR,
        "name": wide * limits.NAME_MOST,
        "email": wide * limits.NAME_MOST,
        "profile": jsons.dumps("x" * (limits.PROFILE_BYTES - 2)),
    }
    row = submission(
        response_snapshot=jsons.dumps("x" * (limits.SNAPSHOT_BYTES - 2)),
        feedback=wide * limits.NOTE_MOST,
        graded_by=person_copy(grader),
    )
    event = events.of_submission(row)
    assert event
    detail = jsons.dumps(event.detail)
    assert len(detail.encode()) > limits.SNAPSHOT_BYTES + 4 * limits.NOTE_MOST
    entry = {"Source": events.SOURCE, "DetailType": event.type, "Detail": detail}
    assert event_bus.size_of(entry) < limits.EVENT_BYTES
