import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from itertools import count, product
from typing import Any

import pytest

from benchmarks.meter import metered
from teaching import dynamo
from teaching.coaching import store as coaching
from teaching.coaching.rules import SessionQuery
from teaching.directory import search
from teaching.directory.search import ITEM, SESSION, USER, Document, normalised, words_of
from teaching.errors import InvalidQuery
from teaching.grading import store as grading
from teaching.grading.rules import SubmissionQuery
from teaching.http.auth import Caller
from teaching.limits import MATCHES_MOST
from tests.support import (
    ASESOR,
    BY_ADMIN,
    BY_ASESOR,
    BY_OTHER_ASESOR,
    COURSE,
    NOBODYS,
    OTHER_ASESOR,
    OTHER_PARTICIPANT,
    PARTICIPANT,
    item,
    new_id,
    participant,
    patiently,
    person,
    race,
    session,
    settle,
    submission,
    take_in,
)


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("Siti  Rahmawati ", "siti rahmawati"),
        ("ÁÉÍ ñandú", "aei nandu"),
        ("A\u0301mir", "amir"),
        ("Straße", "strasse"),
        ("ﬁne ①", "fine 1"),
        ("\u0130stanbul", "istanbul"),
        ("tab\tand\nnew\u00a0line", "tab and new line"),
        ("\u0301", ""),
    ],
)
def test_case_and_accents_do_not_count(text: str, bare: str) -> None:
    assert normalised(text) == bare
    assert normalised(bare) == bare


def test_a_word_within_another_is_not_looked_for() -> None:
    assert words_of("Siti siti it Rahma") == ["rahma", "siti"]


QUIZ, ESSAY, HASAN, SESSIONS = new_id(), new_id(), new_id(), (new_id(), new_id())
SUBMISSIONS = {
    (user, thing): new_id() for user in (PARTICIPANT, OTHER_PARTICIPANT, HASAN) for thing in (QUIZ, ESSAY)
}


@pytest.fixture
def programme(tables: str) -> None:
    """Three people of two asesors, each with a quiz and an essay."""
    take_in("user", person("asesor", ASESOR, "Budi Santoso"), person("asesor", OTHER_ASESOR, "Dewi Léstari"))
    take_in("user", participant(PARTICIPANT, "Siti Rahmawati", email="siti@umkm.co.id"))
    take_in("user", participant(OTHER_PARTICIPANT, "Ágús Sálim", OTHER_ASESOR, email="agus@umkm.co.id"))
    take_in("user", participant(HASAN, "Hasan Quizzi", ASESOR, email="h@x.y"))
    take_in("item", item(id=QUIZ, title="Quiz Digital Dasar"))
    take_in("item", item(id=ESSAY, title="Esai: Siti dan Pasar", course_id=NOBODYS))
    for (user, thing), identity in SUBMISSIONS.items():
        course = COURSE if thing == QUIZ else NOBODYS
        take_in("submission", submission(id=identity, user_id=user, item_id=thing, course_id=course))
    take_in(
        "session", session(id=SESSIONS[0]), session(id=SESSIONS[1], title="Klinik", asesor_id=OTHER_ASESOR)
    )
    settle()


def found(caller: Caller, text: str, **filters: str) -> set[str]:
    page = grading.page(caller, SubmissionQuery.model_validate({"search": text, **filters}))
    assert page.total == len(page.rows)
    return {row["id"] for row in page.rows}


def of(people: Any = (PARTICIPANT, OTHER_PARTICIPANT, HASAN), things: Any = (QUIZ, ESSAY)) -> set[str]:
    return {SUBMISSIONS[user, thing] for user, thing in product(people, things)}


ALL = of()


