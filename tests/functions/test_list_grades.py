from typing import Any

import pytest

from local import demo
from teaching import dynamo
from tests.examples import answer_text
from tests.functions.conftest import Ask, SetClock
from tests.support import (
    ADMIN,
    ASESOR,
    NOBODYS,
    OTHER_ASESOR,
    OTHERS_SUBMISSION,
    PARTICIPANT,
    SUBMISSION,
    Answer,
    new_id,
    participant,
    past_grades,
    person,
    race,
    stored_submission,
    submission,
    take_in,
)

EXAMPLE = answer_text("list_grades")
NOT_FOUND = (404, '{"errors":["Submission not found"],"status":false}')


def scores(answer: Answer) -> list[Any]:
    assert answer.status == 200
    return [row["score"] for row in answer.content["data"]]


def graded(ask: Ask, *given: int, role: str = "asesor") -> None:
    for score in given:
        assert ask("grade_submission", role, SUBMISSION, body={"score": score}).status == 200


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize("role", ["admin", "asesor"])
def test_the_example(ask: Ask, at: SetClock, role: str) -> None:
    at("2026-02-20T01:52:21.494Z")
    body = {"score": 90, "feedback": "Ok mantep"}
    assert ask("grade_submission", "asesor", SUBMISSION, body=body).status == 200
    answer = ask("list_grades", role, SUBMISSION)
    assert (answer.status, answer.text) == (200, EXAMPLE)


@pytest.mark.usefixtures("both_asesors")
def test_who_may_see_which(ask: Ask) -> None:
    for role, subject, identity in (
        ("admin", None, SUBMISSION),
        ("admin", None, OTHERS_SUBMISSION),
        ("asesor", None, SUBMISSION),
        ("asesor", OTHER_ASESOR, OTHERS_SUBMISSION),
    ):
        assert scores(ask("list_grades", role, identity, subject=subject)) == [100]
    for role, subject, identity in (
        ("admin", None, NOBODYS),
        ("admin", None, "malformed"),
        ("asesor", None, OTHERS_SUBMISSION),
        ("asesor", None, NOBODYS),
        ("asesor", None, SUBMISSION.upper()),
        ("asesor", OTHER_ASESOR, SUBMISSION),
        ("asesor", NOBODYS, SUBMISSION),
    ):
        answer = ask("list_grades", role, identity, subject=subject)
        assert (answer.status, answer.text) == NOT_FOUND, (role, subject, identity)
    for identity in (SUBMISSION, OTHERS_SUBMISSION, NOBODYS, "malformed"):
        answer = ask("list_grades", "participant", identity, query="limit=0")
        assert (answer.status, answer.errors) == (403, ["Forbidden"])


@pytest.mark.usefixtures("both_asesors")
def test_a_reassignment_counts_at_once(ask: Ask) -> None:
    take_in("user", participant(PARTICIPANT, asesor=OTHER_ASESOR, updated_at="2026-03-01T00:00:00.000Z"))
    assert ask("list_grades", "asesor", SUBMISSION).status == 404
    assert scores(ask("list_grades", "asesor", SUBMISSION, subject=OTHER_ASESOR)) == [100]


@pytest.mark.usefixtures("examples")
def test_one_without_a_score_has_none(ask: Ask) -> None:
    identity = new_id()
    take_in("submission", submission(id=identity, score=None, graded_at=None))
    content = ask("list_grades", "asesor", identity).content
    assert content["data"] == []
    assert content["pagination"]["total_items"] == 0


