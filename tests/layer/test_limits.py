"""That docs/limits.md says what the code does, and that what the limits allow fits into AWS's."""

import json
import re
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import pytest

from local.template import ROOT
from teaching import dynamo, limits
from teaching.coaching import rules as coaching
from teaching.coaching.rules import Mark
from teaching.directory import people
from teaching.grading import rules as grading
from teaching.grading.rules import Grade
from teaching.http import envelope
from teaching.http.pages import Page, PageQuery
from teaching.records import ItemRecord, SubmissionRecord, UserRecord
from teaching.records_queue import record_of
from tests.support import ASESOR, PARTICIPANT, item, message, new_id, participant, person, submission

pytestmark = pytest.mark.usefixtures("no_network")

RESERVED = 0.95
UNITS = {"": 1, "KB": 1024, "MB": 1024 * 1024}
LIMITS = {name: value for name, value in vars(limits).items() if name.isupper()}

CHARACTERS = ["x", '"', "\\", "\n", "é", "\u20ac", "\U0001f600", "\u0001"]
"""Of every length that JSON in UTF-8, and JSON within JSON, gives a character."""

each_character = pytest.mark.parametrize("character", CHARACTERS, ids=ascii)


def test_the_table_of_limits_is_that_of_the_code() -> None:
    text = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) ?(KB|MB|) \|", text, re.MULTILINE)
    told = {name: int(number.replace(",", "")) * UNITS[unit] for name, number, unit in rows}
    wrong = sorted(name for name in told.keys() | LIMITS.keys() if told.get(name) != LIMITS.get(name))
    assert not wrong, f"docs/limits.md does not say what limits.py says of {', '.join(wrong)}"


def longest(character: str, characters: int) -> str:
    """As many of the character as a text of the limit takes."""
    size = len(json.dumps(character, ensure_ascii=False).encode()) - 2
    return character * min(characters, characters * limits.BYTES_PER_CHARACTER // size)


def filling(character: str, most: int) -> Any:
    """A list that is JSON of at most so many bytes, and nearly as many."""
    size = len(json.dumps(character, ensure_ascii=False).encode()) - 2
    return [character * ((most - len('[""]')) // size)]


def as_sent(answer: Any) -> int:
    return len(json.dumps(answer, ensure_ascii=False).encode())


def taken(kind: str, data: Any) -> Any:
    """The record, which no limit refuses."""
    return record_of(message(kind, data)["body"])


def largest_person(character: str, role: str = "participant") -> dynamo.Item:
    """A row of the Users table."""
    data = participant(new_id()) if role == "participant" else person(role, new_id(), "")
    data |= {"name": longest(character, limits.NAME_MOST), "email": longest(character, limits.NAME_MOST)}
    data |= {"profile": filling(character, limits.PROFILE_BYTES)}
    if profile := data["participant_profile"]:
        texts = ("clasification", "nik", "npwp", "last_education", "stage", "province", "street", "city")
        profile |= dict.fromkeys(texts, character * limits.TEXT_MOST)
    record: UserRecord = taken("user", data)
    return {
        **record.model_dump(exclude={"profile", "participant_profile"}),
        "profile": json.dumps(record.profile, ensure_ascii=False),
        "participant_profile": record.participant_profile and record.participant_profile.model_dump_json(),
    }


def largest_item(character: str) -> dynamo.Item:
    """A row of the Items table."""
    data = item(
        title=longest(character, limits.NAME_MOST),
        category=longest(character, limits.WORD_MOST),
        data=filling(character, limits.DATA_BYTES),
    )
    record: ItemRecord = taken("item", data)
    return record.model_dump(exclude={"data"}) | {"data": json.dumps(record.data, ensure_ascii=False)}


def largest_submission(character: str) -> tuple[dynamo.Item, dynamo.Item, dynamo.Item]:
    """A graded one's row, its participant's and its item's."""
    user, grader = largest_person(character), largest_person(character, "asesor")
    quiz = largest_item(character)
    record: SubmissionRecord = taken(
        "submission", submission(response_snapshot=filling(character, limits.SNAPSHOT_BYTES))
    )
    arrived = {"id": record.id, "version": 1, **(grading.arrival(None, record) or {})}
    grade = Grade(score=Decimal(90), feedback=longest(character, limits.NOTE_MOST))
    graded = arrived | grading.derived(arrived, user, quiz, None)
    copy = people.person_copy(grader)
    graded |= grading.grading(graded, grade, ASESOR, copy, "2026-02-19T15:06:03.117Z")
    return graded, user, quiz


@each_character
def test_the_largest_rows_fit(character: str) -> None:
    for row in largest_submission(character):
        size = sum(len(name) + _bytes(value) for name, value in row.items())
        assert size < RESERVED * limits.ROW_BYTES


def _bytes(value: Any) -> int:
    return len(value) if isinstance(value, bytes) else len(str(value).encode())


@each_character
def test_the_largest_page_of_submissions_fits(character: str) -> None:
    row = grading.row(largest_submission(character)[0])
    page = Page([row] * limits.PER_PAGE_MOST, 10**18, PageQuery.model_validate({"limit": "100"}))
    answer = envelope.answer(HTTPStatus.OK, envelope.page_beside(page, "success"))
    assert as_sent(answer) < RESERVED * limits.ANSWER_BYTES


@each_character
def test_the_largest_page_of_presences_fits(character: str) -> None:
    user = largest_person(character)
    mark = Mark.model_validate(
        {
            "participant_id": PARTICIPANT,
            "status": "present",
            "feedback_notes": longest(character, limits.NOTE_MOST),
        }
    )
    changes = coaching.marking({}, mark, new_id(), "2026-02-19T15:06:03.117Z")
    row = {"session_id": new_id(), "participant_id": PARTICIPANT, **changes}
    row |= coaching.roster_derived(PARTICIPANT, user, True)
    rows = [coaching.presence_row(row)] * limits.PER_PAGE_MOST
    page = Page(rows, limits.ROSTER_MOST, PageQuery.model_validate({"limit": "100"}))
    answer = envelope.answer(HTTPStatus.OK, envelope.page_within(page, "success"))
    assert as_sent(answer) < RESERVED * limits.ANSWER_BYTES


@each_character
def test_the_largest_details_fit(character: str) -> None:
    stored, user, quiz = largest_submission(character)
    told = {
        **grading.graded_submission(stored),
        "user": people.participant(user),
        "item": people.material_item(quiz),
    }
    answer = envelope.answer(HTTPStatus.OK, envelope.plain(told, "success"))
    assert as_sent(answer) < RESERVED * limits.ANSWER_BYTES