@pytest.mark.usefixtures("programme")
def test_every_word_is_in_the_name_the_email_or_the_title() -> None:
    searches: dict[str, set[str]] = {
        "rahmawati": of([PARTICIPANT]),
        "RAHMA": of([PARTICIPANT]),
        "ahmawat": of([PARTICIPANT]),
        "rähmäwäti": of([PARTICIPANT]),
        "agus salim": of([OTHER_PARTICIPANT]),
        "salim agus": of([OTHER_PARTICIPANT]),
        "@umkm.co": of([PARTICIPANT, OTHER_PARTICIPANT]),
        "siti@umkm.co.id": of([PARTICIPANT]),
        "quiz": of(things=[QUIZ]) | of([HASAN]),
        "quizzi": of([HASAN]),
        "siti": of([PARTICIPANT]) | of(things=[ESSAY]),
        "siti quiz": of([PARTICIPANT], [QUIZ]) | of([HASAN], [ESSAY]),
        "quiz siti rahmawati": of([PARTICIPANT], [QUIZ]),
        "rahmawati digital": of([PARTICIPANT], [QUIZ]),
        "digital dasar": of(things=[QUIZ]),
        "dasar@umkm": set(),
        "rahmawati salim": set(),
        "siti salim": of([OTHER_PARTICIPANT], [ESSAY]),
        "rahmawatisiti": set(),
        "i rahmawati": of([PARTICIPANT]),
        "w q": of([PARTICIPANT], [QUIZ]),
        "z q": of(things=[QUIZ]) | of([HASAN]),
        "u g": of([OTHER_PARTICIPANT]) | of(things=[QUIZ]),
        "@ 7": set(),
        "esai:": of(things=[ESSAY]),
        "budi": set(),
        "nobody": set(),
        "%' OR 1=1": set(),
        "siti#": set(),
    }
    for text, expected in searches.items():
        assert found(BY_ADMIN, text) == expected, text
        assert found(BY_ASESOR, text) == expected & of([PARTICIPANT, HASAN]), text
        assert found(BY_OTHER_ASESOR, text) == expected & of([OTHER_PARTICIPANT]), text


@pytest.mark.usefixtures("programme")
def test_a_search_and_filters_mean_and() -> None:
    for text, course, thing, status in product(
        ("siti", "quiz", "umkm", "siti quiz"),
        (None, COURSE),
        (None, QUIZ, ESSAY),
        (None, "submitted", "graded"),
    ):
        filters = {"course_id": course, "material_item_id": thing, "status": status}
        given = {name: value for name, value in filters.items() if value}
        expected = found(BY_ADMIN, text)
        if course:
            expected &= of(things=[QUIZ])
        if thing:
            expected &= of(things=[thing])
        if status == "graded":
            expected = set()
        assert found(BY_ADMIN, text, **given) == expected, (text, given)
        assert found(BY_ASESOR, text, **given) == expected & of([PARTICIPANT, HASAN]), (text, given)


@pytest.mark.usefixtures("programme")
def test_sessions_are_found_by_title_and_asesors_name() -> None:
    def sessions(caller: Caller, text: str) -> set[str]:
        page = coaching.page(caller, SessionQuery.model_validate({"search": text}))
        assert page.total == len(page.rows)
        return {row["id"] for row in page.rows}

    assert sessions(BY_ADMIN, "lestari") == sessions(BY_ADMIN, "KLINIK déwi") == {SESSIONS[1]}
    assert sessions(BY_ADMIN, "an") == {SESSIONS[0]}
    assert sessions(BY_ASESOR, "klinik") == set()
    assert sessions(BY_OTHER_ASESOR, "klinik") == {SESSIONS[1]}
    assert sessions(BY_ADMIN, "klinik budi") == set()


@pytest.mark.usefixtures("tables")
def test_an_admin_is_answered_up_to_2000_people_and_no_more() -> None:
    """Every search that they hold, also of one letter; an asesor is never told of them."""
    assert MATCHES_MOST == 2000
    put_documents(Document(USER, f"{number:032x}", "zz yy", ASESOR) for number in range(MATCHES_MOST))
    for text in ("zz", "z y", "zz y", "zz yy"):
        assert found(BY_ADMIN, text) == set()
    put_documents([Document(USER, "f", "zz yy", ASESOR)])
    for text in ("zz", "z y", "zz y", "zz yy"):
        with metered() as cost, pytest.raises(InvalidQuery, match="more specific"):
            found(BY_ADMIN, text)
        assert cost.reads_of["SearchTable"] < 50
        assert cost.requests <= 5
        assert found(BY_ASESOR, text) == found(BY_OTHER_ASESOR, text) == set()


