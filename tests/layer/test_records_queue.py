import json
from collections.abc import Callable
from decimal import Decimal
from itertools import permutations
from threading import Thread
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest

from benchmarks.meter import metered
from local import demo
from teaching import clock, dynamo, projections, records_queue, sqs
from teaching.changed_rows import Change
from teaching.coaching import store as coaching
from teaching.coaching.rules import Mark, SessionQuery
from teaching.directory import store as directory
from teaching.errors import Malformed, Unavailable
from teaching.grading import store as grading
from teaching.grading.rules import Grade, SubmissionQuery
from teaching.records import SessionRecord
from tests.support import (
    ASESOR,
    BY_ADMIN,
    BY_ASESOR,
    BY_OTHER_ASESOR,
    ITEM,
    OTHER_ASESOR,
    OTHER_PARTICIPANT,
    PARTICIPANT,
    SESSION,
    SUBMISSION,
    Data,
    Deliver,
    Wire,
    delete_rows,
    item,
    message,
    new_id,
    participant,
    past_grades,
    person,
    race,
    session,
    settle,
    stored_presence,
    stored_session,
    stored_submission,
    submission,
    take_in,
    take_in_examples,
    take_in_people,
)

pytestmark = pytest.mark.usefixtures("tables")

NEWER, NEWEST = "2026-02-20T00:00:00.000Z", "2026-02-21T00:00:00.000Z"
OLDER = "2026-02-01T00:00:00.000Z"
ANY = SessionQuery.model_validate({})


def from_now(hours: int) -> str:
    return clock.hours_after(clock.now(), hours)


def user_row(identity: str = PARTICIPANT) -> dynamo.Item:
    row = dynamo.get("UsersTable", {"id": identity}, consistent=True)
    assert row
    return row


def item_row() -> dynamo.Item:
    row = dynamo.get("ItemsTable", {"id": ITEM}, consistent=True)
    assert row
    return row


def everything() -> list[dynamo.Item]:
    tables = ("UsersTable", "ItemsTable", "SessionsTable", "PresencesTable", "SubmissionsTable")
    return [row for table in tables for row in sorted(dynamo.scan(table)[0], key=str)]


def test_each_type_comes_into_its_table() -> None:
    take_in_examples()
    assert user_row()["name"] == "Siti Rahmawati"
    assert json.loads(user_row()["participant_profile"]) == demo.SPEC_USERS[1]["participant_profile"]
    assert json.loads(item_row()["data"]) == demo.SPEC_ITEM["data"]
    assert stored_session()["title"] == "Coaching Go Digital Batch 1"
    assert stored_presence()["invited"] is True
    assert stored_submission()["score"] == 100
    assert json.loads(stored_submission()["response_snapshot"]) == demo.SPEC_SUBMISSION["response_snapshot"]


def test_what_comes_again_changes_nothing() -> None:
    take_in_examples()
    before = everything()
    take_in_examples()
    assert everything() == before


def test_what_is_older_changes_nothing() -> None:
    take_in_examples()
    before = everything()
    take_in("user", participant(name="older", updated_at=OLDER))
    take_in("item", item(title="older", updated_at=OLDER))
    take_in("session", session(title="older", participant_ids=[OTHER_PARTICIPANT], updated_at=OLDER))
    take_in("submission", submission(score=1, updated_at=OLDER))
    assert everything() == before


def test_what_is_newer_replaces_what_was() -> None:
    take_in_examples()
    take_in("user", participant(name="newer", updated_at=NEWER))
    take_in("item", item(title="newer", updated_at=NEWER))
    take_in("session", session(title="newer", participant_ids=[OTHER_PARTICIPANT], updated_at=NEWER))
    take_in("submission", submission(score=1, updated_at=NEWER))
    assert user_row()["name"] == "newer"
    assert item_row()["title"] == "newer"
    assert stored_session()["title"] == "newer"
    assert [row["participant_id"] for row in coaching.presences(BY_ASESOR, SESSION, ANY).rows] == [
        OTHER_PARTICIPANT
    ]
    assert stored_submission()["score"] == 1


