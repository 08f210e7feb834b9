"""The requests that are measured, as callers would make them on a loaded store.

Each calls the endpoint's own function: what Lambda runs between the check of the token and the
writing of the answer as JSON.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from decimal import Decimal
from enum import StrEnum
from importlib import import_module
from itertools import chain, product
from math import ceil
from random import Random
from typing import Any, NamedTuple

from benchmarks.load import SEED, World
from benchmarks.meter import Cost
from teaching.coaching import rules as coaching_rules
from teaching.coaching.rules import Attendance, Mark, Marks, SessionQuery
from teaching.directory import search
from teaching.directory import store as directory
from teaching.grading.rules import Grade, Grades, Scope, Status, SubmissionFilters, SubmissionQuery
from teaching.http.auth import ADMIN, ASESOR, Caller
from teaching.http.endpoint import Endpoint
from teaching.http.pages import PageQuery, PlainPageQuery
from teaching.limits import PER_PAGE

PEOPLE_SOUGHT = 20
MANY = 50
"""Marks or grades at once."""
_LIKELY = 100


class Line(StrEnum):
    """The kinds of requests in the table of budgets."""

    FIRST_OF_ONE = "list, page 1, one status"
    FIRST_OF_ALL = "list, page 1, all statuses"
    PAGE_OF_ONE = "list, any page, any filter, one status"
    PAGE_OF_ALL = "list, any page, any filter, all statuses"
    OF_PARTICIPANT = "list of one participant"
    STATISTICS = "statistics"
    FILTERED = "statistics, any filters"
    DETAILS = "details"
    HISTORY = "grades of a submission"
    PEOPLE = "search that finds 20 people"
    TITLE = "search of an item's title"
    GRADE = "grade"
    MARK = "mark"
    GRADES = "50 grades at once"
    MARKS = "50 marks at once"
    FIRST_COACHINGS = "coachings, page 1"
    COACHINGS = "coachings, any page"
    CALENDAR = "coachings of a status or some weeks, any page"
    PRESENCES = "presences of 50"
    COACHING = "one session of 50"


class Budget(NamedTuple):
    """The most that a request may cost; of `PERCENTILE_LINES` 19 in 20 pages, in read units."""

    trips: int
    read_units: float
    writes: int = 0


BUDGETS = {
    Line.FIRST_OF_ONE: Budget(1, 3),
    Line.FIRST_OF_ALL: Budget(1, 8),
    Line.PAGE_OF_ONE: Budget(4, 9),
    Line.PAGE_OF_ALL: Budget(4, 14),
    Line.OF_PARTICIPANT: Budget(2, 15),
    Line.STATISTICS: Budget(1, 1),
    Line.FILTERED: Budget(1, 1),
    Line.DETAILS: Budget(2, 3),
    Line.HISTORY: Budget(2, 4),
    Line.PEOPLE: Budget(5, 40),
    Line.TITLE: Budget(5, 40),
    Line.GRADE: Budget(3, 3, writes=1),
    Line.MARK: Budget(2, 3, writes=1),
    Line.GRADES: Budget(3, 160, writes=50),
    Line.MARKS: Budget(2, 55, writes=50),
    Line.FIRST_COACHINGS: Budget(1, 3),
    Line.COACHINGS: Budget(4, 9),
    Line.CALENDAR: Budget(4, 20),
    Line.PRESENCES: Budget(1, 3),
    Line.COACHING: Budget(1, 4),
}
PERCENTILE_LINES = {Line.PAGE_OF_ONE, Line.PAGE_OF_ALL}


def spent(line: Line, costs: Collection[Cost]) -> Budget:
    """The costs of a line's requests, to be compared with its budget."""
    units = sorted(cost.reads for cost in costs)
    share = 0.95 if line in PERCENTILE_LINES else 1
    return Budget(
        max(cost.trips for cost in costs),
        units[ceil(share * len(units)) - 1],
        max(cost.write_requests for cost in costs),
    )


def keeps(spent: Budget, budget: Budget) -> bool:
    return all(figure <= most for figure, most in zip(spent, budget, strict=True))


class Request(NamedTuple):
    line: Line
    name: str
    send: Callable[[], Any]


def endpoint(function: str) -> Callable[..., Any]:
    """The lines of functions/<function>/app.py, without the token and the envelope."""
    handler = import_module(f"functions.{function}.app").handler
    assert isinstance(handler, Endpoint)
    return handler.function


