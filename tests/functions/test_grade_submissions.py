import json
from typing import Any

import pytest

from benchmarks.meter import metered
from teaching import dynamo, limits
from teaching.dynamo import ConditionFailed
from teaching.limits import BATCH_MOST
from tests.functions.conftest import Ask, SetClock
from tests.support import (
    ADMIN,
    NOBODYS,
    OTHERS_SUBMISSION,
    SUBMISSION,
    Answer,
    new_id,
    past_grades,
    stored_submission,
    submission,
    take_in,
)


def grades(*entries: Any) -> dict[str, Any]:
    return {"grades": list(entries)}


def given(identity: str = SUBMISSION, score: Any = 90, **more: Any) -> dict[str, Any]:
    return {"id": identity, "score": score, **more}


def results(answer: Answer) -> list[Any]:
    content = answer.content
    assert (answer.status, list(content), content["message"], content["status"]) == (
        200,
        ["data", "message", "status"],
        "success",
        True,
    )
    return list(content["data"])


def handed_in(number: int, **changes: Any) -> list[str]:
    identities = [new_id() for _ in range(number)]
    take_in("submission", *[submission(id=identity, **changes) for identity in identities])
    return identities


@pytest.mark.usefixtures("both_asesors")
def test_each_is_answered_as_the_single_request_would_be(ask: Ask, at: SetClock) -> None:
    at("2026-03-01T00:00:00.000Z")
    (in_progress, single) = *handed_in(1, status="in_progress", submitted_at=None, score=None), *handed_in(1)
    entries = [
        given(feedback="Ok mantep"),
        given(OTHERS_SUBMISSION),
        given(NOBODYS),
        given("malformed", score="bad"),
        given(in_progress),
        given(new_id(), score="90", note="typo"),
    ]
    got = results(ask("grade_submissions", "asesor", body=grades(*entries)))
    alone = ask("grade_submission", "asesor", single, body={"score": 90, "feedback": "Ok mantep"}).content
    assert got[0] == {**alone, "data": {**alone["data"], "id": SUBMISSION}}
    for entry, result in zip(entries[1:], got[1:], strict=True):
        body = {name: value for name, value in entry.items() if name != "id"}
        assert result == ask("grade_submission", "asesor", entry["id"], body=body).content


@pytest.mark.usefixtures("examples")
def test_an_entry_that_is_no_grade_fails_alone(ask: Ask) -> None:
    got = results(ask("grade_submissions", "admin", body=grades(7, {"score": 1}, given(id=7), given())))
    assert [result.get("errors") for result in got] == [
        ["Invalid request body", "body: must be a JSON object"],
        ["Invalid request body", "id: is required"],
        ["Invalid request body", "id: must be text"],
        None,
    ]
    assert stored_submission()["score"] == 90


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("[]", "body: must be a JSON object"),
        ({}, "grades: is required"),
        ({"grades": {}}, "grades: must be a list"),
        (grades(), "grades: must be at least 1 entries"),
        (grades(*[given(f"{number}") for number in range(101)]), "grades: must be at most 100 entries"),
        (grades(given(), given(score=1)), "grades: must be entries of which no two have the same id"),
        (grades(given(), given(score="1")), "grades: must be entries of which no two have the same id"),
        (grades(given()) | {"grade": 1}, "grade: is not a known field"),
    ],
)
def test_a_body_that_is_malformed_as_a_whole_writes_nothing(ask: Ask, body: Any, detail: str) -> None:
    before = stored_submission()
    answer = ask("grade_submissions", "admin", body=body)
    assert (answer.status, answer.errors) == (400, ["Invalid request body", detail])
    assert stored_submission() == before


@pytest.mark.usefixtures("examples")
def test_as_many_as_may_be_are_graded_at_the_trips_of_one(ask: Ask) -> None:
    identities = handed_in(BATCH_MOST)
    body = grades(*[given(identity, number) for number, identity in enumerate(identities)])
    with metered() as cost:
        answer = ask("grade_submissions", "asesor", body=body)
    assert [result["data"]["score"] for result in results(answer)] == list(range(BATCH_MOST))
    assert [result["data"]["id"] for result in results(answer)] == identities
    assert cost.trips == 3
    assert cost.write_requests == BATCH_MOST


@pytest.mark.usefixtures("examples")
def test_one_that_others_are_faster_at_is_tried_anew_and_the_others_are_not(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    identities = handed_in(3)
    write, tried = dynamo.Request.write, []

    def lose_once(request: dynamo.Request, stored: Any, *arguments: Any) -> Any:
        tried.append(stored["id"])
        if tried.count(stored["id"]) == 1 and stored["id"] == identities[1]:
            raise ConditionFailed
        return write(request, stored, *arguments)

    monkeypatch.setattr(dynamo.Request, "write", lose_once)
    got = results(ask("grade_submissions", "admin", body=grades(*[given(each) for each in identities])))
    assert [result["data"]["score"] for result in got] == [90, 90, 90]
    assert sorted(tried) == sorted([*identities, identities[1]])


@pytest.mark.usefixtures("examples")
def test_a_fault_at_one_is_its_own(ask: Ask) -> None:
    (broken,) = handed_in(1)
    dynamo.put("SubmissionsTable", {"id": broken, "order_key": "x", "user_id": ADMIN, "version": 1})
    got = results(ask("grade_submissions", "admin", body=grades(given(broken), given())))
    assert got[0] == {"errors": ["Internal server error"], "status": False}
    assert got[1]["data"]["score"] == 90


@pytest.mark.usefixtures("examples")
def test_the_grades_that_are_replaced_are_kept(ask: Ask) -> None:
    for score in (10, 20):
        ask("grade_submissions", "asesor", body=grades(given(score=score)))
    assert [grade["score"] for grade in past_grades()] == [100, 10]


@pytest.mark.usefixtures("examples")
def test_what_has_no_room_in_the_answer_is_not_written(ask: Ask) -> None:
    """Snapshots of quotation marks, which JSON within JSON makes four times as long."""
    large = handed_in(20, response_snapshot='"' * (limits.SNAPSHOT_BYTES // 2 - 10))
    body = grades(*[given(identity) for identity in large])
    answer = ask("grade_submissions", "admin", body=body)
    got = results(answer)
    assert len(json.dumps({"body": answer.text})) < limits.ANSWER_BYTES
    failed = [identity for identity, result in zip(large, got, strict=True) if "errors" in result]
    assert 0 < len(failed) < len(large)
    for identity in large:
        assert (stored_submission(identity)["status"] == "submitted") is (identity in failed)
    again = results(ask("grade_submissions", "admin", body=grades(*[given(identity) for identity in failed])))
    assert all(result["status"] for result in again)


def test_the_body_may_be_longer_than_of_one(ask: Ask, tables: str) -> None:
    def asked(size: int) -> Answer:
        text = json.dumps(grades(given(NOBODYS)))
        return ask("grade_submissions", "admin", body=text + " " * (size - len(text)))

    assert asked(256 * 1024).status == 200
    assert asked(256 * 1024 + 1).errors[0] == "Request body too large"


@pytest.mark.usefixtures("examples")
def test_a_participant_may_not(ask: Ask) -> None:
    answer = ask("grade_submissions", "participant", body="no JSON")
    assert (answer.status, answer.errors) == (403, ["Forbidden"])