def test_of_two_that_are_as_old_the_last_to_arrive_counts() -> None:
    take_in_examples()
    take_in("user", participant(name="last"))
    take_in("item", item(title="last"))
    take_in("session", session(title="last", participant_ids=[OTHER_PARTICIPANT]))
    take_in("submission", submission(score=1))
    assert user_row()["name"] == item_row()["title"] == stored_session()["title"] == "last"
    assert stored_submission()["score"] == 1
    assert on_roster() == [OTHER_PARTICIPANT]
    take_in("session", session(title="last", participant_ids=[PARTICIPANT]))
    assert on_roster() == [PARTICIPANT]


def test_what_comes_again_undoes_nothing_that_was_done_here() -> None:
    take_in_examples()
    grading.grade(BY_ASESOR, SUBMISSION, Grade(score=Decimal(90)))
    coaching.start(BY_ASESOR, SESSION)
    coaching.mark(BY_ASESOR, SESSION, Mark.model_validate({"participant_id": PARTICIPANT, "status": "late"}))
    before = everything()
    take_in_examples()
    assert everything() == before


def test_a_user_without_a_profile_takes_none_away() -> None:
    take_in_examples()
    before = user_row()
    take_in("user", participant(name="Siti R.", participant_profile=None))
    expected = before | {"name": "Siti R.", "version": before["version"] + 1}
    assert user_row() == expected
    take_in("user", participant(name="older", updated_at=OLDER))
    assert user_row() == expected


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("user", lambda name: participant(name=name)),
        ("user", lambda name: person("asesor", PARTICIPANT, name)),
        ("item", lambda name: item(title=name)),
        ("session", lambda name: session(title=name)),
        ("submission", lambda name: submission(feedback=name)),
    ],
)
def test_those_of_one_id_in_a_batch_count_in_order(kind: str, made: Callable[[str], Data]) -> None:
    """Though none says by its time which is newer."""
    names = [f"number {number}" for number in range(30)]
    batch = [message(kind, made(name)) for name in names]
    assert records_queue.take(batch) == {"batchItemFailures": []}
    table, name_of = {
        "user": ("UsersTable", "name"),
        "item": ("ItemsTable", "title"),
        "session": ("SessionsTable", "title"),
        "submission": ("SubmissionsTable", "feedback"),
    }[kind]
    (row,) = dynamo.scan(table)[0]
    assert (row[name_of], row["version"]) == (names[-1], len(names))


def test_what_fails_comes_again_with_what_followed_it_of_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    save_item = directory.save_item

    def fail(record: Any) -> None:
        if record.title == "fails":
            raise Unavailable
        save_item(record)

    monkeypatch.setattr(directory, "save_item", fail)
    batch = [message("item", item(title=title)) for title in ("first", "fails", "last")]
    other = message("item", item(id=new_id(), title="other"))
    again = records_queue.take([*batch, other])["batchItemFailures"]
    assert [failure["itemIdentifier"] for failure in again] == [sent["messageId"] for sent in batch[1:]]
    assert item_row()["title"] == "first"
    assert len(dynamo.scan("ItemsTable")[0]) == 2


def test_times_are_compared_as_times() -> None:
    take_in("item", item(updated_at="2026-02-20T00:00:00Z"))
    take_in("item", item(title="older", updated_at="2026-02-20T05:00:00+07:00"))
    assert item_row()["title"] == "Quiz Digital Dasar"
    take_in("item", item(title="newer", updated_at="2026-02-19T20:00:00-05:00"))
    assert item_row()["title"] == "newer"


def seen() -> Any:
    """What an admin sees of the examples."""
    page = grading.page(
        BY_ASESOR, SubmissionQuery.model_validate({"search": "siti quiz", "status": "submitted"})
    )
    found = coaching.page(BY_ASESOR, SessionQuery.model_validate({"search": "budi digital"}))
    return (
        page.rows,
        page.total,
        found.rows,
        found.total,
        coaching.presences(BY_ASESOR, SESSION, ANY).rows,
        grading.details(BY_ADMIN, SUBMISSION),
        grading.statistics(BY_ASESOR),
    )


