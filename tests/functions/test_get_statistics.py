import pytest

from tests.examples import answer_text
from tests.functions.conftest import Ask
from tests.support import NOBODYS, OTHER_ASESOR, SUBMISSION, new_id, settle, submission, take_in

EXAMPLE = answer_text("get_statistics")


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize("role", ["admin", "asesor"])
def test_the_specs_example(ask: Ask, role: str) -> None:
    settle()
    answer = ask("get_statistics", role)
    assert (answer.status, answer.text) == (200, EXAMPLE)


@pytest.mark.usefixtures("tables")
def test_nothing_handed_in(ask: Ask) -> None:
    assert ask("get_statistics", "admin").text == EXAMPLE.replace("1", "0")


@pytest.mark.usefixtures("both_asesors")
def test_an_asesor_counts_the_own(ask: Ask) -> None:
    settle()
    callers = {("admin", None): 2, ("asesor", None): 1, ("asesor", OTHER_ASESOR): 1, ("asesor", NOBODYS): 0}
    for (role, subject), pending in callers.items():
        data = ask("get_statistics", role, subject=subject).content["data"]
        assert data["submission_total"] == {"total": pending, "pending": pending, "graded": 0}


def test_a_participant_may_not(ask: Ask) -> None:
    answer = ask("get_statistics", "participant")
    assert (answer.status, answer.errors) == (403, ["Forbidden"])


@pytest.mark.usefixtures("examples")
def test_what_is_in_progress_is_not_counted(ask: Ask) -> None:
    take_in("submission", submission(id=new_id(), status="in_progress", submitted_at=None, score=None))
    settle()
    assert ask("get_statistics", "asesor").text == EXAMPLE


@pytest.mark.usefixtures("examples")
def test_the_average_is_of_the_graded_with_two_decimals(ask: Ask) -> None:
    take_in("submission", *(submission(id=new_id(), score=50) for _ in range(3)))
    for score, mean in ((90, 90), (90.5, 90.5), (0, 0)):
        assert ask("grade_submission", "asesor", SUBMISSION, body={"score": score}).status == 200
        settle()
        data = ask("get_statistics", "asesor").content["data"]
        assert data["submission_total"] == {"total": 4, "pending": 3, "graded": 1}
        assert float(data["average_score"]) == mean
    graded = [submission(id=new_id(), status="graded", score=score, graded_at=None) for score in (50, 50.02)]
    take_in("submission", *graded)
    settle()
    data = ask("get_statistics", "admin").content["data"]
    assert data["submission_total"] == {"total": 6, "pending": 3, "graded": 3}
    assert str(data["average_score"]) == "33.34"