@pytest.mark.usefixtures("tables")
def test_an_admin_is_answered_up_to_2000_items_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MATCHES_MOST", 20)
    put_documents(Document(ITEM, new_id(), "zz") for _ in range(20))
    assert found(BY_ADMIN, "zz") == set()
    put_documents([Document(ITEM, new_id(), "zz")])
    with pytest.raises(InvalidQuery, match="more specific"):
        found(BY_ADMIN, "zz")
    assert found(BY_ASESOR, "zz") == set()


@pytest.mark.usefixtures("tables")
def test_sessions_are_found_and_refused_as_people_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rows of the index it takes."""
    small = {"WORDS_AT_FIRST": 1, "ROWS_AT_FIRST": 4, "ROWS_OF_ONE_WORD": 4, "ROWS_READ_ON": 8}
    for name, value in {**small, "MATCHES_MOST": 20}.items():
        monkeypatch.setattr(search, name, value)
    words = ("go", "digital", "klinik", "a")
    texts = {new_id(): " ".join(words[at] for at in range(4) if number >> at & 1) for number in range(16)} | {
        new_id(): "digital b" for _ in range(13)
    }
    mine = set(list(texts)[::3])
    put_documents(
        Document(SESSION, identity, text, ASESOR if identity in mine else OTHER_ASESOR, "2026-02-20")
        for identity, text in texts.items()
    )
    for text in ("go", "go digital", "d a", "i g", "digital b", "digital klinik go", "gi al", "nobody", "i"):
        expected = {
            identity for identity, held in texts.items() if all(word in held for word in text.split())
        }
        assert {row["id"] for row in search.sessions(text, ASESOR)} == expected & mine, text
        if len(expected) <= 20:
            with metered() as cost:
                assert {row["id"] for row in search.sessions(text, None)} == expected, text
            assert cost.trips <= 3
        else:
            with pytest.raises(InvalidQuery, match="more specific"):
                search.sessions(text, None)


def put_documents(documents: Iterable[Document]) -> None:
    rows = [row for document in documents for row in search.rows_of(document).values()]
    for some in dynamo.chunked(rows, 1000):
        dynamo.batch_write("SearchTable", some, [])


def index_rows() -> list[Any]:
    return sorted(
        (row["term"], row["entry"]) for row in dynamo.scan("SearchTable")[0] if row["entry"] != "doc"
    )


@pytest.mark.usefixtures("tables")
def test_the_index_holds_what_the_document_says_now_and_nothing_else() -> None:
    def document(text: str, asesor: str | None = None) -> Document:
        return Document(USER, PARTICIPANT, text, asesor)

    for now in (
        document("siti rahmawati"),
        document("siti rahmawati", ASESOR),
        document("aminah", ASESOR),
        document("aminah", OTHER_ASESOR),
        document("", ASESOR),
        document("a b"),
        document("x" * 500),
        None,
        document("siti"),
    ):
        index(now)
        assert index_rows() == sorted(search.rows_of(now) if now else [])
        index(now)
        assert index_rows() == sorted(search.rows_of(now) if now else [])


def index(document: Document | None, **how: bool) -> None:
    search.index(USER, PARTICIPANT, lambda: document, **how)


SITI, AMINAH, GATOT = (
    Document(USER, PARTICIPANT, text, ASESOR) for text in ("siti rahmawati", "aminah " * 40, "gatot")
)


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("writes", range(7))
def test_what_was_cut_short_is_cleaned_up_by_the_next(writes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it was: before the note, between the rows, before it was settled; also if it said the same."""
    long = Document(USER, PARTICIPANT, " ".join(f"aminah{number}" for number in range(20)), ASESOR)
    for following in (GATOT, long._replace(asesor=OTHER_ASESOR)):
        index(SITI)
        with monkeypatch.context() as patch:
            fail_after(patch, writes)
            with suppress(RuntimeError):
                index(long)
        index(following)
        assert index_rows() == sorted(search.rows_of(following))


