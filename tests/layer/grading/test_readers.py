"""Pages beside writers: what is graded between two of a page's requests, and before the trees know of it."""

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from teaching import changed_rows, dynamo, projections, sqs
from teaching.changed_rows import Change
from teaching.errors import Damaged
from teaching.grading import finding, store
from teaching.grading.rules import Grade, SubmissionFilters, SubmissionQuery, SubmissionRow
from teaching.http.pages import Page
from teaching.settings import settings
from teaching.tally import nodes, tree
from teaching.tally import store as tally
from tests.conftest import MakeToken
from tests.support import (
    BY_ADMIN,
    BY_ASESOR,
    PARTICIPANT,
    call,
    item,
    new_id,
    request,
    settle,
    submission,
    take_in,
    take_in_people,
)

pytestmark = pytest.mark.usefixtures("tables")

PER_PAGE = 5


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Twelve submissions that wait for their grades, newest first, in lists of several nodes."""
    for most in ("LEAF_MOST", "WHOLE_MOST", "BRANCH_MOST", "ROOT_OF_LEAVES_MOST", "ROOT_MOST"):
        monkeypatch.setattr(tree, most, 4)
    ids = [new_id() for _ in range(12)]
    take_in_people()
    take_in("item", item())
    for day, identity in enumerate(ids):
        handed_in = f"2026-02-{20 - day:02}T06:30:00.000Z"
        take_in("submission", submission(id=identity, score=None, graded_at=None, submitted_at=handed_in))
    settle()
    return ids


@pytest.fixture
def in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked at once is asked in the order in which it stands."""

    def at_once(*requests: Callable[[], Any]) -> list[Any]:
        return [each() for each in requests]

    def both(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
        return first(), second()

    monkeypatch.setattr(dynamo, "at_once", at_once)
    monkeypatch.setattr(dynamo, "both", both)


def grade(identity: str) -> None:
    store.grade(BY_ASESOR, identity, Grade(score=Decimal(90)))


def page(number: int, **filters: str) -> Page[SubmissionRow]:
    query = {"limit": str(PER_PAGE), "page": str(number), **filters}
    return store.page(BY_ASESOR, SubmissionQuery.model_validate(query))


@pytest.mark.usefixtures("in_order")
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("moment", range(8))
def test_a_row_that_is_graded_between_two_requests_of_a_page_is_on_it_once(
    number: int, moment: int, waiting: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    really = dynamo.call
    made = 0

    def calling(operation: str, **arguments: Any) -> Any:
        nonlocal made
        made += 1
        if made == moment + 1:
            for identity in waiting[::2]:
                grade(identity)
        return really(operation, **arguments)

    monkeypatch.setattr(dynamo, "call", calling)
    found = page(number)
    assert [row["id"] for row in found.rows] == waiting[PER_PAGE * (number - 1) : PER_PAGE * number]
    assert found.total == 12


@pytest.mark.usefixtures("in_order")
@pytest.mark.parametrize("text", ["siti dasar", "dasar"])
@pytest.mark.parametrize("moment", range(10))
def test_a_row_that_is_graded_while_a_search_looks_through_its_item_is_found_once(
    moment: int, text: str, waiting: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "UNITS_OF_LIST", 1000)
    monkeypatch.setattr(finding, "FEW", 0)
    really = dynamo.call
    made = 0

    def calling(operation: str, **arguments: Any) -> Any:
        nonlocal made
        made += 1
        if made == moment + 1:
            for identity in waiting[::2]:
                grade(identity)
        return really(operation, **arguments)

    monkeypatch.setattr(dynamo, "call", calling)
    found = page(1, search=text)
    assert [row["id"] for row in found.rows] == waiting[:PER_PAGE]
    assert found.total == 12


def test_pages_are_whole_while_the_trees_are_behind(waiting: list[str]) -> None:
    for identity in waiting[1::2]:
        grade(identity)
    pages = [page(number) for number in (1, 2, 3)]
    assert [row["id"] for each in pages for row in each.rows] == waiting
    assert [each.total for each in pages] == [12] * 3
    assert {row["status"] for each in pages for row in each.rows} == {"submitted", "graded"}
    for filters in ({"course_id": submission()["course_id"]}, {"material_item_id": submission()["item_id"]}):
        assert [row["id"] for number in (1, 2, 3) for row in page(number, **filters).rows] == waiting


def test_of_one_status_no_row_of_another_is_shown(waiting: list[str]) -> None:
    for identity in waiting[1::2]:
        grade(identity)
    for number in (1, 2, 3):
        for status in ("submitted", "graded"):
            assert {row["status"] for row in page(number, status=status).rows} <= {status}


def tear(list_name: str, columns: bytes | None) -> None:
    """Makes the root of a list, or (None) takes away, what cannot be read."""
    key = {"list": list_name, "node": tree.ROOT}
    root = dynamo.get(settings().tallies_table, key)
    assert root
    if columns is None:
        dynamo.delete(settings().tallies_table, key)
    else:
        dynamo.put(settings().tallies_table, root | {"columns": columns})


@pytest.mark.parametrize("columns", [b"rubbish", None])
def test_damage_is_told_to_the_healing_and_not_answered(
    columns: bytes | None, waiting: list[str], make_token: MakeToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(sqs, "send_all", lambda queue, bodies: told.extend(bodies))
    monkeypatch.setattr(store, "NEW_MOST", 12)
    tear("submissions", columns)
    for function, query in (
        ("list_submissions", "limit=5"),
        ("list_submissions", "limit=5&page=2"),
        ("get_statistics", ""),
    ):
        answer = call(function, request(function, token=make_token("admin"), query=query))
        assert answer.status == 503, (function, query)
        assert told.pop() == '{"table": "TalliesTable", "id": "submissions"}'
    assert projections.mend([Change(settings().tallies_table, "submissions")]) == []
    assert store.statistics(BY_ADMIN)["submission_total"] == {"total": 12, "pending": 12, "graded": 0}
    answer = call("list_submissions", request("list_submissions", token=make_token("admin"), query="limit=5"))
    assert answer.content["pagination"]["total_items"] == 12


@pytest.mark.parametrize("damage", ["lost", "unreadable", "another's"])
def test_a_wrong_node_below_the_root_is_noticed_and_mended(damage: str, waiting: list[str]) -> None:
    table = settings().tallies_table
    values = {":list": "submissions"}
    nodes = [row for row in dynamo.query(table, "#list = :list", values) if "columns" in row]
    row, *_, other = [node for node in nodes if node["node"] != tree.ROOT]
    if damage == "lost":
        dynamo.delete(table, {"list": row["list"], "node": row["node"]})
    elif damage == "unreadable":
        dynamo.put(table, row | {"columns": b"rubbish"})
    else:
        dynamo.put(table, row | {name: other[name] for name in ("columns", "ids")})
    with pytest.raises(Damaged):
        every_page(2)
    assert projections.mend([Change(table, "submissions")]) == []
    assert every_page(1) == waiting


def every_page(first: int) -> list[str]:
    """All rows of all submissions, from a page on."""
    queries = [{"limit": "2", "page": str(number)} for number in range(first, 7)]
    pages = [store.page(BY_ADMIN, SubmissionQuery.model_validate(query)) for query in queries]
    return [row["id"] for each in pages for row in each.rows]


def test_statistics_of_a_list_that_no_stream_has_told_of_yet_are_those_of_its_rows(
    waiting: list[str],
) -> None:
    grade(waiting[0])
    list_name = f"submissions#asesor#{BY_ASESOR.id}"
    for node in (tree.ROOT, nodes.MADE):
        dynamo.delete(settings().tallies_table, {"list": list_name, "node": node})
    assert store.statistics(BY_ASESOR) == {
        "submission_total": {"total": 12, "pending": 11, "graded": 1},
        "average_score": Decimal(90),
    }


def test_a_first_page_of_a_list_without_its_tree_is_not_taken_for_the_whole(waiting: list[str]) -> None:
    """Of a list of no more than a page it is the whole, whatever the tree says."""
    for node in (tree.ROOT, nodes.MADE):
        dynamo.delete(settings().tallies_table, {"list": "submissions", "node": node})
    with pytest.raises(Damaged):
        store.page(BY_ADMIN, SubmissionQuery.model_validate({"limit": "5"}))
    assert store.page(BY_ADMIN, SubmissionQuery.model_validate({"limit": "13"})).total == 12


LOST = ["submissions", f"submissions#item#{item()['id']}", f"submissions#participant#{PARTICIPANT}"]


@pytest.mark.parametrize("list_name", LOST)
def test_a_search_notices_that_a_root_is_lost(list_name: str, waiting: list[str]) -> None:
    """Those of an item that is found whole, of a participant whose own list is asked, and of all."""
    tear(list_name, None)
    searches = ["dasar", "siti"]
    for text in searches:
        query = SubmissionQuery.model_validate({"search": text, "limit": "5"})
        with suppress(Damaged):
            assert store.page(BY_ADMIN, query).total == 12
    assert projections.mend([Change(settings().tallies_table, list_name)]) == []
    for text in searches:
        assert store.page(BY_ADMIN, SubmissionQuery.model_validate({"search": text})).total == 12


@pytest.mark.parametrize("filters", [{}, {"participant_id": PARTICIPANT}])
def test_a_list_without_its_tree_is_new_only_while_it_is_short(
    filters: dict[str, str], waiting: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, list_name = settings().tallies_table, LOST[2] if filters else LOST[0]
    for row in list(dynamo.query(table, "#list = :list", {":list": list_name})):
        dynamo.delete(table, {"list": list_name, "node": row["node"]})
    query = SubmissionFilters.model_validate(filters)
    assert store.statistics(BY_ADMIN, query)["submission_total"]["total"] == 12
    monkeypatch.setattr(store, "NEW_MOST", 12)
    with pytest.raises(Damaged):
        store.statistics(BY_ADMIN, query)


def test_a_search_notices_that_a_node_of_a_participants_list_is_lost(waiting: list[str]) -> None:
    *_, list_name = LOST
    table = settings().tallies_table
    rows = dynamo.query(table, "#list = :list", {":list": list_name})
    lost = next(row for row in rows if "columns" in row and row["node"] != tree.ROOT)
    dynamo.delete(table, {"list": list_name, "node": lost["node"]})
    query = SubmissionQuery.model_validate({"search": "siti"})
    with pytest.raises(Damaged):
        store.page(BY_ADMIN, query)
    assert projections.mend([Change(table, list_name)]) == []
    assert store.page(BY_ADMIN, query).total == 12


@pytest.mark.parametrize("list_name", LOST)
@pytest.mark.parametrize("known", [True, False])
def test_a_writer_makes_no_new_list_where_the_root_is_lost(
    known: bool, list_name: str, waiting: list[str]
) -> None:
    """Else its one row would be all that the list holds, with nothing to tell that it is wrong."""
    tear(list_name, None)
    changed = waiting[0] if known else new_id()
    if known:
        grade(changed)
    else:
        take_in("submission", submission(id=changed, score=None, graded_at=None))
    tables = settings()
    lost, row = Change(tables.tallies_table, list_name), Change(tables.submissions_table, changed)
    assert projections.count([row]) == [lost, row]
    with pytest.raises(Damaged):
        tally.totals(list_name)
    assert projections.mend([lost]) == projections.count([row]) == []
    totals = tally.totals(list_name)
    assert totals
    assert sum(totals.counts.values()) == 12 + (not known)


def test_what_cannot_be_told_is_still_answered(
    waiting: list[str], make_token: MakeToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(changes: object) -> None:
        raise RuntimeError("no queue")

    monkeypatch.setattr(changed_rows, "set_aside", fails)
    tear("submissions", b"rubbish")
    answer = call("get_statistics", request("get_statistics", token=make_token("admin")))
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
