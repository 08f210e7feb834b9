"""Lists and statistics by every combination of filters, against rows filtered in memory."""

from decimal import Decimal
from itertools import product
from random import Random
from typing import Any

import pytest

from benchmarks.meter import metered
from teaching.grading import store
from teaching.grading.rules import Status, SubmissionFilters, SubmissionQuery
from teaching.http.auth import Caller, Role
from teaching.tally import tree
from tests.support import (
    BY_ADMIN,
    BY_ASESOR,
    COURSE,
    ITEM,
    NOBODYS,
    OTHER_ASESOR,
    OTHER_PARTICIPANT,
    PARTICIPANT,
    item,
    new_id,
    participant,
    person,
    settle,
    submission,
    take_in,
)

ASESORS = {PARTICIPANT: BY_ASESOR.id, OTHER_PARTICIPANT: OTHER_ASESOR, new_id(): BY_ASESOR.id, new_id(): None}
OTHER_COURSE, OTHER_ITEM, THIRD_ITEM = (new_id() for _ in range(3))
COURSES = [COURSE, OTHER_COURSE]
TITLES = {ITEM: "Quiz Digital Dasar", OTHER_ITEM: "Modul Pemasaran", THIRD_ITEM: "Quiz Pemasaran"}
NAMES = dict(zip(ASESORS, ["Siti Rahmawati", "Agus Salim", "Dewi Quiz", "Tono"], strict=True))
SUBMISSIONS = 60


class Everything:
    """The submissions as they came in."""

    def __init__(self) -> None:
        rng = Random(9)
        take_in("user", person("asesor", BY_ASESOR.id, "Budi"), person("asesor", OTHER_ASESOR, "Dewi"))
        for who, asesor in ASESORS.items():
            take_in("user", participant(who, NAMES[who], asesor))
        for which, title in TITLES.items():
            take_in("item", item(id=which, title=title))
        self.rows = [self._submission(rng, number) for number in range(SUBMISSIONS)]
        take_in("submission", *self.rows)

    @staticmethod
    def _submission(rng: Random, number: int) -> dict[str, Any]:
        status = rng.choice(list(Status))
        which = rng.choice(list(TITLES))
        # The first item is handed in in both courses, the others in one.
        course = rng.choice(COURSES) if which == ITEM else COURSES[which == THIRD_ITEM]
        time = f"2026-02-18T{number // 3 // 60:02}:{number // 3 % 60:02}:00.000Z"
        return submission(
            id=new_id(),
            user_id=rng.choices(list(ASESORS), [5, 1, 1, 1])[0],
            item_id=which,
            course_id=course,
            status=status.value,
            score=rng.randrange(1000) / 10 if status is Status.GRADED else None,
            graded_at=None,
            submitted_at=None if status is Status.IN_PROGRESS else time,
            created_at=time,
        )

    def of(self, caller: Caller, filters: dict[str, str | None], text: str = "") -> list[dict[str, Any]]:
        wanted = {name: value for name, value in filters.items() if value}
        rows = [
            {**row, "material_item_id": row["item_id"], "participant_id": row["user_id"]}
            | {"asesor_id": ASESORS[row["user_id"]]}
            for row in self.rows
        ]
        found = [
            row
            for row in rows
            if caller.sees_only in (None, row["asesor_id"])
            and all(row[name] == value for name, value in wanted.items())
            and all(word in searched(row) for word in text.split())
        ]
        return sorted(found, key=lambda row: (row["created_at"], row["id"]), reverse=True)


def searched(row: dict[str, Any]) -> str:
    who = row["user_id"]
    return f"{NAMES[who]} {participant(who)['email']} {TITLES[row['item_id']]}".lower()


@pytest.fixture
def everything(tables: str, monkeypatch: pytest.MonkeyPatch) -> Everything:
    monkeypatch.setattr(tree, "LEAF_MOST", 4)
    monkeypatch.setattr(tree, "WHOLE_MOST", 4)
    made = Everything()
    settle()
    return made


