"""The requests that are measured, as callers would make them on a loaded store.

Each calls the endpoint's own function: what Lambda runs between the check of the token and the
writing of the answer as JSON.
"""

from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import product
from random import Random
from typing import Any, NamedTuple

from benchmarks.load import World
from local import demo
from teaching.coaching.rules import Attendance, Mark
from teaching.directory import search
from teaching.directory import store as directory
from teaching.grading.rules import Grade, Scope, Status, SubmissionQuery
from teaching.http.auth import ADMIN, ASESOR, Caller
from teaching.http.endpoint import Endpoint
from teaching.http.pages import PER_PAGE, PageQuery

FIRST_OF_ONE = "list, page 1, one status"
FIRST_OF_ALL = "list, page 1, all statuses"
PAGE_OF_ONE = "list, any page, any filter, one status"
PAGE_OF_ALL = "list, any page, any filter, all statuses"
STATISTICS = "statistics"
DETAILS = "details"
SEARCH = "search that finds 20 people"
GRADE = "grade"
MARK = "mark"
OTHER = "other"

PEOPLE_SOUGHT = 20


class Request(NamedTuple):
    line: str
    """Its line in the table of budgets; `OTHER`: it has none."""
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
        return Scope(self.caller.own, self.course, self.item)

    def page(self, page: int, text: str | None = None) -> Any:
        query = SubmissionQuery(
            limit=str(PER_PAGE),
            page=str(page),
            search=text,
            status=self.status,
            course_id=self.course,
            material_item_id=self.item,
        )
        return endpoint("list_submissions")(self.caller, query)


def callers(world: World) -> tuple[Caller, Caller]:
    return Caller(world.admin, ADMIN), Caller(world.asesor, ASESOR)


def listings(world: World) -> list[Listing]:
    """Every combination of caller, status and filters; the course and item are those of a quiz."""
    quiz = _quiz(world)
    choices = product(callers(world), [None, *Status], [None, quiz["course_id"]], [None, quiz["id"]])
    return [Listing(*choice) for choice in choices]


def _quiz(world: World) -> dict[str, Any]:
    return next(item for item in world.items.values() if item["category"] == "quiz")


def pages(world: World, listing: Listing) -> int:
    return -(-world.count(listing.scope.list, listing.status) // PER_PAGE)


def line_of(listing: Listing, page: int) -> str:
    if page == 1 and not (listing.course and listing.item):
        return FIRST_OF_ONE if listing.status else FIRST_OF_ALL
    return PAGE_OF_ONE if listing.status else PAGE_OF_ALL


def list_requests(world: World) -> Iterator[Request]:
    """The first, the middle and the last page of every list."""
    for listing in listings(world):
        last = pages(world, listing)
        for name, page in {"page 1": 1, "middle": (last + 1) // 2, "last": last}.items():
            if page > 1 or name == "page 1":
                send = _bound(listing.page, page)
                yield Request(line_of(listing, page), f"{name}: {listing.name}", send)


def random_pages(world: World, number: int, seed: int) -> Iterator[Request]:
    """Pages of random lists, at random depth."""
    rng = Random(seed)
    choices = [listing for listing in listings(world) if pages(world, listing) > 1]
    for listing in rng.choices(choices, k=number):
        page = rng.randint(2, pages(world, listing))
        yield Request(line_of(listing, page), f"page {page}: {listing.name}", _bound(listing.page, page))


def other_requests(world: World) -> Iterator[Request]:
    admin, asesor = callers(world)
    quiz = next(row for row in world.own if row["item_id"] == _quiz(world)["id"])
    waiting = next(row["id"] for row in world.own if row["status"] == Status.SUBMITTED)
    participant = next(row["user_id"] for row in world.own)
    title = _quiz(world)["title"]
    for caller, whose in ((admin, "all"), (asesor, "own")):
        text = searched(world, caller.own)
        every = Listing(caller, None, None, None)
        yield Request(STATISTICS, f"statistics: {whose}", _bound(endpoint("get_statistics"), caller))
        yield Request(SEARCH, f"search “{text}”: {whose}", _bound(every.page, 1, text))
        yield Request(OTHER, f"search of an item's title: {whose}", _bound(every.page, 1, title))
        list_coachings = endpoint("list_coachings")
        last = -(-world.count("sessions" if caller is admin else f"sessions#asesor#{caller.id}") // PER_PAGE)
        for name, page in {"page 1": 1, "last page": last}.items():
            send = _bound(list_coachings, caller, PageQuery(limit=str(PER_PAGE), page=str(page)))
            yield Request(OTHER, f"coachings, {name}: {whose}", send)
    yield Request(DETAILS, "details of a quiz", _bound(endpoint("get_submission"), asesor, quiz["id"]))
    yield Request(OTHER, "presences", _bound(endpoint("list_roster"), asesor, world.session, PageQuery()))
    grade = Grade(score=90, feedback="Bagus sekali")
    yield Request(GRADE, "grade", _bound(endpoint("grade_submission"), asesor, waiting, grade))
    mark = Mark(participant_id=participant, status=Attendance.PRESENT)
    yield Request(MARK, "mark", _bound(endpoint("mark_presence"), asesor, world.session, mark))


def searched(world: World, own: str | None) -> str:
    """A search that finds some 20 of the people whom the caller may see: a name, or its beginning."""
    texts = [
        directory.user_document(user).text
        for user in world.users.values()
        if user.get("asesor_id") and own in (None, user["asesor_id"])
    ]
    given = demo.GIVEN_NAMES.split(", ")[:12]
    endings = ["", *(f" {family[:length]}" for family in demo.FAMILY_NAMES.split(", ") for length in (2, 3))]
    candidates = {name + ending for name, ending in product(given, endings)}
    candidates |= {name[:length] for name in given for length in (2, 3)}

    def found(text: str) -> int:
        words = search.words_of(text)
        return sum(all(search.contains(text, word) for word in words) for text in texts)

    return min(sorted(candidates), key=lambda text: abs(found(text) - PEOPLE_SOUGHT))


def _bound(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    return lambda: function(*arguments)
