import json
from typing import Any

import pytest

from teaching.coaching import rules
from teaching.coaching.rules import Mark, Status
from teaching.errors import CannotBeEnded, CannotBeStarted, InvalidBody
from teaching.records import SessionRecord
from tests.support import ASESOR, PARTICIPANT, SESSION, session

pytestmark = pytest.mark.usefixtures("no_network")

EARLIER = "2026-03-10T08:00:00.000Z"
NOW = "2026-03-10T09:00:00.000Z"
LATER = "2026-03-10T10:00:00.000Z"
NEW_ID = "19899516-6268-4130-83b0-8e178b102d3d"


def stored(status: str, **more: Any) -> dict[str, Any]:
    row = {
        "id": SESSION,
        "status": status,
        "meeting_url": "https://meet.example.com/1",
        "updated_at": EARLIER,
    }
    return {**row, **more}


def test_a_scheduled_session_starts() -> None:
    assert rules.start(stored("scheduled"), NOW) == {
        "status": "ongoing",
        "started_at": NOW,
        "moved_here": True,
        "updated_at": NOW,
        "open": "session",
    }


def test_starting_what_is_under_way_changes_nothing() -> None:
    assert rules.start(stored("ongoing", started_at=NOW), LATER) == {}


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_what_is_over_cannot_be_started(status: str) -> None:
    with pytest.raises(CannotBeStarted, match=status):
        rules.start(stored(status), NOW)


@pytest.mark.parametrize("status", ["scheduled", "ongoing"])
@pytest.mark.parametrize("link", [None, ""])
def test_without_a_meeting_link_nothing_starts(status: str, link: str | None) -> None:
    with pytest.raises(CannotBeStarted, match="link"):
        rules.start(stored(status, meeting_url=link), NOW)


def test_a_session_under_way_ends() -> None:
    assert rules.end(stored("ongoing"), NOW) == {
        "status": "completed",
        "ended_at": NOW,
        "ended_by": "asesor",
        "moved_here": True,
        "updated_at": NOW,
        "open": None,
    }


OVERDUE = {"end_time": EARLIER, "open": "session"}


def test_the_schedule_ends_what_should_have_ended() -> None:
    closed = rules.close(stored("ongoing", **OVERDUE), NOW, LATER)
    assert (closed["status"], closed["ended_at"], closed["ended_by"]) == ("completed", LATER, "schedule")
    assert closed["open"] is None


@pytest.mark.parametrize(
    "row",
    [
        stored("completed", end_time=EARLIER),
        stored("ongoing", end_time=NOW, open="session"),
    ],
    ids=["it is over", "it has not ended that long"],
)
def test_the_schedule_leaves_everything_else(row: dict[str, Any]) -> None:
    assert rules.close(row, NOW, LATER) == {}


@pytest.mark.parametrize("status", ["scheduled", "completed", "cancelled"])
def test_only_what_is_under_way_can_be_ended(status: str) -> None:
    with pytest.raises(CannotBeEnded, match=status):
        rules.end(stored(status), NOW)


@pytest.mark.parametrize("status", ["scheduled", "ongoing", "completed"])
def test_one_on_the_roster_can_be_marked(status: str) -> None:
    rules.markable(stored(status), {"invited": True})


@pytest.mark.parametrize("roster", [None, {}, {"invited": False}, {"status": "present", "id": NEW_ID}])
def test_one_not_on_the_roster_cannot(roster: dict[str, Any] | None) -> None:
    with pytest.raises(InvalidBody, match="participant_id"):
        rules.markable(stored("ongoing"), roster)


def test_a_cancelled_session_takes_no_marks() -> None:
    with pytest.raises(InvalidBody, match="cancelled"):
        rules.markable(stored("cancelled"), {"invited": True})


MARKED = {"id": NEW_ID, "created_at": EARLIER, "updated_at": EARLIER, "status": "late"}


def marking(status: str, stored: dict[str, Any] = MARKED, **more: Any) -> dict[str, Any]:
    given = Mark.model_validate({"participant_id": PARTICIPANT, "status": status, **more})
    return rules.marking(stored, given, SESSION, NOW)


