import pytest

from tests.functions.conftest import Ask
from tests.support import (
    NOBODYS,
    OTHER_ASESOR,
    OTHERS_SUBMISSION,
    SUBMISSION,
    compact,
    new_id,
    person,
    submission,
    take_in,
)

EXAMPLE = """{
    "data": {
        "id": "ed6ea4de-c2bd-4eef-a11c-ecef14ea5c8e",
        "user_id": "54b509a1-cb72-463f-bd8f-a29779624fac",
        "item_id": "11111111-bbbb-4111-8111-111111111111",
        "score": 100,
        "response_snapshot": {
            "answers": [
                {
                    "answer_id": "bbbbbbbb-1111-4111-8111-bbbbbbbbbbbb",
                    "question_id": "aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa"
                }
            ],
            "category": "quiz"
        },
        "status": "submitted",
        "feedback": null,
        "graded_at": "2026-02-18T06:30:09.094Z",
        "graded_by": null,
        "submitted_at": "2026-02-18T06:30:09.094Z",
        "updated_at": "2026-02-18T06:30:09.102Z",
        "course_id": "fd2dbe2b-dabe-4cdd-b72a-9a5f3c8774e3",
        "user": {
            "id": "54b509a1-cb72-463f-bd8f-a29779624fac",
            "name": "Siti Rahmawati",
            "email": "iqbalbtr@email.com",
            "profile": null,
            "participant_profile": {
                "id": "ac036d69-373c-4283-a7e6-827301d1cfc6",
                "clasification": "go_digital",
                "nik": "3201121509950003",
                "npwp": "123456789012345",
                "last_education": "Bachelor Degree",
                "stage": "regional",
                "start_year": 2018,
                "province": "Jawa Barat",
                "street": "Jl. Asia Afrika No. 45",
                "city": "Bandung",
                "postal_code": "40111",
                "source_joined": "Instagram",
                "asesor_id": "970d8099-2491-4fe6-9136-115560f10c77",
                "user_id": "54b509a1-cb72-463f-bd8f-a29779624fac",
                "created_at": "2026-02-18T06:17:20.043Z",
                "updated_at": "2026-02-18T06:57:16.207Z"
            }
        },
        "item": {
            "id": "11111111-bbbb-4111-8111-111111111111",
            "module_id": "11111111-1111-4111-8111-111111111111",
            "title": "Quiz Digital Dasar",
            "category": "quiz",
            "sequence": 2,
            "data": {
                "title": "Quiz Fundamental",
                "category": "quiz",
                "max_attempts": 1,
                "questions": [
                    {
                        "id": "aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa",
                        "points": 100,
                        "options": [
                            {
                                "id": "bbbbbbbb-1111-4111-8111-bbbbbbbbbbbb",
                                "is_correct": true,
                                "option_text": "Efisiensi operasional"
                            },
                            {
                                "id": "cccccccc-1111-4111-8111-cccccccccccc",
                                "is_correct": false,
                                "option_text": "Menambah birokrasi"
                            }
                        ],
                        "question_text": "Apa manfaat digitalisasi?"
                    }
                ],
                "passing_score": 100,
                "time_limit_seconds": 600
            },
            "is_published": true,
            "created_at": "2026-02-15T13:42:23.377Z",
            "updated_at": "2026-02-19T11:58:34.068Z"
        }
    },
    "message": "success",
    "status": true
}"""
NOT_FOUND = (404, '{"errors":["Submission not found"],"status":false}')


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize("role", ["admin", "asesor"])
def test_the_specs_example(ask: Ask, role: str) -> None:
    answer = ask("get_submission", role, SUBMISSION)
    assert (answer.status, answer.text) == (200, compact(EXAMPLE))


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