def test_the_order_of_arrival_does_not_matter() -> None:
    records = (
        [("user", user) for user in demo.SPEC_USERS],
        [("item", item())],
        [("session", session()), ("submission", submission())],
    )
    take_in_examples()
    settle()
    expected = seen()
    assert (expected[1], expected[3], len(expected[4])) == (1, 1, 1)
    for order in permutations(records):
        for table in ("UsersTable", "ItemsTable", "SessionsTable", "PresencesTable", "SubmissionsTable"):
            keys = ("session_id", "participant_id") if table == "PresencesTable" else ("id",)
            delete_rows(table, [{key: row[key] for key in keys} for row in dynamo.scan(table)[0]])
        for records_of_a_type in order:
            for kind, data in records_of_a_type:
                take_in(kind, data)
        settle()
        assert seen() == expected, order


def test_a_whole_batch_may_be_in_any_order() -> None:
    records = [("submission", submission()), ("session", session()), ("item", item())]
    records += [("user", user) for user in demo.SPEC_USERS]
    assert records_queue.take([message(kind, data) for kind, data in records]) == {"batchItemFailures": []}
    settle()
    assert grading.page(BY_ASESOR, SubmissionQuery.model_validate({})).total == 1
    assert coaching.page(BY_ASESOR, ANY).total == 1


def test_a_whole_batch_of_sessions_with_rosters_comes_in() -> None:
    take_in_people()
    invited = [PARTICIPANT, OTHER_PARTICIPANT]
    batch = [message("session", session(id=new_id(), participant_ids=invited)) for _ in range(40)]
    answers: list[Data] = []
    taking = Thread(target=lambda: answers.append(records_queue.take(batch)), daemon=True)
    taking.start()
    taking.join(120)
    assert answers == [{"batchItemFailures": []}]


def test_what_waits_is_kept_and_in_no_list_until_it_is_complete() -> None:
    take_in("submission", submission())
    take_in("session", session())
    settle()
    everyone = SubmissionQuery.model_validate({})
    assert grading.page(BY_ADMIN, everyone).total == coaching.page(BY_ADMIN, ANY).total == 0
    take_in("user", *demo.SPEC_USERS)
    settle()
    assert (grading.page(BY_ADMIN, everyone).total, coaching.page(BY_ADMIN, ANY).total) == (0, 1)
    take_in("item", item())
    settle()
    assert grading.page(BY_ADMIN, everyone).total == 1


def test_a_change_of_asesor_moves_the_submissions() -> None:
    take_in_examples()
    settle()
    take_in("user", participant(asesor=OTHER_ASESOR, updated_at=NEWER))
    settle()
    everyone = SubmissionQuery.model_validate({})
    assert grading.page(BY_ASESOR, everyone).total == 0
    assert grading.page(BY_OTHER_ASESOR, everyone).total == 1
    assert grading.statistics(BY_OTHER_ASESOR)["submission_total"]["pending"] == 1
    assert grading.statistics(BY_ASESOR)["submission_total"]["total"] == 0


def test_new_names_reach_every_copy_and_the_search() -> None:
    take_in_examples()
    grading.grade(BY_ASESOR, SUBMISSION, Grade(score=Decimal(90)))
    settle()
    take_in("user", participant(name="Aminah", updated_at=NEWER), person("asesor", ASESOR, "Gatot"))
    take_in("item", item(title="Esai", updated_at=NEWER))
    settle()
    (row,) = grading.page(BY_ASESOR, SubmissionQuery.model_validate({"search": "aminah esai"})).rows
    assert row["graded_by"]
    assert (row["user"]["name"], row["item"]["title"], row["graded_by"]["name"]) == (
        "Aminah",
        "Esai",
        "Gatot",
    )
    assert (
        coaching.page(BY_ASESOR, SessionQuery.model_validate({"search": "gatot"})).rows[0]["asesor"]["name"]
        == "Gatot"
    )
    assert coaching.presences(BY_ASESOR, SESSION, ANY).rows[0]["user"]["name"] == "Aminah"
    for old in ("siti", "quiz"):
        assert grading.page(BY_ASESOR, SubmissionQuery.model_validate({"search": old})).total == 0
    assert coaching.page(BY_ASESOR, SessionQuery.model_validate({"search": "budi"})).total == 0