class Listing(NamedTuple):
    """A list of submissions: who asks for it, by which filters."""

    caller: Caller
    status: Status | None
    course: str | None
    item: str | None

    @property
    def name(self) -> str:
        filters = {"course": self.course, "item": self.item}
        whose = "all" if self.caller.role is ADMIN else "own"
        return ", ".join(
            [whose, self.status or "all statuses", *(name for name, id_ in filters.items() if id_)]
        )

    @property
    def scope(self) -> Scope:
        return Scope(self.caller.sees_only, self.course, self.item)

    def page(self, page: int, text: str | None = None) -> Any:
        given = {"page": str(page), "search": text, "status": self.status}
        given |= {"course_id": self.course, "material_item_id": self.item}
        query = SubmissionQuery.model_validate({name: value for name, value in given.items() if value})
        return endpoint("list_submissions")(self.caller, query)


def callers(world: World) -> tuple[Caller, Caller]:
    return Caller(world.admin, ADMIN), Caller(world.asesor, ASESOR)


def listings(world: World) -> list[Listing]:
    """Every combination of caller, status and filters; the course and item are those of a quiz."""
    quiz = some_quiz(world)
    choices = product(callers(world), [None, *Status], [None, quiz["course_id"]], [None, quiz["id"]])
    return [Listing(*choice) for choice in choices]


def some_quiz(world: World) -> dict[str, Any]:
    return next(item for item in world.items.values() if item["category"] == "quiz")


