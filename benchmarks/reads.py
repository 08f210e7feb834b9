"""What reads cost where the data is at its worst: searches, pages of a shared item, all as a spreadsheet, the
scheduled check.
"""

import csv
import re
import tracemalloc
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from random import Random
from typing import Any, NamedTuple
from unittest.mock import patch
from urllib.parse import urlsplit

from benchmarks.load import SEED, World
from benchmarks.meter import Cost, metered
from benchmarks.requests import Listing, callers, endpoint, searched, some_quiz
from local.template import Template
from teaching.directory import search
from teaching.directory import store as directory
from teaching.errors import InvalidQuery
from teaching.grading.rules import Scope, SubmissionQuery
from teaching.http import endpoint as endpoints
from teaching.limits import TABLE_ROWS_MOST
from teaching.schedule import recompute

DOLLARS_A_MILLION = 0.125
"""Read units on demand, US East; other regions differ by a little."""
RANDOM_PAGES = 10
_CHECK = "RecomputeStatistics"
_DAYS = 30


class Searched(NamedTuple):
    name: str
    text: str
    cost: Cost
    people: int
    items: int
    rows: int
    refused: bool
    """Too much would have been found."""

    @property
    def most(self) -> float:
        """Read units that it may cost."""
        return 20 + 1.5 * (self.people + self.items + self.rows / 100)


SEARCH_TRIPS = 5


def searches(world: World) -> Iterator[Searched]:
    """Of every kind, by an admin and by the asesor."""
    for caller, whose in zip(callers(world), ("admin", "asesor"), strict=True):
        visible = [
            user
            for user in world.users.values()
            if user.get("asesor_id") and caller.sees_only in (None, user["asesor_id"])
        ]
        someone = visible[len(visible) // 2]["name"]
        title = some_quiz(world)["title"]
        texts = {
            "a person's name": someone,
            "a beginning that 20 people share": searched(world, caller.sees_only),
            "an item's exact title": title,
            "a title with a digit": "Rencana 90 Hari",
            "a common word": "usaha",
            "two words, of a name and of a title": f"{someone.split()[0]} {title.split()[0]}",
        }
        people = [directory.user_document(user).text for user in visible]
        titles = [directory.item_document(item).text for item in world.items.values()]
        for name, text in texts.items():
            found = _found(people, titles, search.words_of(text))
            page, refused, cost = None, False, Cost()
            try:
                with metered() as cost:
                    page = Listing(caller, None, None, None).page(1, text)
            except InvalidQuery:
                refused = True
            yield Searched(
                f"{name}, {whose}",
                text,
                cost,
                *found,
                page.total if page else 0,
                refused,
            )


def _found(people: Collection[str], titles: Collection[str], words: list[str]) -> tuple[int, int]:
    """How many people and items a search has to find, by their texts: items that hold all the words, people
    who hold some that a title completes.
    """

    def complete(text: str) -> bool:
        lacking = [word for word in words if not search.contains(text, word)]
        if len(lacking) == len(words):
            return False
        return not lacking or any(_holds(title, lacking) for title in titles)

    return sum(map(complete, people)), sum(_holds(title, words) for title in titles)


def _holds(text: str, words: list[str]) -> bool:
    return all(search.contains(text, word) for word in words)


def pages_of_a_shared_item(world: World, limit: int) -> list[Cost]:
    """First, last and random pages of one course of the item that most courses use."""
    admin, _ = callers(world)

    def courses(item: str) -> Counter[str]:
        entries = world.lists[Scope(item=item).list]
        return Counter(entry.label.partition("#")[2] for entry in entries)

    shared = max(world.items, key=lambda item: len(courses(item)))
    (course, rows), *_ = courses(shared).most_common()
    last = -(-rows // limit)
    rng = Random(SEED)
    costs = []
    for page in sorted({1, last, *(rng.randint(1, last) for _ in range(RANDOM_PAGES))}):
        given = {"page": str(page), "limit": str(limit), "course_id": course, "material_item_id": shared}
        query = SubmissionQuery.model_validate(given)
        with metered() as cost:
            endpoint("list_submissions")(admin, query)
        costs.append(cost)
    return costs


def first_pages(world: World) -> list[Cost]:
    """Of all statuses: all submissions, and the asesor's."""
    costs = []
    for caller in callers(world):
        with metered() as cost:
            Listing(caller, None, None, None).page(1)
        costs.append(cost)
    return costs


class Spreadsheet(NamedTuple):
    """All that an admin sees as CSV, page by page."""

    pages: int
    rows: int
    each_once: bool
    costs: list[Cost]
    """Of each page."""
    first_bytes: int
    last_bytes: int
    """Of Python's memory, at most, while the first and the last page were made."""


def spreadsheet(world: World, limit: int = TABLE_ROWS_MOST) -> Spreadsheet:
    """By the function's handler, as `Link` leads on; only who asks is not judged by a token."""
    first = f"limit={limit}"
    # What only the first answer imports is not of its page.
    _csv(world, first)
    ids: list[str] = []
    costs: list[Cost] = []
    peaks: list[int] = []
    query: str | None = first
    last = None
    while query is not None:
        is_weighed = query in (first, last)
        if is_weighed:
            tracemalloc.start()
        with metered() as cost:
            answer = _csv(world, query)
        if is_weighed:
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        costs.append(cost)
        ids += [row["id"] for row in csv.DictReader(answer["body"].splitlines())]
        query, last = (_linked(answer["headers"]["link"], relation) for relation in ("next", "last"))
    return Spreadsheet(len(costs), len(ids), len(ids) == len(set(ids)), costs, peaks[0], peaks[-1])


def _csv(world: World, query: str) -> dict[str, Any]:
    """The answer to an admin."""
    admin, _ = callers(world)
    event = {
        "routeKey": "GET /api/teaching/submissions",
        "rawQueryString": query,
        "headers": {"accept": "text/csv"},
    }
    handler = import_module("functions.list_submissions.app").handler
    with patch.object(endpoints, "caller_of", lambda headers: admin), redirect_stdout(StringIO()):
        answer: dict[str, Any] = handler(event, None)
    assert answer["statusCode"] == 200, answer
    return answer


def _linked(link: str, relation: str) -> str | None:
    found = re.search(f'<([^>]+)>; rel="{relation}"', link)
    return urlsplit(found[1]).query if found else None


class Checked(NamedTuple):
    """One check of everything, nothing having drifted."""

    cost: Cost
    drifted: int
    submissions: int
    a_month: float
    """How often the template has it run."""

    @property
    def dollars_a_month(self) -> float:
        return self.cost.reads * self.a_month * DOLLARS_A_MILLION / 1_000_000


def check(world: World, facts: Template) -> Checked:
    """The first check mends what loading leaves out of the search, the second is measured."""
    parts = int(facts.functions[_CHECK].environment["CHECK_PARTS"])
    _check_all(parts)
    with metered() as cost:
        drifted = _check_all(parts)
    (seconds,) = (schedule.seconds for schedule in facts.schedules if schedule.function == _CHECK)
    assert seconds
    return Checked(cost, drifted, world.submissions, _DAYS * 86400 / seconds / parts)


def _check_all(parts: int) -> int:
    """How much had drifted."""
    drifted = 0
    for part in range(parts):
        done = recompute(lambda: True, parts=parts, anew=part == 0)
        assert done.finished
        drifted += done.drifted
    return drifted