def fail_after(patch: pytest.MonkeyPatch, writes: int) -> None:
    plain_call, made = dynamo.call, count(1)

    def call(operation: str, **arguments: Any) -> Any:
        if operation in ("put_item", "batch_write_item") and next(made) > writes:
            raise RuntimeError
        return plain_call(operation, **arguments)

    patch.setattr(dynamo, "call", call)


@pytest.mark.usefixtures("tables")
def test_who_died_while_writing_is_waited_for_and_then_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    index(SITI)
    with monkeypatch.context() as patch:
        fail_after(patch, 2)
        with pytest.raises(RuntimeError):
            index(AMINAH)
    index(GATOT)
    assert not at_rest()
    monkeypatch.setattr(search, "WRITING_MOST", timedelta(0))
    index(GATOT)
    assert at_rest()
    assert index_rows() == sorted(search.rows_of(GATOT))


def at_rest() -> bool:
    row = dynamo.get("SearchTable", {"term": f"doc@user#{PARTICIPANT}", "entry": "doc"})
    assert row
    return row["writers"] == "{}" and len(json.loads(row["versions"])) <= 1


@pytest.mark.usefixtures("tables")
def test_an_older_reading_of_the_document_does_not_win() -> None:
    """Somebody else indexes a newer one between this one's reading of it and its note."""
    index(SITI)
    readings = iter([SITI, GATOT])
    now = [AMINAH]

    def read() -> Document:
        reading = next(readings)
        if reading is SITI:
            now[0] = GATOT
            index(GATOT)
        return reading

    search.index(USER, PARTICIPANT, read, repair=True)
    assert index_rows() == sorted(search.rows_of(GATOT))


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("writes", range(1, 4))
def test_one_that_is_overtaken_while_it_writes_does_not_spoil_the_newer(
    writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newer one writes everything just before one of the older one's writes."""
    index(SITI)
    now = [AMINAH]
    plain_call, made = dynamo.call, count(1)

    def call(operation: str, **arguments: Any) -> Any:
        if operation in ("put_item", "batch_write_item") and next(made) == writes + 1:
            now[0] = GATOT
            index(GATOT)
        return plain_call(operation, **arguments)

    monkeypatch.setattr(dynamo, "call", call)
    search.index(USER, PARTICIPANT, lambda: now[0])
    assert index_rows() == sorted(search.rows_of(GATOT))
    assert at_rest()


@pytest.mark.usefixtures("tables")
def test_many_at_a_time_leave_what_was_last() -> None:
    texts = [f"name{number} {'x' * number}" for number in range(12)]
    now = [texts[0]]

    def save_and_index(number: int) -> None:
        now[0] = texts[number]
        search.index(USER, PARTICIPANT, lambda: Document(USER, PARTICIPANT, now[0]))

    race(len(texts), lambda number: patiently(lambda: save_and_index(number)))
    assert index_rows() == sorted(search.rows_of(Document(USER, PARTICIPANT, now[0])))
    assert at_rest()


@pytest.mark.usefixtures("tables")
def test_a_repair_writes_rows_that_are_gone_though_the_note_says_all_is_well() -> None:
    index(SITI)
    lost = {"term": "user#si", "entry": f"siti#{PARTICIPANT}"}
    dynamo.delete("SearchTable", lost)
    index(SITI)
    assert len(index_rows()) == len(search.rows_of(SITI)) - 1
    index(SITI, repair=True)
    assert index_rows() == sorted(search.rows_of(SITI))
    assert at_rest()


@pytest.mark.usefixtures("tables")
def test_a_change_costs_two_writes_and_one_for_each_row() -> None:
    index(SITI)
    with metered() as cost:
        index(SITI)
    assert cost.writes == 0
    with metered() as cost:
        index(GATOT)
    changed = len(search.rows_of(SITI).keys() | search.rows_of(GATOT).keys())
    assert cost.writes == changed + 2
