from decimal import Decimal
from typing import Any, Literal

import pytest
from pydantic import ValidationError

from teaching import jsons
from teaching.fields import CountingNumber, Note, Score, Strict, Text, Utc, Uuid, details, is_uuid


class Fields(Strict):
    score: Score = Decimal(0)
    note: Note = ""
    text: Text = ""
    id: Uuid = "11111111-bbbb-4111-8111-111111111111"
    at: Utc = "2026-02-18T06:30:09.094Z"
    number: CountingNumber = 1
    kind: Literal["late", "early"] = "late"
    things: list[int] | None = None
    inner: "Fields | None" = None


def wrong(name: str, value: Any) -> str:
    """Why the value is refused: one line, for its field."""
    with pytest.raises(ValidationError) as error:
        Fields.model_validate({name: value})
    (line,) = details(error.value)
    field, _, why = line.partition(": ")
    assert field.partition(".")[0] == name
    return why


@pytest.mark.parametrize(
    "text", ["0", "90", "90.5", "1e2", "0.10", "100000", "1234567.12345678", "90.0", "-0", "-0.0"]
)
def test_a_score_is_kept_exactly(text: str) -> None:
    score = Fields.model_validate(jsons.loads(f'{{"score": {text}}}')).score
    assert score == Decimal(text)
    assert not score.is_signed()


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        "90",
        "",
        None,
        [],
        {},
        -1,
        Decimal("-0.01"),
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        Decimal("-Infinity"),
        90.5,
    ],
)
def test_what_is_no_score(value: Any) -> None:
    assert wrong("score", value) == "must be a number, 0 or more"


@pytest.mark.parametrize("text", ["1e400", "1e-400", "1234567890123456", "0.1234567890123456", "1" * 4000])
def test_a_score_has_as_many_digits_as_a_json_number_keeps(text: str) -> None:
    value = jsons.loads(text)
    assert wrong("score", value) == "must be a number of at most 15 digits"


@pytest.mark.parametrize("text", ["1e1000000", "1e-1000010", "90.00000000000000000000000000001"])
def test_a_score_beyond_decimals_own_limits_is_refused_too(text: str) -> None:
    assert wrong("score", Decimal(text)).startswith("must be a number")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-02-18T06:30:09.094Z", "2026-02-18T06:30:09.094Z"),
        ("2026-02-18T06:30:09Z", "2026-02-18T06:30:09.000Z"),
        ("2026-02-18T06:30Z", "2026-02-18T06:30:00.000Z"),
        ("2026-02-18T13:30:09.094+07:00", "2026-02-18T06:30:09.094Z"),
        ("2026-02-18T00:30:00-05:30", "2026-02-18T06:00:00.000Z"),
        ("2026-02-18T06:30:09.0949999Z", "2026-02-18T06:30:09.094Z"),
        ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000Z"),
    ],
)
def test_a_time_is_kept_in_utc_with_three_decimals(given: str, kept: str) -> None:
    assert Fields.model_validate({"at": given}).at == kept


@pytest.mark.parametrize(
    "value",
    [
        "2026-02-18T06:30:09",
        "2026-02-18",
        "2026-02-18 06:30:09Z",
        "2026-02-30T06:30:09Z",
        "2026-02-18T25:00:00Z",
        "18/02/2026",
        "now",
        "",
        "1771396209",
        "0001-01-01T00:00:00+23:00",
        "9999-12-31T23:00:00-05:00",
    ],
)
def test_a_time_needs_a_date_a_time_and_an_offset(value: str) -> None:
    assert wrong("at", value) == "must be an ISO date and time with an offset or Z"


@pytest.mark.parametrize("value", [1771396209, True, None, 1.5])
def test_a_time_is_text(value: Any) -> None:
    assert wrong("at", value) == "must be text"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "11111111-BBBB-4111-8111-111111111111",
        "{11111111-bbbb-4111-8111-111111111111}",
        "11111111bbbb41118111111111111111",
        "11111111-bbbb-4111-8111-11111111111",
        "11111111-bbbb-4111-8111-1111111111111",
        "11111111-bbbb-4111-8111-111111111111\n",
        " 11111111-bbbb-4111-8111-111111111111",
        "11111111-bbbb-4111-8111-11111111111g",
        "urn:uuid:11111111-bbbb-4111-8111-111111111111",
        "11111111-bbbb-4111-8111-11111111111\uff11",
    ],
)
def test_an_id_is_a_canonical_uuid(text: str) -> None:
    assert not is_uuid(text)
    assert wrong("id", text) == "must be a lower-case UUID"


@pytest.mark.parametrize("text", ["1", "25", "100", "007", "999999999999999999"])
def test_a_counting_number_is_digits(text: str) -> None:
    assert Fields.model_validate({"number": text}).number == int(text)


@pytest.mark.parametrize(
    "text",
    ["0", "00", "-1", "+5", "1.0", "1_000", "1e3", " 1", "1 ", "1\n", "", "٣", "\uff11", "0x10", "one", "²"],
)
def test_nothing_but_digits_is_a_counting_number(text: str) -> None:
    assert wrong("number", text) == "must be a whole number, 1 or more, in digits"


def test_a_note_is_at_most_ten_thousand_characters() -> None:
    assert len(Fields.model_validate({"note": "é" * 10_000}).note) == 10_000
    assert wrong("note", "é" * 10_001) == "must be at most 10000 characters"


@pytest.mark.parametrize("name", ["note", "text"])
def test_text_that_cannot_be_encoded_is_refused(name: str) -> None:
    assert wrong(name, "half \ud83d of a pair") == "must be valid Unicode text"


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("text", 7, "must be text"),
        ("kind", "never", "must be late or early"),
        ("things", {}, "must be a list"),
        ("things", ["1"], "must be a whole number"),
        ("things", [True], "must be a whole number"),
        ("inner", [], "must be an object"),
        ("inner", {"text": 1}, "must be text"),
        ("nonsense", 1, "is not a known field"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(name: str, value: Any, why: str) -> None:
    assert wrong(name, value) == why


def test_every_wrong_field_is_named_and_no_value_told() -> None:
    with pytest.raises(ValidationError) as error:
        Fields.model_validate({"score": "nik-3201121509950003", "inner": {"at": "npwp-123456789012345"}})
    lines = details(error.value)
    assert lines == [
        "score: must be a number, 0 or more",
        "inner.at: must be an ISO date and time with an offset or Z",
    ]
