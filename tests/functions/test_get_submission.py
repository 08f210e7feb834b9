import pytest

from tests.examples import answer_text
from tests.functions.conftest import Ask
from tests.support import (
    NOBODYS,
    OTHER_ASESOR,
    OTHERS_SUBMISSION,
    SUBMISSION,
    new_id,
    person,
    submission,
    take_in,
)

EXAMPLE = answer_text("get_submission")
NOT_FOUND = (404, '{"errors":["Submission not found"],"status":false}')


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize("role", ["admin", "asesor"])
def test_the_specs_example(ask: Ask, role: str) -> None:
    answer = ask("get_submission", role, SUBMISSION)
    assert (answer.status, answer.text) == (200, EXAMPLE)


@pytest.mark.usefixtures("both_asesors")
def test_who_may_see_which(ask: Ask) -> None:
    for role, subject, identity in (
        ("admin", None, SUBMISSION),
        ("admin", None, OTHERS_SUBMISSION),
        ("asesor", None, SUBMISSION),
        ("asesor", OTHER_ASESOR, OTHERS_SUBMISSION),
    ):
        answer = ask("get_submission", role, identity, subject=subject)
        assert (answer.status, answer.content["data"]["id"]) == (200, identity)
    for role, subject, identity in (
        ("admin", None, NOBODYS),
        ("admin", None, "malformed"),
        ("asesor", None, OTHERS_SUBMISSION),
        ("asesor", None, NOBODYS),
        ("asesor", None, SUBMISSION.upper()),
        ("asesor", OTHER_ASESOR, SUBMISSION),
        ("asesor", NOBODYS, SUBMISSION),
    ):
        answer = ask("get_submission", role, identity, subject=subject)
        assert (answer.status, answer.text) == NOT_FOUND, (role, subject, identity)
    for identity in (SUBMISSION, OTHERS_SUBMISSION, NOBODYS, "malformed"):
        answer = ask("get_submission", "participant", identity)
        assert (answer.status, answer.errors) == (403, ["Forbidden"])


@pytest.mark.usefixtures("examples")
def test_one_that_waits_for_its_participant_or_item_is_not_there_yet(ask: Ask) -> None:
    waiting = [submission(id=new_id(), user_id=new_id()), submission(id=new_id(), item_id=new_id())]
    take_in("submission", *waiting)
    for data in waiting:
        answer = ask("get_submission", "admin", data["id"])
        assert (answer.status, answer.text) == NOT_FOUND


@pytest.mark.usefixtures("examples")
def test_a_participant_without_a_profile_has_none(ask: Ask) -> None:
    someone, theirs = new_id(), new_id()
    take_in("user", person("participant", someone, "Tono", profile={"photo": "é.png"}))
    take_in("submission", submission(id=theirs, user_id=someone))
    user = ask("get_submission", "admin", theirs).content["data"]["user"]
    assert user["participant_profile"] is None
    assert user["profile"] == {"photo": "é.png"}
    assert ask("get_submission", "asesor", theirs).status == 404


@pytest.mark.usefixtures("examples")
def test_what_is_personal_is_never_logged(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault while answering")

    monkeypatch.setattr("teaching.directory.people.material_item", fail)
    answer = ask("get_submission", "admin", SUBMISSION)
    assert (answer.status, answer.text) == (500, '{"errors":["Internal server error"],"status":false}')
    (record,) = caplog.records
    for secret in ("3201121509950003", "123456789012345", "is_correct", "Bearer"):
        assert secret not in str(vars(record))