@pytest.mark.parametrize("status", ["present", "late", "absent", "excused"])
def test_the_first_mark_names_the_row_for_good(status: str) -> None:
    first = marking(status, {"invited": True})
    assert (first["id"], first["created_at"], first["updated_at"]) == (SESSION, NOW, NOW)
    assert not {"id", "created_at"} & marking(status).keys()


@pytest.mark.parametrize("status", ["present", "late"])
def test_who_came_joined_now_unless_a_time_is_known(status: str) -> None:
    assert marking(status) == {
        "status": status,
        "updated_at": NOW,
        "joined_at": NOW,
        "first_joined_at": NOW,
    }
    known = marking(status, MARKED | {"joined_at": EARLIER, "first_joined_at": EARLIER})
    assert (known["joined_at"], known["first_joined_at"]) == (EARLIER, EARLIER)


@pytest.mark.parametrize("status", ["absent", "excused"])
def test_who_did_not_come_has_no_time(status: str) -> None:
    changes = {"status": status, "updated_at": NOW, "joined_at": None}
    assert marking(status) == changes | {"first_joined_at": None}
    came = MARKED | {"joined_at": EARLIER, "first_joined_at": EARLIER}
    assert marking(status, came) == changes | {"first_joined_at": EARLIER}


@pytest.mark.parametrize("status", ["present", "absent", "excused", "late"])
def test_a_given_time_is_kept_as_given(status: str) -> None:
    changes = marking(status, joined_at="2026-03-10T15:30:00+07:00")
    assert changes["joined_at"] == changes["first_joined_at"] == "2026-03-10T08:30:00.000Z"
    came = MARKED | {"joined_at": EARLIER, "first_joined_at": EARLIER}
    again = marking(status, came, joined_at="2026-03-10T15:30:00+07:00")
    assert (again["joined_at"], again["first_joined_at"]) == ("2026-03-10T08:30:00.000Z", EARLIER)


@pytest.mark.parametrize("status", ["present", "absent"])
def test_a_null_time_is_as_if_not_given(status: str) -> None:
    assert marking(status, joined_at=None) == marking(status)


def test_notes_change_only_when_given() -> None:
    assert "feedback_notes" not in marking("present")
    assert marking("present", feedback_notes="ok")["feedback_notes"] == "ok"
    assert marking("present", feedback_notes=None)["feedback_notes"] is None


def test_a_marks_moments_do_not_go_back_with_the_clock() -> None:
    changes = marking("present", MARKED | {"updated_at": LATER})
    assert changes["updated_at"] == changes["joined_at"] == LATER


def test_nothing_that_moves_a_session_goes_back_with_the_clock() -> None:
    started = rules.start(stored("scheduled", updated_at=LATER), NOW)
    assert (started["started_at"], started["updated_at"]) == (NOW, LATER)
    ended = rules.end(stored("ongoing", started_at=LATER, updated_at=LATER), NOW)
    assert (ended["ended_at"], ended["updated_at"]) == (LATER, LATER)


def record(**changes: Any) -> SessionRecord:
    return SessionRecord.model_validate(session(**changes))


def arrived(**changes: Any) -> dict[str, Any]:
    """A stored row, as such a record makes it."""
    made = rules.arrival(None, record(**changes))
    assert made
    return {"id": SESSION, "version": 1, **made}


def test_a_new_record_is_taken_as_it_is() -> None:
    given = session()
    row = arrived()
    assert row["source_updated_at"] == given["updated_at"]
    for name in given.keys() - {"participant_ids"}:
        assert row[name] == given[name]


@pytest.mark.parametrize("moment", ["2026-02-18T07:02:11.479Z", "2025-01-01T00:00:00Z"])
def test_an_older_record_changes_nothing(moment: str) -> None:
    assert rules.arrival(arrived(), record(updated_at=moment, title="changed")) is None


def test_of_two_records_as_old_the_last_to_arrive_counts() -> None:
    changes = rules.arrival(arrived(), record(title="changed"))
    assert changes
    assert changes["title"] == "changed"