def pages(world: World, listing: Listing) -> int:
    return -(-world.count(listing.scope, listing.status) // PER_PAGE)


def line_of(listing: Listing, page: int) -> Line:
    if page == 1 and not (listing.course and listing.item):
        return Line.FIRST_OF_ONE if listing.status else Line.FIRST_OF_ALL
    return Line.PAGE_OF_ONE if listing.status else Line.PAGE_OF_ALL


def every_request(world: World, random: int) -> Iterator[Request]:
    """Those of every kind, and random pages; what writes comes last."""
    return chain(list_requests(world), random_pages(world, random), other_requests(world))


def list_requests(world: World) -> Iterator[Request]:
    """The first, the middle and the last page of every list."""
    for listing in listings(world):
        last = pages(world, listing)
        for name, page in {"page 1": 1, "middle": (last + 1) // 2, "last": last}.items():
            if page > 1 or name == "page 1":
                send = _bound(listing.page, page)
                yield Request(line_of(listing, page), f"{name}: {listing.name}", send)


def random_pages(world: World, number: int) -> Iterator[Request]:
    """Pages of random lists, at random depth; the same ones every time."""
    rng = Random(SEED)
    choices = [listing for listing in listings(world) if pages(world, listing) > 1]
    for listing in rng.choices(choices, k=number):
        page = rng.randint(2, pages(world, listing))
        yield Request(line_of(listing, page), f"page {page}: {listing.name}", _bound(listing.page, page))


def other_requests(world: World) -> Iterator[Request]:
    admin, asesor = callers(world)
    quiz = next(row for row in world.own if row["item_id"] == some_quiz(world)["id"])
    waiting, *others = [row["id"] for row in world.own if row["status"] == Status.SUBMITTED]
    participant = next(row["user_id"] for row in world.own)
    title = some_quiz(world)["title"]
    for caller, whose in ((admin, "all"), (asesor, "own")):
        text = searched(world, caller.sees_only)
        every = Listing(caller, None, None, None)
        for filters in statistics_filters(world):
            name = f"statistics: {whose}, {' and '.join(filters)}"
            line = Line.FILTERED if filters else Line.STATISTICS
            asked = SubmissionFilters.model_validate(filters)
            yield Request(line, name, _bound(endpoint("get_statistics"), caller, asked))
        of_one = SubmissionQuery.model_validate({"participant_id": participant})
        yield Request(
            Line.OF_PARTICIPANT, f"of one, {whose}", _bound(endpoint("list_submissions"), caller, of_one)
        )
        yield Request(Line.PEOPLE, f"search “{text}”: {whose}", _bound(every.page, 1, text))
        yield Request(Line.TITLE, f"search “{title}”: {whose}", _bound(every.page, 1, title))
        list_coachings = endpoint("list_coachings")
        last = -(-len(world.lists[coaching_rules.list_name(caller.sees_only)]) // PER_PAGE)
        for name, page in {"page 1": 1, "last page": last}.items():
            send = _bound(list_coachings, caller, SessionQuery.model_validate({"page": str(page)}))
            line = Line.COACHINGS if page > 1 else Line.FIRST_COACHINGS
            yield Request(line, f"coachings, {name}: {whose}", send)
        for filters, page in product(calendars(world), (1, 2)):
            send = _bound(list_coachings, caller, SessionQuery.model_validate({**filters, "page": str(page)}))
            yield Request(Line.CALENDAR, f"coachings, page {page}: {whose}, {' and '.join(filters)}", send)
    yield Request(Line.DETAILS, "details of a quiz", _bound(endpoint("get_submission"), asesor, quiz["id"]))
    yield Request(
        Line.HISTORY,
        "grades of a quiz",
        _bound(endpoint("list_grades"), asesor, quiz["id"], PlainPageQuery.model_validate({})),
    )
    yield Request(Line.COACHING, "one session", _bound(endpoint("get_coaching"), asesor, world.session))
    yield Request(
        Line.PRESENCES,
        "presences",
        _bound(endpoint("list_roster"), asesor, world.session, PageQuery.model_validate({})),
    )
    grade = Grade(score=Decimal(90), feedback="Bagus sekali")
    yield Request(Line.GRADE, "grade", _bound(endpoint("grade_submission"), asesor, waiting, grade))
    mark = Mark(participant_id=participant, status=Attendance.PRESENT)
    yield Request(Line.MARK, "mark", _bound(endpoint("mark_presence"), asesor, world.session, mark))
    grades = Grades.model_validate({"grades": [{"id": other, "score": 80} for other in others[:MANY]]})
    yield Request(Line.GRADES, "50 grades", _all_done(endpoint("grade_submissions"), asesor, grades))
    marks = Marks.model_validate(
        {"presences": [{"participant_id": who, "status": Attendance.LATE} for who in world.roster[:MANY]]}
    )
    yield Request(Line.MARKS, "50 marks", _all_done(endpoint("mark_presences"), asesor, world.session, marks))


def calendars(world: World) -> Iterator[dict[str, str]]:
    """Of each status, and between the sessions that are at a quarter and at three quarters of the list."""
    times = sorted(entry.time for entry in world.lists[coaching_rules.list_name(None)])
    bounds = {"from": times[len(times) // 4], "to": times[3 * len(times) // 4]}
    for status in (None, *coaching_rules.Status):
        of_status = {"status": status.value} if status else {}
        yield from (of_status | bounds, of_status) if status else (bounds,)


def statistics_filters(world: World) -> Iterator[dict[str, str]]:
    """Every combination that finds anything."""
    one = next(row for row in world.own if row["item_id"] == some_quiz(world)["id"])
    values = {
        "course_id": one["course_id"],
        "material_item_id": one["item_id"],
        "participant_id": one["user_id"],
        "asesor_id": world.asesor,
    }
    for chosen in product((False, True), repeat=len(values)):
        yield {name: value for (name, value), taken in zip(values.items(), chosen, strict=True) if taken}


def searched(world: World, own: str | None) -> str:
    """A search that finds some 20 of the people whom the caller may see, and no item: how a name, or a
    part of an e-mail, begins.
    """
    titles = " ".join(search.normalised(item["title"]) for item in world.items.values())
    texts = [
        directory.user_document(user).text
        for user in world.users.values()
        if user.get("asesor_id") and own in (None, user["asesor_id"])
    ]
    beginnings = Counter(
        beginning
        for text in texts
        for beginning in {
            word[start:end]
            for word in text.split()
            for start in (0, *(at + 1 for at, character in enumerate(word) if character == "."))
            for end in range(start + 2, len(word) + 1)
        }
        if beginning not in titles
    )
    likely = sorted(beginnings, key=lambda text: (abs(beginnings[text] - PEOPLE_SOUGHT), len(text), text))

    def missed_by(word: str) -> int:
        return abs(sum(search.contains(text, word) for text in texts) - PEOPLE_SOUGHT)

    return min(likely[:_LIKELY], key=missed_by)


def _bound(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    return lambda: function(*arguments)


def _all_done(function: Callable[..., Any], *arguments: Any) -> Callable[[], None]:
    """Of many at once, of which each is answered for itself."""

    def send() -> None:
        failed = [each for each in function(*arguments) if isinstance(each, Exception)]
        assert not failed, failed[0]

    return send