CALLERS = (BY_ADMIN, BY_ASESOR, Caller(NOBODYS, Role.ASESOR))
COMBINATIONS = [
    dict(zip(("course_id", "material_item_id", "participant_id", "asesor_id"), values, strict=True))
    for values in product(
        (None, OTHER_COURSE, NOBODYS),
        (None, ITEM, THIRD_ITEM),
        (None, *list(ASESORS)[:2], NOBODYS),
        (None, BY_ASESOR.id, OTHER_ASESOR, NOBODYS),
    )
]


def given(filters: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in filters.items() if value}


def test_statistics_are_of_what_the_filters_leave(everything: Everything) -> None:
    for caller, filters in product(CALLERS, COMBINATIONS):
        rows = everything.of(caller, filters)
        graded = [Decimal(str(row["score"])) for row in rows if row["status"] == Status.GRADED]
        pending = sum(row["status"] == Status.SUBMITTED for row in rows)
        with metered() as cost:
            told = store.statistics(caller, SubmissionFilters.model_validate(given(filters)))
        assert not rows or cost.trips == 1, filters
        totals = {"total": pending + len(graded), "pending": pending, "graded": len(graded)}
        assert told["submission_total"] == totals, filters
        mean = sum(graded, Decimal(0)) / len(graded) if graded else Decimal(0)
        assert abs(told["average_score"] - mean) <= Decimal("0.005"), filters


def test_pages_are_of_what_the_filters_leave(everything: Everything) -> None:
    for caller, filters, status in product(CALLERS, COMBINATIONS[::2], (None, Status.GRADED)):
        asked = given(filters) | ({"status": status.value} if status else {})
        expected = [row["id"] for row in everything.of(caller, {**filters, "status": status})]
        for page in (1, 2):
            query = SubmissionQuery.model_validate({**asked, "limit": "7", "page": str(page)})
            with metered() as cost:
                found = store.page(caller, query)
            assert found.total == len(expected), asked
            assert [row["id"] for row in found.rows] == expected[7 * (page - 1) : 7 * page], asked
            if expected:
                assert cost.trips <= 4, asked


def test_a_search_is_within_the_filters(everything: Everything) -> None:
    texts = ("siti", "quiz", "quiz pemasaran", "siti modul", "nobody at all")
    for caller, filters, text in product(CALLERS[:2], COMBINATIONS[::5], texts):
        expected = [row["id"] for row in everything.of(caller, filters, text)]
        query = SubmissionQuery.model_validate({**given(filters), "search": text, "limit": "100"})
        with metered() as cost:
            found = store.page(caller, query)
        assert [row["id"] for row in found.rows] == expected, filters
        assert (found.total, cost.trips <= 5) == (len(expected), True), filters


def test_statistics_of_a_participant_of_many_leaves_are_one_trip(everything: Everything) -> None:
    filters = SubmissionFilters.model_validate({"participant_id": PARTICIPANT, "course_id": OTHER_COURSE})
    with metered() as cost:
        store.statistics(BY_ADMIN, filters)
    assert (cost.trips, cost.requests) == (1, 1)


def test_a_participant_whose_list_is_not_there_yet_is_counted_by_the_rows(everything: Everything) -> None:
    who, identity = new_id(), new_id()
    take_in("user", participant(who, "Baru"))
    take_in("submission", submission(id=identity, user_id=who, score=80, status="graded"))
    filters = {"participant_id": who, "course_id": COURSE}
    told = store.statistics(BY_ASESOR, SubmissionFilters.model_validate(filters))
    assert (told["submission_total"]["graded"], told["average_score"]) == (1, Decimal(80))
    found = store.page(BY_ASESOR, SubmissionQuery.model_validate(filters))
    assert [row["id"] for row in found.rows] == [identity]