def test_the_same_record_once_more_turns_nothing_back() -> None:
    row = arrived()
    row |= rules.start(row, NOW)
    changes = rules.arrival(row, record())
    assert changes
    assert {name: value for name, value in changes.items() if row.get(name) != value} == {}


NEWER = "2026-03-11T00:00:00.000Z"


def test_a_newer_record_changes_what_the_source_owns() -> None:
    changes = rules.arrival(
        arrived(status="completed"), record(updated_at=NEWER, title="changed", status="scheduled")
    )
    assert changes
    assert (changes["title"], changes["status"]) == ("changed", "scheduled")


@pytest.mark.parametrize(
    ("here", "source", "then"),
    [
        ("ongoing", "scheduled", "ongoing"),
        ("ongoing", "ongoing", "ongoing"),
        ("ongoing", "cancelled", "ongoing"),
        ("ongoing", "completed", "completed"),
        ("completed", "scheduled", "completed"),
        ("completed", "ongoing", "completed"),
        ("completed", "cancelled", "completed"),
    ],
)
def test_what_was_moved_here_never_goes_back(here: str, source: str, then: str) -> None:
    row = arrived() | {"status": here, "moved_here": True, "started_at": NOW, "updated_at": NOW}
    if here == "completed":
        row["ended_at"] = LATER
    changes = rules.arrival(row, record(updated_at=NEWER, status=source, title="changed"))
    assert changes
    assert changes["status"] == then
    assert changes["title"] == "changed"
    assert changes["started_at"] == NOW
    assert changes["ended_at"] == row.get("ended_at")


def test_updated_at_never_goes_back_either() -> None:
    row = arrived() | {"status": "ongoing", "moved_here": True, "started_at": NOW, "updated_at": NEWER}
    changes = rules.arrival(row, record(updated_at=LATER))
    assert changes
    assert changes["updated_at"] == NEWER
    assert changes["source_updated_at"] == LATER


def test_every_status_says_what_may_follow() -> None:
    assert set(rules.LATER) == set(Status)


BUDI = {"id": ASESOR, "name": "Budi Santoso", "email": "asesor@email.com", "profile": "null"}


def test_a_session_waits_for_its_asesor_in_no_list() -> None:
    row = arrived()
    waiting = row | rules.derived(row, None)
    assert waiting["waiting_for"] == ASESOR
    assert not rules.counted(waiting).entries
    assert rules.document(waiting) is None
    complete = row | rules.derived(row, BUDI)
    assert complete["waiting_for"] is None
    assert json.loads(complete["asesor"])["name"] == "Budi Santoso"
    counted = rules.counted(complete).entries
    assert set(counted) == {rules.list_name(None), rules.list_name(ASESOR)}
    assert {entry.key for entry in counted.values()} == {(row["start_time"], SESSION)}
    document = rules.document(complete)
    assert document
    assert document.text == "coaching go digital batch 1 budi santoso"


def test_one_who_is_no_longer_invited_has_no_place_in_the_list_of_names() -> None:
    siti = {"id": PARTICIPANT, "name": "Ámir Hasan", "email": "a@b.c", "profile": "null"}
    assert rules.roster_derived(PARTICIPANT, siti, True)["name_key"] == f"amir hasan\t{PARTICIPANT}"
    assert rules.roster_derived(PARTICIPANT, siti, False)["name_key"] is None
    assert rules.roster_derived(PARTICIPANT, None, True) == {"user": None, "name_key": None}


def test_of_a_roster_only_what_differs_is_changed() -> None:
    siti = {"id": PARTICIPANT, "name": "Siti", "email": "a@b.c", "profile": "null"}
    invited = {"invited": True, **rules.roster_derived(PARTICIPANT, siti, True)}
    others: dict[str, dict[str, Any]] = {
        ASESOR: {"invited": True, "status": "late"},
        SESSION: {"invited": None, "status": "late"},
    }
    assert rules.roster_changes({PARTICIPANT}, {PARTICIPANT: siti}, {}) == {PARTICIPANT: invited}
    assert rules.roster_changes({PARTICIPANT}, {PARTICIPANT: siti}, {PARTICIPANT: invited}) == {}
    assert rules.roster_changes(set(), {}, others) == {ASESOR: {"invited": None, "name_key": None}}
