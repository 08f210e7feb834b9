"""A search over submissions against a plain Python model of what it should find, and what it may cost."""

import json
from collections.abc import Iterator
from itertools import product
from math import ceil
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from benchmarks.meter import Cost, metered
from local import store as local_store
from local.template import Template
from teaching import dynamo
from teaching.directory import people, search
from teaching.directory.search import ITEM, USER, Document, normalised
from teaching.errors import InvalidQuery
from teaching.grading import finding, rules
from teaching.grading import store as grading
from teaching.grading.rules import Status, SubmissionQuery
from teaching.http.auth import Caller, Role
from teaching.tally import store as tally
from teaching.tally.apply import apply
from teaching.tally.tree import Entry

ADMIN = Caller("00000000-0000-4000-8000-00000000000a", Role.ADMIN)
FIRST = ["siti", "Agus", "Dewi", "Budi", "Zahra"]
LAST = ["Rahmawati", "Salim", "Léstari", "Modul", "Quizzi"]
DOMAINS = ["gmail.com", "yahoo.co.id"]
TOPICS = ["Pemasaran", "Keuangan", "Siti dan Pasar", "Digital"]


class Person(NamedTuple):
    id: str
    name: str
    email: str
    asesor: str


class World:
    """People, items and submissions straight in the tables, with what is kept ready of them."""

    def __init__(self, rng: Random, *, people: int, items: int, submissions: int, asesors: int = 3) -> None:
        self.rng = rng
        self.asesors = [Caller(self.new_id(), Role.ASESOR) for _ in range(asesors)]
        self.people = {person.id: person for person in self.some_people(people)}
        self.titles = {self.new_id(): self.title(number) for number in range(items)}
        self.rows = {row["id"]: row for row in self.some_submissions(submissions)}
        documents = [
            Document(USER, person.id, normalised(f"{person.name} {person.email}"), person.asesor)
            for person in self.people.values()
        ]
        documents += [Document(ITEM, item, normalised(title)) for item, title in self.titles.items()]
        put("SearchTable", [row for each in documents for row in search.rows_of(each).values()])
        put("SubmissionsTable", list(self.rows.values()))
        for some in dynamo.chunked([f"submission#{identity}" for identity in self.rows], 100):
            apply(some, grading.counted)

    def new_id(self) -> str:
        return str(UUID(int=self.rng.getrandbits(128), version=4))

    def some_people(self, number: int) -> Iterator[Person]:
        for _ in range(number):
            first, last = self.rng.choice(FIRST), self.rng.choice(LAST)
            email = f"{first}.{self.rng.randint(0, 99)}@{self.rng.choice(DOMAINS)}".lower()
            yield Person(self.new_id(), f"{first} {last}", email, self.rng.choice(self.asesors).id)

    def title(self, number: int) -> str:
        return f"Modul {number % 9} {self.rng.choice(TOPICS)}"

    def some_submissions(self, number: int) -> Iterator[dynamo.Item]:
        for _ in range(number):
            person = self.rng.choice(list(self.people.values()))
            item = self.rng.choice(list(self.titles))
            status = self.rng.choice(list(Status))
            day, hour = self.rng.randint(1, 28), self.rng.randint(0, 23)
            time = f"2026-02-{day:02}T{hour:02}:00:00.000Z"
            row = {
                "id": self.new_id(),
                "version": 1,
                "user_id": person.id,
                "asesor_id": person.asesor,
                "item_id": item,
                "course_id": str(UUID(int=int(item[0], 16) % 2)),
                "status": status.value,
                "created_at": time,
                "submitted_at": time,
                "user": people.person_copy({**person._asdict(), "profile": "null"}),
                "item": json.dumps({"id": item, "title": self.titles[item], "category": "quiz"}),
            }
            row |= {"score": 50} if status is Status.GRADED else {}
            yield row | {key: value for key, value in rules.keys(row).items() if value}

    def matching(self, caller: Caller, text: str, **filters: str) -> list[str]:
        """The ids of what a search should find, newest first."""
        words = normalised(text).split()
        wanted = filters | ({"asesor_id": caller.id} if caller.role is Role.ASESOR else {})
        rows = [
            row
            for row in self.rows.values()
            if all(row[name] == value for name, value in wanted.items())
            and all(word in self.text_of(row) for word in words)
        ]
        rows.sort(key=lambda row: (row["created_at"], row["id"]), reverse=True)
        return [row["id"] for row in rows]

    def text_of(self, row: dynamo.Item) -> str:
        person = self.people[row["user_id"]]
        return normalised(f"{person.name} {person.email} {self.titles[row['item_id']]}")

    def allowance(self, found: list[str]) -> float:
        """Read units: 20, and 1.5 for each person, item and hundred rows found."""
        rows = [self.rows[identity] for identity in found]
        people, items = ({row[name] for row in rows} for name in ("user_id", "item_id"))
        return 20 + 1.5 * (len(people) + len(items) + len(rows) / 100)


