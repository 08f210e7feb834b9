"""ETag and If-Match, over the functions that tell versions and take them."""

import pytest

from teaching import dynamo
from tests.functions.conftest import Ask
from tests.support import NOBODYS, SESSION, SUBMISSION, session, stored_session, stored_submission, take_in

pytestmark = pytest.mark.usefixtures("examples")


def test_details_and_a_grade_tell_the_version_of_the_row(ask: Ask) -> None:
    before = ask("get_submission", "asesor", SUBMISSION).headers["etag"]
    assert before == f'"{stored_submission()["version"]}"'
    graded = ask("grade_submission", "asesor", SUBMISSION, body={"score": 90}).headers["etag"]
    assert graded != before
    assert graded == ask("get_submission", "admin", SUBMISSION).headers["etag"]


def test_a_grade_goes_only_over_the_version_that_was_read(ask: Ask) -> None:
    read = {"if-match": ask("get_submission", "asesor", SUBMISSION).headers["etag"]}
    assert ask("grade_submission", "asesor", SUBMISSION, body={"score": 90}, headers=read).status == 200
    kept = stored_submission()
    answer = ask("grade_submission", "admin", SUBMISSION, body={"score": 10}, headers=read)
    assert (answer.status, answer.errors[0]) == (412, "Precondition failed")
    assert stored_submission() == kept
    for any_version in ({"if-match": "*"}, {}):
        answer = ask("grade_submission", "admin", SUBMISSION, body={"score": 10}, headers=any_version)
        assert answer.status == 200


def test_another_who_grades_between_the_reading_and_the_writing_is_not_replaced(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = {"if-match": ask("get_submission", "asesor", SUBMISSION).headers["etag"]}
    write = dynamo.Request.write

    def after_another(request: dynamo.Request, *arguments: object) -> object:
        monkeypatch.setattr(dynamo.Request, "write", write)
        assert ask("grade_submission", "admin", SUBMISSION, body={"score": 10}).status == 200
        return write(request, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(dynamo.Request, "write", after_another)
    answer = ask("grade_submission", "asesor", SUBMISSION, body={"score": 90}, headers=read)
    assert answer.status == 412
    assert stored_submission()["score"] == 10


def test_start_and_end_tell_versions_and_take_them(ask: Ask) -> None:
    old = {"if-match": f'"{stored_session()["version"]}"'}
    started = ask("start_coaching", "asesor", SESSION, headers=old)
    assert started.status == 302
    assert started.headers["etag"] == f'"{stored_session()["version"]}"'
    for again in ("start_coaching", "end_coaching"):
        answer = ask(again, "asesor", SESSION, headers=old)
        assert (answer.status, answer.errors[0]) == (412, "Precondition failed")
    ended = ask("end_coaching", "asesor", SESSION, headers={"if-match": started.headers["etag"]})
    assert ended.status == 200
    assert ended.headers["etag"] == f'"{stored_session()["version"]}"'


@pytest.mark.parametrize("function", ["grade_submission", "start_coaching", "end_coaching"])
def test_a_malformed_header_is_400_and_changes_nothing(ask: Ask, function: str) -> None:
    before = stored_submission(), stored_session()
    identity = SUBMISSION if function == "grade_submission" else SESSION
    answer = ask(function, "asesor", identity, headers={"if-match": "5"})
    assert (answer.status, answer.errors) == (
        400,
        ["Invalid request headers", 'If-Match: must be * or entity tags in quotes, as in "5"'],
    )
    assert (stored_submission(), stored_session()) == before


def test_what_is_not_there_is_404_whatever_version_is_asked_for(ask: Ask) -> None:
    for function in ("grade_submission", "start_coaching", "end_coaching"):
        assert ask(function, "asesor", NOBODYS, headers={"if-match": '"1"'}).status == 404


def test_a_stale_version_is_told_before_a_state_that_forbids_it(ask: Ask) -> None:
    take_in("session", session(status="completed", updated_at="2026-03-11T00:00:00.000Z"))
    assert ask("end_coaching", "asesor", SESSION, headers={"if-match": '"0"'}).status == 412
    assert ask("end_coaching", "asesor", SESSION, headers={"if-match": "*"}).status == 400