def test_long_profiles_are_shown_wherever_their_people_are() -> None:
    long = {"bio": "Pelaku usaha kopi. " * 200, "photo": None}
    take_in_examples()
    take_in("user", participant(profile=long), person("asesor", ASESOR, "Budi Santoso", profile=long))
    grading.grade(BY_ASESOR, SUBMISSION, Grade(score=Decimal(90)))
    settle()
    (row,) = grading.page(BY_ASESOR, SubmissionQuery.model_validate({})).rows
    assert row["graded_by"]
    assert (row["user"]["profile"], row["graded_by"]["profile"]) == (long, long)
    assert (
        coaching.page(BY_ASESOR, SessionQuery.model_validate({"search": "budi"})).rows[0]["asesor"]["profile"]
        == long
    )
    assert coaching.presences(BY_ASESOR, SESSION, ANY).rows[0]["user"]["profile"] == long
    assert isinstance(stored_submission()["user"], bytes)


def test_a_grade_given_here_survives_and_a_newer_hand_in_takes_its_place() -> None:
    take_in_examples()
    grading.grade(BY_ASESOR, SUBMISSION, Grade(score=Decimal(90), feedback="Ok mantep"))
    take_in("submission", submission(updated_at=from_now(1), score=7, feedback="source"))
    kept = grading.details(BY_ASESOR, SUBMISSION)
    assert (kept["score"], kept["status"].value, kept["feedback"]) == (Decimal(90), "graded", "Ok mantep")
    assert kept["graded_by"]
    assert kept["graded_by"]["id"] == ASESOR
    handed_in = from_now(2)
    take_in(
        "submission", submission(updated_at=handed_in, submitted_at=handed_in, score=None, graded_at=None)
    )
    fresh = grading.details(BY_ASESOR, SUBMISSION)
    assert (fresh["score"], fresh["status"].value, fresh["graded_by"]) == (None, "submitted", None)
    assert [grade["score"] for grade in past_grades()] == [100, 90]


def test_a_session_started_or_ended_here_is_not_turned_back() -> None:
    take_in_people()
    take_in("session", session())
    coaching.start(BY_ASESOR, SESSION)
    take_in("session", session(status="scheduled", title="newer", updated_at=from_now(1)))
    row = stored_session()
    assert (row["status"], row["title"]) == ("ongoing", "newer")
    assert row["started_at"]
    coaching.end(BY_ASESOR, SESSION)
    take_in("session", session(status="cancelled", updated_at=from_now(2)))
    assert stored_session()["status"] == "completed"
    assert stored_session()["ended_at"]


def test_marks_survive_what_happens_to_the_roster() -> None:
    take_in_people()
    take_in("session", session())
    mark = Mark.model_validate({"participant_id": PARTICIPANT, "status": "late", "feedback_notes": "traffic"})
    marked = coaching.mark(BY_ASESOR, SESSION, mark)
    take_in("session", session(participant_ids=[OTHER_PARTICIPANT], updated_at=NEWER))
    assert [row["participant_id"] for row in coaching.presences(BY_ASESOR, SESSION, ANY).rows] == [
        OTHER_PARTICIPANT
    ]
    take_in("session", session(participant_ids=[OTHER_PARTICIPANT, PARTICIPANT], updated_at=NEWEST))
    rows = coaching.presences(BY_ASESOR, SESSION, ANY).rows
    assert [row["user"]["name"] for row in rows] == ["Agus Salim", "Siti Rahmawati"]
    assert {
        name: rows[1].get(name) for name in ("id", "status", "created_at", "joined_at", "feedback_notes")
    } == {name: marked.get(name) for name in ("id", "status", "created_at", "joined_at", "feedback_notes")}


def on_roster(identity: str = SESSION) -> list[str]:
    return [row["participant_id"] for row in coaching.presences(BY_ASESOR, identity, ANY).rows]


