from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import pytest

from teaching import dynamo
from teaching.coaching import store as coaching
from teaching.directory import search
from teaching.directory.search import ITEM, USER, Document, normalised, words_of
from teaching.errors import InvalidQuery
from teaching.grading import store as grading
from teaching.grading.rules import SubmissionQuery
from teaching.http.auth import Caller
from teaching.http.pages import PageQuery
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
    person,
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
        page = coaching.page(caller, PageQuery.model_validate({"search": text}))
        assert page.total == len(page.rows)
        return {row["id"] for row in page.rows}

    assert sessions(BY_ADMIN, "lestari") == sessions(BY_ADMIN, "KLINIK déwi") == {SESSIONS[1]}
    assert sessions(BY_ADMIN, "an") == {SESSIONS[0]}
    assert sessions(BY_ASESOR, "klinik") == set()
    assert sessions(BY_OTHER_ASESOR, "klinik") == {SESSIONS[1]}
    assert sessions(BY_ADMIN, "klinik budi") == set()


def index_many(kind: str, number: int) -> None:
    def put(number: int) -> None:
        identity = f"{number:08x}-0000-4000-8000-000000000000"
        search.index(kind, identity, Document(kind, identity, "zz"))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(put, range(number)))


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("kind", [USER, ITEM])
def test_a_search_that_finds_too_many_says_so(kind: str) -> None:
    index_many(kind, MATCHES_MOST)
    search.submissions("zz", None)
    index_many(kind, MATCHES_MOST + 1)
    with pytest.raises(InvalidQuery, match="more specific"):
        search.submissions("zz", None)


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
        search.index(USER, PARTICIPANT, now)
        assert index_rows() == sorted(search.rows_of(now) if now else [])
        search.index(USER, PARTICIPANT, now)
        assert index_rows() == sorted(search.rows_of(now) if now else [])


@pytest.mark.usefixtures("tables")
def test_what_was_cut_short_is_cleaned_up_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    search.index(USER, PARTICIPANT, Document(USER, PARTICIPANT, "siti rahmawati"))
    transact = dynamo.transact

    def once(writes: Any) -> None:
        transact(writes)
        monkeypatch.setattr(dynamo, "transact", fail)

    def fail(writes: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(dynamo, "transact", once)
    with pytest.raises(RuntimeError):
        search.index(USER, PARTICIPANT, Document(USER, PARTICIPANT, "aminah" * 40))
    monkeypatch.setattr(dynamo, "transact", transact)
    last = Document(USER, PARTICIPANT, "gatot")
    search.index(USER, PARTICIPANT, last)
    assert index_rows() == sorted(search.rows_of(last))