@pytest.mark.usefixtures("examples")
def test_all_pages_are_all_grades_once_newest_first(ask: Ask) -> None:
    graded(ask, *range(10))
    expected = [*range(9, -1, -1), 100]
    for limit in (1, 3, 11, 25):
        pages = -(-11 // limit)
        found = []
        for page in range(1, pages + 2):
            answer = ask("list_grades", "asesor", SUBMISSION, query=f"limit={limit}&page={page}")
            found += scores(answer)
            assert answer.content["pagination"]["total_items"] == 11
        assert found == expected


@pytest.mark.usefixtures("examples")
def test_the_same_grade_again_is_one(ask: Ask) -> None:
    graded(ask, 90, 90, 90)
    assert scores(ask("list_grades", "asesor", SUBMISSION)) == [90, 100]


@pytest.mark.usefixtures("examples")
def test_grades_given_at_once_are_all_there(ask: Ask) -> None:
    race(5, lambda number: graded(ask, number))
    content = ask("list_grades", "asesor", SUBMISSION).content
    found = [row["score"] for row in content["data"]]
    assert (sorted(found[:-1]), found[-1]) == ([0, 1, 2, 3, 4], 100)
    assert content["pagination"]["total_items"] == 6


@pytest.mark.usefixtures("examples")
def test_a_grade_given_between_the_two_readings_is_in_neither(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = dynamo.query

    def after_another(*arguments: Any, **named: Any) -> Any:
        monkeypatch.setattr(dynamo, "query", really)
        graded(ask, 70)
        return really(*arguments, **named)

    graded(ask, 90)
    monkeypatch.setattr(dynamo, "query", after_another)
    answer = ask("list_grades", "asesor", SUBMISSION)
    assert scores(answer) == [90, 100]
    assert answer.content["pagination"]["total_items"] == 2
    assert scores(ask("list_grades", "asesor", SUBMISSION)) == [70, 90, 100]


@pytest.mark.usefixtures("examples")
def test_what_a_newer_hand_in_replaced_stays(ask: Ask) -> None:
    graded(ask, 90)
    later = {"submitted_at": "2026-03-01T00:00:00.000Z", "updated_at": "2026-03-01T00:00:00.000Z"}
    take_in("submission", submission(**later, score=None, graded_at=None))
    content = ask("list_grades", "asesor", SUBMISSION).content
    assert [row["score"] for row in content["data"]] == [90, 100]
    assert content["pagination"]["total_items"] == 2
    graded(ask, 50)
    content = ask("list_grades", "asesor", SUBMISSION).content
    told = [(row["score"], row["submitted_at"]) for row in content["data"]]
    before = demo.SPEC_SUBMISSION["submitted_at"]
    assert told == [(50, later["submitted_at"]), (90, before), (100, before)]
    assert content["pagination"]["total_items"] == 3


@pytest.mark.usefixtures("examples")
def test_a_row_of_before_grades_were_counted_is_counted_whole(ask: Ask) -> None:
    graded(ask, 10, 20)
    stored = stored_submission()
    dynamo.update_from("SubmissionsTable", {"id": SUBMISSION}, stored, {"past_grades": None})
    graded(ask, 30)
    assert len(past_grades()) == 3
    answer = ask("list_grades", "asesor", SUBMISSION, query="limit=1&page=2")
    assert scores(answer) == [20]
    assert answer.content["pagination"]["total_items"] == 4


@pytest.mark.usefixtures("examples")
def test_who_gave_what_was_replaced_is_called_as_then(ask: Ask) -> None:
    graded(ask, 90)
    graded(ask, 80, role="admin")
    take_in("user", person("asesor", ASESOR, "Budi S."))
    rows = ask("list_grades", "admin", SUBMISSION).content["data"]
    given = [row["graded_by"] and (row["graded_by"]["id"], row["graded_by"]["name"]) for row in rows]
    assert given == [(ADMIN, ""), (ASESOR, "Budi Santoso"), None]


@pytest.mark.usefixtures("examples")
def test_a_bad_query_and_what_is_no_filter_here(ask: Ask) -> None:
    answer = ask("list_grades", "asesor", SUBMISSION, query="limit=0")
    assert (answer.status, answer.errors[0]) == (400, "Invalid query parameters")
    assert scores(ask("list_grades", "asesor", SUBMISSION, query="search=x&search=y")) == [100]