def invitations(identity: str = SESSION) -> int:
    """Also of those whose records have not come in."""
    values = {":session": identity}
    rows = dynamo.query("PresencesTable", "session_id = :session", values, consistent=True)
    return sum(bool(row.get("invited")) for row in rows)


class Time:
    """Says so often that there is time."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self) -> bool:
        self.left -= 1
        return self.left >= 0


def test_a_large_roster_is_finished_when_it_comes_again() -> None:
    """With one look at the time for the record, and one for each transaction of 99 rows."""
    take_in_people()
    sent = message("session", session(participant_ids=[new_id() for _ in range(250)]))
    again = {"batchItemFailures": [{"itemIdentifier": sent["messageId"]}]}
    assert records_queue.take([sent], Time(0)) == again
    assert dynamo.scan("SessionsTable")[0] == []
    assert records_queue.take([sent], Time(2)) == again
    assert invitations() == 99
    assert records_queue.take([sent], Time(2)) == again
    assert invitations() == 198
    assert records_queue.take([sent], Time(2)) == {"batchItemFailures": []}
    assert invitations() == 250


def test_large_rosters_hold_up_nobody_else() -> None:
    """The time is that of the small ones, four looks, and of one of the large, three."""
    take_in_people()
    large = [
        message("session", session(id=new_id(), participant_ids=[new_id() for _ in range(120)]))
        for _ in range(3)
    ]
    small = [message("session", session()), message("item", item()), message("submission", submission())]
    answer = records_queue.take([*large, *small], Time(7))
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == [
        sent["messageId"] for sent in large[1:]
    ]
    assert (item_row()["id"], stored_submission()["id"], on_roster()) == (ITEM, SUBMISSION, [PARTICIPANT])


def test_a_roster_that_comes_again_is_read_and_not_written() -> None:
    take_in_people()
    sent = message("session", session(participant_ids=[PARTICIPANT, *(new_id() for _ in range(300))]))
    with metered() as first:
        records_queue.take([sent])
    with metered() as again:
        records_queue.take([sent])
    assert first.write_requests == 1 + 4
    assert again.write_requests == 0
    assert again.requests < 15


def test_of_a_changed_roster_only_the_difference_is_written() -> None:
    take_in_people()
    some = [new_id() for _ in range(200)]
    take_in("session", session(participant_ids=[*some, PARTICIPANT]))
    before = {row["participant_id"]: row["version"] for row in dynamo.scan("PresencesTable")[0]}
    take_in("session", session(participant_ids=[*some, OTHER_PARTICIPANT], updated_at=NEWER))
    after = {row["participant_id"]: row["version"] for row in dynamo.scan("PresencesTable")[0]}
    assert {key for key in after if after[key] != before.get(key)} == {PARTICIPANT, OTHER_PARTICIPANT}


def test_a_roster_that_is_overtaken_writes_nothing_any_more() -> None:
    take_in_people()
    old = SessionRecord.model_validate(session(participant_ids=[PARTICIPANT, new_id()]))
    newer = session(participant_ids=[OTHER_PARTICIPANT])

    def overtaken() -> bool:
        take_in("session", newer)
        return True

    coaching.save(old, overtaken)
    assert (on_roster(), invitations()) == ([OTHER_PARTICIPANT], 1)


def test_whoever_arrives_while_a_roster_is_written_is_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    take_in("user", demo.SPEC_USERS[0])
    write = coaching._write_roster

    def arrive(*arguments: Any) -> bool:
        take_in("user", participant())
        return write(*arguments)

    monkeypatch.setattr(coaching, "_write_roster", arrive)
    take_in("session", session())
    assert on_roster() == [PARTICIPANT]


def names_on_roster() -> list[str]:
    return [row["user"]["name"] for row in coaching.presences(BY_ASESOR, SESSION, ANY).rows]


def rename_heard_by_rows() -> None:
    """A rename, followed by the rows that there are."""
    take_in("user", participant(name="Siti R.", updated_at=NEWER))
    assert projections.refresh([Change("UsersTable", PARTICIPANT)]) == []


def test_a_rename_while_a_roster_is_written_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    take_in_people()
    write = coaching._write_roster

    def rename_first(*arguments: Any) -> bool:
        rename_heard_by_rows()
        return write(*arguments)

    monkeypatch.setattr(coaching, "_write_roster", rename_first)
    take_in("session", session())
    assert names_on_roster() == ["Siti R."]


@pytest.mark.parametrize("invited", [[PARTICIPANT], [PARTICIPANT, OTHER_PARTICIPANT]])
def test_a_crash_after_a_roster_was_written_is_made_good_when_the_record_comes_again(
    monkeypatch: pytest.MonkeyPatch, invited: list[str]
) -> None:
    """Of which the session may have heard already: the rest of what the record brings is old."""
    take_in("user", demo.SPEC_USERS[0])
    write = coaching._write_roster

    def crash(*arguments: Any) -> bool:
        rename_heard_by_rows()
        assert write(*arguments)
        raise Unavailable

    sent = message("session", session(participant_ids=invited))
    with monkeypatch.context() as patch:
        patch.setattr(coaching, "_write_roster", crash)
        assert records_queue.take([sent])["batchItemFailures"]
    assert names_on_roster() == []
    assert records_queue.take([sent]) == {"batchItemFailures": []}
    assert names_on_roster() == ["Siti R."]


def test_what_is_written_of_a_large_roster_is_right_before_the_rest_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take_in_people()
    write = coaching._write_roster

    def rename_first(*arguments: Any) -> bool:
        rename_heard_by_rows()
        return write(*arguments)

    monkeypatch.setattr(coaching, "_write_roster", rename_first)
    others = [f"ffffffff-0000-4000-8000-{number:012}" for number in range(150)]
    sent = message("session", session(participant_ids=[PARTICIPANT, *others]))
    assert records_queue.take([sent], Time(2))["batchItemFailures"]
    assert names_on_roster() == ["Siti R."]


def test_a_roster_that_was_long_on_its_way_brings_no_old_name_back(wire: Wire) -> None:
    """Given up by the client and made anew, it is delivered when the name has changed since."""
    take_in_people()
    take_in("session", session(participant_ids=[]))
    record = SessionRecord.model_validate(session(updated_at=NEWER))
    held: list[list[Deliver]] = []

    def has_time() -> bool:
        held.append(wire.hold_back(times=3))
        return True

    coaching.save(record, has_time)
    rename_heard_by_rows()
    assert names_on_roster() == ["Siti R."]
    (of_write,) = held
    for deliver in of_write:
        deliver()
    assert names_on_roster() == ["Siti R."]


def test_old_and_new_at_once_end_with_the_new() -> None:
    take_in_people()
    people = [PARTICIPANT, OTHER_PARTICIPANT]
    moments = [f"2026-02-2{day}T00:00:00.000Z" for day in range(6)]

    def bring(number: int) -> None:
        moment = moments[number]
        take_in("item", item(title=moment, updated_at=moment))
        take_in("session", session(title=moment, participant_ids=[people[number % 2]], updated_at=moment))
        take_in("submission", submission(feedback=moment, updated_at=moment))

    race(len(moments), bring)
    assert item_row()["title"] == moments[-1]
    assert stored_session()["title"] == moments[-1]
    assert stored_submission()["feedback"] == moments[-1]
    roster = coaching.presences(BY_ASESOR, SESSION, ANY).rows
    assert [row["participant_id"] for row in roster] == [OTHER_PARTICIPANT]


@pytest.fixture
def rejected(monkeypatch: pytest.MonkeyPatch) -> list[Data]:
    """What is sent to the queue of rejected records, as the SDK would send it."""
    sent: list[Data] = []

    def note(params: Data, **_: Any) -> None:
        sent.append(params)

    def answer(**_: Any) -> Any:
        return SimpleNamespace(status_code=200), {"MessageId": new_id()}

    client: Any = botocore.session.get_session().create_client("sqs")
    client.meta.events.register("provide-client-params.sqs.SendMessage", note)
    client.meta.events.register("before-call.sqs.SendMessage", answer)
    monkeypatch.setattr(sqs, "client", lambda: client)
    return sent


def test_the_malformed_go_to_the_rejected_with_their_reason_and_the_others_come_in(
    rejected: list[Data],
) -> None:
    bad = [
        message("submission", submission(score="100")),
        message("user", participant() | {"role": "root", "id": "7"}),
        message("course", {}),
        {"messageId": new_id(), "body": "no JSON"},
    ]
    good = [message("item", item()), message("user", participant())]
    assert records_queue.take([bad[0], good[0], bad[1], bad[2], good[1], bad[3]]) == {"batchItemFailures": []}
    assert item_row()
    assert user_row()
    told = [
        (
            sent["MessageBody"],
            {name: value["StringValue"] for name, value in sent["MessageAttributes"].items()},
        )
        for sent in rejected
    ]
    reasons = [
        "score: must be a number, 0 or more",
        "id: must be a lower-case UUID; role: must be admin, asesor or participant",
        "type: must be user.saved, item.saved, session.saved, submission.saved",
        "not an event with detail-type and detail",
    ]
    assert told == [
        (sent["body"], {"reason": reason, "message_id": sent["messageId"]})
        for sent, reason in zip(bad, reasons, strict=True)
    ]
    assert {sent["QueueUrl"] for sent in rejected} == {"RejectedRecords"}


def test_what_fails_for_now_comes_again_alone(rejected: list[Data], monkeypatch: pytest.MonkeyPatch) -> None:
    save_item = directory.save_item

    def fail(record: Any) -> None:
        if record.title == "fails":
            raise Unavailable
        save_item(record)

    monkeypatch.setattr(directory, "save_item", fail)
    failing, good = message("item", item(id=new_id(), title="fails")), message("item", item())
    answer = records_queue.take([failing, good])
    assert answer == {"batchItemFailures": [{"itemIdentifier": failing["messageId"]}]}
    assert item_row()
    assert rejected == []


def test_nothing_of_a_failing_record_is_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise Unavailable

    monkeypatch.setattr("teaching.dynamo.update", fail)
    assert len(records_queue.take([message("user", participant())])["batchItemFailures"]) == 1
    (record,) = caplog.records
    for secret in ("3201121509950003", "123456789012345"):
        assert secret not in str(vars(record))


@pytest.mark.usefixtures("tables")
def test_a_rejection_that_cannot_be_sent_comes_again_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise Unavailable

    monkeypatch.setattr(records_queue, "_reject", fail)
    bad, good = message("user", None), message("item", item())
    assert records_queue.take([bad, good]) == {"batchItemFailures": [{"itemIdentifier": bad["messageId"]}]}
    assert item_row()


@pytest.mark.parametrize("number", ["1e1000000", "1e309", "-1e400"])
def test_a_number_that_no_double_holds_is_rejected_at_once(number: str) -> None:
    body = json.dumps({"detail-type": "item.saved", "detail": item(data="NUMBER")})
    with pytest.raises(Malformed, match="data: must be JSON"):
        records_queue.record_of(body.replace('"NUMBER"', number))


@pytest.mark.parametrize(
    "url",
    [
        "https://",
        "https://a b",
        "https://é.example",
        "http://a.example",
        "https:///x",
        "https://[",
        "https://[secret]",
        "https://a]b",
        "https://[v1.a]@",
    ],
)
def test_a_meeting_link_is_an_https_address(url: str) -> None:
    body = json.dumps({"detail-type": "session.saved", "detail": session(meeting_url=url)})
    with pytest.raises(Malformed, match=r"^meeting_url: must be an https address$"):
        records_queue.record_of(body)


def test_a_new_attempt_takes_no_grade_away() -> None:
    take_in_examples()
    grading.grade(BY_ASESOR, SUBMISSION, Grade(score=Decimal(80)))
    take_in("submission", submission(status="in_progress", submitted_at=NEWEST, updated_at=NEWEST))
    assert stored_submission()["status"] == "graded"
    assert stored_submission()["score"] == 80


def test_a_long_name_fits_an_index_key() -> None:
    take_in_people()
    take_in("user", participant(name="ﬃ" * 500, updated_at=NEWEST))
    take_in("session", session())
    assert len(stored_presence()["name_key"].encode()) <= 1024
