import pytest

from local import demo
from tests.examples import example
from tests.functions.conftest import Ask
from tests.support import ITEM, SESSION, SUBMISSION, invoke, item, session, submission, take_in


@pytest.mark.usefixtures("tables")
def test_what_waited_for_people_is_completed_when_they_arrive(ask: Ask) -> None:
    take_in("item", item())
    take_in("session", session())
    take_in("submission", submission())
    take_in("user", *demo.SPEC_USERS)
    assert ask("get_submission", "asesor", SUBMISSION).status == 404
    for _ in range(2):
        assert invoke("refresh_copies", example("refresh_copies")) == {"batchItemFailures": []}
    assert ask("get_submission", "asesor", SUBMISSION).status == 200
    (row,) = ask("list_roster", "asesor", SESSION).content["data"]["data"]
    assert row["user"]["name"] == "Siti Rahmawati"
    (coaching,) = ask("list_coachings", "asesor", query="").content["data"]["data"]
    assert coaching["asesor"]["name"] == "Budi Santoso"


@pytest.mark.usefixtures("examples")
def test_a_new_name_is_in_the_list_and_the_search(ask: Ask) -> None:
    renamed = demo.SPEC_USERS[1] | {"name": "Aminah"}
    take_in("user", renamed)
    invoke("refresh_copies", example("refresh_copies"))
    invoke("apply_changes", example("apply_changes"))
    for query in ("", "search=amin"):
        content = ask("list_submissions", "asesor", query=query).content
        assert [row["user"]["name"] for row in content["data"]] == ["Aminah"]
        assert [row["item"]["id"] for row in content["data"]] == [ITEM]
    assert ask("list_submissions", "asesor", query="search=siti").content["data"] == []
