import pytest

from tests.examples import answer_text
from tests.functions.conftest import Ask
from tests.support import (
    ASESOR,
    COURSE,
    ITEM,
    NOBODYS,
    OTHER_ASESOR,
    OTHER_PARTICIPANT,
    PARTICIPANT,
    SUBMISSION,
    new_id,
    settle,
    submission,
    take_in,
)

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


@pytest.mark.usefixtures("both_asesors")
def test_filters_narrow_what_the_caller_may_see(ask: Ask) -> None:
    settle()
    for role, query, pending in (
        ("admin", f"participant_id={PARTICIPANT}", 1),
        ("admin", f"asesor_id={OTHER_ASESOR}", 1),
        ("admin", f"asesor_id={OTHER_ASESOR}&participant_id={PARTICIPANT}", 0),
        ("admin", f"course_id={COURSE}&material_item_id={ITEM}", 2),
        ("admin", f"course_id={NOBODYS}&material_item_id={ITEM}", 0),
        ("asesor", f"course_id={COURSE}", 1),
        ("asesor", f"asesor_id={ASESOR}", 1),
        ("asesor", f"asesor_id={OTHER_ASESOR}", 0),
        ("asesor", f"participant_id={OTHER_PARTICIPANT}", 0),
        ("asesor", "status=graded&search=nobody", 1),
    ):
        answer = ask("get_statistics", role, query=query)
        totals = {"total": pending, "pending": pending, "graded": 0}
        assert answer.content["data"] == {"submission_total": totals, "average_score": 0}, query


@pytest.mark.parametrize("name", ["course_id", "material_item_id", "participant_id", "asesor_id"])
def test_a_bad_filter(ask: Ask, name: str) -> None:
    for query in (f"{name}=x", f"{name}=", f"{name}={ITEM.upper()}", f"{name}={ITEM}&{name}={ITEM}"):
        answer = ask("get_statistics", "admin", query=query)
        assert (answer.status, answer.errors[0]) == (400, "Invalid query parameters")
        assert answer.errors[1].startswith(f"{name}: ")