def put(table: str, rows: list[dynamo.Item]) -> None:
    for some in dynamo.chunked(rows, 1000):
        dynamo.batch_write(table, some, [])


def remove(table: str, rows: list[dynamo.Item]) -> None:
    dynamo.batch_write(table, [], [{"term": row["term"], "entry": row["entry"]} for row in rows])


@pytest.fixture(scope="module")
def world(store: str, facts: Template) -> World:
    """The one of all tests here, which leave it as it is."""
    local_store.empty_tables(store, facts)
    return World(Random(3), people=60, items=60, submissions=350)


QUERY_OF = {"course_id": "course_id", "item_id": "material_item_id", "status": "status"}


def page_of(caller: Caller, text: str, **given: Any) -> Any:
    return grading.page(caller, SubmissionQuery.model_validate({"search": text, **given}))


def asked(caller: Caller, text: str, **filters: str) -> tuple[list[str], int]:
    """All pages of the search, and its total."""
    given = {QUERY_OF[name]: value for name, value in filters.items()} | {"limit": "40"}
    page = page_of(caller, text, **given)
    ids = [row["id"] for row in page.rows]
    for number in range(2, ceil(page.total / 40) + 1):
        ids += [row["id"] for row in page_of(caller, text, **given, page=str(number)).rows]
    return ids, page.total


def some_texts(rng: Random, world: World, number: int) -> Iterator[str]:
    """Words of names, e-mails and titles, parts of them down to a letter, some of nobody."""
    words = [
        word for person in world.people.values() for word in normalised(f"{person[1]} {person[2]}").split()
    ]
    words += [word for title in world.titles.values() for word in normalised(title).split()] * 3
    for _ in range(number):
        chosen = []
        for word in rng.choices([*words, "nobody"], k=rng.randint(1, 3)):
            begin = rng.randrange(len(word)) if rng.random() < 0.6 else 0
            end = rng.randint(begin + 1, len(word)) if rng.random() < 0.6 else len(word)
            chosen.append(word[begin:end])
        text = " ".join(chosen)
        if len(text) > 1:
            yield text


SMALL = {
    "WORDS_AT_FIRST": 1,
    "ROWS_AT_FIRST": 6,
    "ROWS_OF_ONE_WORD": 8,
    "ROWS_READ_ON": 20,
    "MATCHES_MOST": 60,
}


