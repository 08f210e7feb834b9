from typing import Any

import pytest

from teaching.errors import Unavailable
from tests.examples import answer_text
from tests.functions.conftest import Ask, SetClock
from tests.support import (
    ADMIN,
    NOBODYS,
    OTHER_ASESOR,
    OTHERS_SUBMISSION,
    SUBMISSION,
    new_id,
    past_grades,
    stored_submission,
    submission,
    take_in,
)

EXAMPLE = answer_text("grade_submission").replace("15:06:03.123Z", "15:06:03.117Z")
"""Graded and updated at one time."""
NOT_FOUND = (404, '{"errors":["Submission not found"],"status":false}')


@pytest.mark.usefixtures("examples")
def test_the_specs_example(ask: Ask, at: SetClock) -> None:
    at("2026-02-19T15:06:03.117Z")
    body = {"score": 90, "feedback": "Ok mantep"}
    answer = ask("grade_submission", "asesor", SUBMISSION, body=body)
    assert (answer.status, answer.text) == (200, EXAMPLE)


@pytest.mark.usefixtures("both_asesors")
def test_who_may_grade_which(ask: Ask) -> None:
    for role, subject, identity in (
        ("admin", None, SUBMISSION),
        ("admin", None, OTHERS_SUBMISSION),
        ("asesor", None, SUBMISSION),
        ("asesor", OTHER_ASESOR, OTHERS_SUBMISSION),
    ):
        answer = ask("grade_submission", role, identity, subject=subject, body={"score": 1})
        assert (answer.status, answer.content["data"]["id"]) == (200, identity)
    before = stored_submission(), stored_submission(OTHERS_SUBMISSION)
    for role, subject, identity in (
        ("admin", None, NOBODYS),
        ("admin", None, "malformed"),
        ("asesor", None, OTHERS_SUBMISSION),
        ("asesor", None, NOBODYS),
        ("asesor", None, SUBMISSION.upper()),
        ("asesor", OTHER_ASESOR, SUBMISSION),
        ("asesor", NOBODYS, SUBMISSION),
    ):
        answer = ask("grade_submission", role, identity, subject=subject, body={"score": 2})
        assert (answer.status, answer.text) == NOT_FOUND, (role, subject, identity)
    for identity in (SUBMISSION, OTHERS_SUBMISSION, NOBODYS, "malformed"):
        answer = ask("grade_submission", "participant", identity, body="no JSON")
        assert (answer.status, answer.errors) == (403, ["Forbidden"])
    assert (stored_submission(), stored_submission(OTHERS_SUBMISSION)) == before


@pytest.mark.usefixtures("both_asesors")
def test_a_bad_body_answers_the_same_for_ones_own_anothers_and_none(ask: Ask) -> None:
    answers = {
        ask("grade_submission", "asesor", identity, body={"score": "90", "grade": 1}).text
        for identity in (SUBMISSION, OTHERS_SUBMISSION, NOBODYS)
    }
    assert answers == {
        '{"errors":["Invalid request body","score: must be a number, 0 or more",'
        '"grade: is not a known field"],"status":false}'
    }


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ("90", 90),
        ("90.0", 90),
        ("90.5", 90.5),
        ("0", 0),
        ("1e2", 100),
        ("12345.678", 12345.678),
        ("0.1", 0.1),
    ],
)
def test_a_score_is_answered_as_a_json_number(ask: Ask, sent: str, answered: Any) -> None:
    answer = ask("grade_submission", "asesor", SUBMISSION, body=f'{{"score": {sent}}}')
    assert f'"score":{answered},' in answer.text
    assert f'"score":{answered},' in ask("get_submission", "asesor", SUBMISSION).text


@pytest.mark.usefixtures("examples")
def test_what_is_in_progress_cannot_be_graded(ask: Ask) -> None:
    identity = new_id()
    take_in("submission", submission(id=identity, status="in_progress", submitted_at=None, score=None))
    before = stored_submission(identity)
    answer = ask("grade_submission", "asesor", identity, body={"score": 90})
    assert (answer.status, answer.errors[0]) == (400, "Submission cannot be graded")
    assert stored_submission(identity) == before


@pytest.mark.usefixtures("examples")
def test_a_graded_one_can_be_graded_again_and_keeps_its_history(ask: Ask) -> None:
    for score in (10, 20):
        assert ask("grade_submission", "asesor", SUBMISSION, body={"score": score}).status == 200
    answer = ask("grade_submission", "admin", SUBMISSION, body={"score": 30, "feedback": "final"})
    data = answer.content["data"]
    assert (data["score"], data["feedback"], data["graded_by"]["id"]) == (30, "final", ADMIN)
    assert [grade["score"] for grade in past_grades()] == [100, 10, 20]


@pytest.mark.usefixtures("examples")
def test_an_admin_whose_record_has_not_come_in_grades_too(ask: Ask) -> None:
    data = ask("grade_submission", "admin", SUBMISSION, subject=NOBODYS, body={"score": 1}).content["data"]
    assert data["graded_by"] == {"id": NOBODYS, "name": "", "email": "", "profile": None}


@pytest.mark.usefixtures("examples")
def test_feedback_stays_unless_given_and_null_takes_it_away(ask: Ask) -> None:
    def feedback(body: Any) -> Any:
        return ask("grade_submission", "asesor", SUBMISSION, body=body).content["data"]["feedback"]

    assert feedback({"score": 1, "feedback": "Ok mantep"}) == "Ok mantep"
    assert feedback({"score": 2}) == "Ok mantep"
    assert feedback({"score": 3, "feedback": None}) is None


@pytest.mark.usefixtures("examples")
def test_the_store_that_does_not_answer_is_503(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise Unavailable

    monkeypatch.setattr("teaching.dynamo.transact", fail)
    answer = ask("grade_submission", "asesor", SUBMISSION, body={"score": 1})
    assert (answer.status, answer.errors) == (503, ["Service unavailable"])
    assert answer.headers["retry-after"] == "1"


def test_a_body_over_64_kilobytes_is_413(ask: Ask) -> None:
    body = '{"score": 1, "feedback": "' + "x" * 64 * 1024 + '"}'
    answer = ask("grade_submission", "asesor", SUBMISSION, body=body)
    assert (answer.status, answer.errors[0]) == (413, "Request body too large")