@pytest.fixture(params=["as it is", "small", "looking through", "far behind"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same searches by every way to an answer, few as the data are."""
    if request.param != "as it is":
        for name, value in SMALL.items():
            monkeypatch.setattr(search, name, value)
    if request.param == "looking through":
        monkeypatch.setattr(finding, "FEW", 0)
        monkeypatch.setattr(finding, "UNITS_OF_ITEM", 0)
        monkeypatch.setattr(finding, "UNITS_OF_ROW", 0)
    if request.param == "far behind":
        monkeypatch.setattr(grading, "FIRST_ROWS", 0)


@pytest.mark.usefixtures("way")
def test_pages_and_totals_are_those_of_a_plain_model(world: World) -> None:
    rng = Random(7)
    fixed = ["modul 7 pemasaran", "siti modul", "7 modul", "gmail modul", "a i", "gmail yahoo", "s q"]
    for text in [*fixed, *some_texts(rng, world, 12)]:
        for caller in (ADMIN, *world.asesors[:2]):
            filters: dict[str, str] = {}
            if rng.random() < 0.3:
                filters["status"] = rng.choice(list(Status)).value
            if rng.random() < 0.3:
                filters["item_id"] = rng.choice(list(world.titles))
            if rng.random() < 0.3:
                filters["course_id"] = str(UUID(int=rng.randint(0, 1)))
            expected = world.matching(caller, text, **filters)
            assert asked(caller, text, **filters) == (expected, len(expected)), (text, filters)


TEXTS = [
    "Modul 7 Pemasaran",
    "modul",
    "7 modul",
    "siti modul",
    "siti rahmawati",
    "gmail",
    "gmail modul",
    "gmail yahoo",
    "gmail 7 pemasaran",
    "a e",
    "q z",
    "nobody",
    "@ 7",
]


def test_a_search_costs_what_it_finds(world: World) -> None:
    """At most 5 trips, 20 units and 1.5 for each person, item and hundred rows, on every page."""
    for text, caller, page in product(TEXTS, (ADMIN, *world.asesors), ("1", "2", "9")):
        cost = spent(caller, text, page=page)
        assert cost.trips <= 5, text
        assert cost.reads <= world.allowance(world.matching(caller, text)), text
        assert cost.requests <= 100, text


def spent(caller: Caller, text: str, **given: str) -> Cost:
    with metered() as cost:
        page_of(caller, text, **given)
    return cost


def test_an_exact_title_asks_no_participant(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the 7 in it is in every other e-mail, and no other title holds the other words."""
    title = "Modul 7 Tunggal"
    rows = [*search.rows_of(Document(ITEM, world.new_id(), normalised(title))).values()]
    put("SearchTable", rows)
    asked_for: list[str] = []

    def entries(lists: list[str]) -> dict[str, list[Entry]]:
        asked_for.extend(lists)
        return {}

    monkeypatch.setattr(tally, "entries", entries)
    for caller in (ADMIN, *world.asesors):
        page_of(caller, title)
    remove("SearchTable", rows)
    assert asked_for == []


def test_a_digit_of_many_emails_is_looked_for_in_the_few_submissions_that_it_concerns(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not among all who have it in their e-mail."""
    monkeypatch.setattr(finding, "FEW", 5)
    titles = [title for title in world.titles.values() if "Pemasaran" in title]
    rare = min(titles, key=titles.count)
    one = next(item for item, title in world.titles.items() if title == rare)
    cost = spent(ADMIN, f"pemasaran {next(d for d in '0123456789' if d not in rare)}", material_item_id=one)
    assert cost.reads_of["TalliesTable"] <= 1
    assert cost.reads < 10


def test_what_an_asesor_may_find_is_not_refused_because_of_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither others' people nor the number of items, which the asesor has no use for, count."""
    for name, value in {
        "MATCHES_MOST": 1,
        "ROWS_AT_FIRST": 2,
        "ROWS_OF_ONE_WORD": 2,
        "ROWS_READ_ON": 2,
    }.items():
        monkeypatch.setattr(search, name, value)
    for name in ("ASKED_MOST", "ITEMS_LOOKED_MOST", "ROWS_LOOKED_MOST"):
        monkeypatch.setattr(finding, name, 1)
    for caller, text in product(world.asesors, ("modul", "gmail", "7 modul", "a e", "siti modul")):
        expected = world.matching(caller, text)
        page = page_of(caller, text)
        assert ([row["id"] for row in page.rows], page.total) == (expected[:25], len(expected))
        with pytest.raises(InvalidQuery, match="more specific"):
            page_of(ADMIN, text)


def test_an_asesors_search_costs_the_same_whatever_others_have(world: World) -> None:
    """But for the titles."""
    caller = world.asesors[0]
    texts = ("modul", "gmail", "siti modul", "a e")
    before = [spent(caller, text) for text in texts]
    others = [
        Document(USER, world.new_id(), "siti modul gmail a e 7", world.asesors[1].id) for _ in range(50)
    ]
    rows = [row for each in others for row in search.rows_of(each).values()]
    put("SearchTable", rows)
    after = [spent(caller, text) for text in texts]
    remove("SearchTable", rows)
    assert after == before


def test_where_many_items_match_an_asesors_few_participants_are_asked(world: World) -> None:
    caller = world.asesors[0]
    own = sum(person.asesor == caller.id for person in world.people.values())
    assert own < len(world.titles)
    cost = spent(caller, "modul", page="999")
    assert cost.reads_of["TalliesTable"] <= own / 2
