"""The types of fields that come from outside, each saying in plain words what it must be."""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from teaching import clock, jsons, limits
from teaching.clock import utc_text
from teaching.limits import SCORE_DIGITS, SCORE_LEAST

UUID_PATTERN = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
COUNT_DIGITS = 18
"""A longer number of rows or pages is beyond every list, and is taken as 10^18."""


def is_uuid(text: str) -> bool:
    """Whether the text is a canonical lower-case UUID, the only form of an id."""
    return re.fullmatch(UUID_PATTERN, text) is not None


def must(be: str) -> PydanticCustomError:
    return PydanticCustomError("must", "must be {be}", {"be": be})


def _text(value: Any) -> Any:
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        raise must("valid Unicode text")
    return value


def json_of(most: int) -> BeforeValidator:
    """Any JSON value of at most so many bytes."""
    return BeforeValidator(partial(_json, most))


def _json(most: int, value: Any) -> Any:
    if _is_too_deep(value):
        raise must(f"nested at most {limits.DEPTH_MOST} deep")
    try:
        size = len(jsons.dumps(value).encode())
    except (ValueError, TypeError):
        raise must("JSON with valid Unicode text and numbers in the range of a double") from None
    if size > most:
        raise must(f"at most {most // 1024} KB as JSON")
    return value


def _is_too_deep(value: Any) -> bool:
    """Looks no deeper than the limit, level by level: the value may be nested deeper than a stack."""
    level = [value]
    for _ in range(limits.DEPTH_MOST + 1):
        inner: list[Any] = []
        containers = [each for each in level if isinstance(each, dict | list)]
        if not containers:
            return False
        for container in containers:
            inner += container.values() if isinstance(container, dict) else container
        level = inner
    return True


def bytes_of(characters: int) -> AfterValidator:
    """Text of at most so many characters, not blown up by the escapes of JSON."""
    return AfterValidator(partial(_bytes, characters * limits.BYTES_PER_CHARACTER))


def _bytes(most: int, value: str) -> str:
    if len(jsons.dumps(value).encode()) - len('""') > most:
        raise must(f"at most {most} bytes as JSON")
    return value


def _not_ahead(moment: str) -> str:
    if moment > clock.hours_after(clock.now(), limits.HOURS_AHEAD):
        raise must(f"at most {limits.HOURS_AHEAD} hours ahead of our clock")
    return moment


def _uuid(value: str) -> str:
    if not is_uuid(value):
        raise must("a lower-case UUID")
    return value


def _utc(value: str) -> str:
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None or "T" not in value:
            raise ValueError
        return utc_text(moment)
    except (ValueError, OverflowError):
        raise must("an ISO date and time with an offset or Z") from None


def _score(value: Any) -> Decimal:
    if not _is_number(value) or value < SCORE_LEAST:
        raise must(f"a number, {SCORE_LEAST} or more")
    score = Decimal(value)
    _, digits, exponent = score.as_tuple()
    significant = "".join(map(str, digits)).rstrip("0")
    smallest = int(exponent) + len(digits) - len(significant)
    if not significant:
        return Decimal(0)
    if len(significant) > SCORE_DIGITS or score.adjusted() >= SCORE_DIGITS or smallest < -SCORE_DIGITS:
        raise must(f"a number of at most {SCORE_DIGITS} digits")
    return score


def _is_number(value: Any) -> bool:
    """A finite one; `true` is none."""
    if isinstance(value, Decimal):
        return value.is_finite()
    return isinstance(value, int) and not isinstance(value, bool)


def _digits(value: str) -> int:
    if not re.fullmatch("0*[1-9][0-9]*", value):
        raise must("a whole number, 1 or more, in digits")
    digits = value.lstrip("0")
    return int(digits) if len(digits) <= COUNT_DIGITS else 10**COUNT_DIGITS


AnyText = Annotated[str, BeforeValidator(_text)]
"""For a type that sets a limit of its own."""
Text = Annotated[AnyText, StringConstraints(max_length=limits.TEXT_MOST)]
Note = Annotated[AnyText, StringConstraints(max_length=limits.NOTE_MOST), bytes_of(limits.NOTE_MOST)]
Uuid = Annotated[
    str, AfterValidator(_uuid), Field(json_schema_extra={"format": "uuid", "pattern": f"^{UUID_PATTERN}$"})
]
Utc = Annotated[str, AfterValidator(_utc), Field(json_schema_extra={"format": "date-time"})]
Changed = Annotated[Utc, AfterValidator(_not_ahead)]
"""When a record was changed, by the clock of the service that sends it."""
Score = Annotated[
    Decimal,
    BeforeValidator(_score),
    Field(
        json_schema_extra={"minimum": SCORE_LEAST, "exclusiveMaximum": 10**SCORE_DIGITS},
        description=f"At most {SCORE_DIGITS} digits, before and after the point together.",
    ),
]
CountingNumber = Annotated[int, BeforeValidator(_digits), Field(json_schema_extra={"minimum": 1})]


class Strict(BaseModel):
    """Exact types and no unknown fields: `"90"`, `true` and a misspelt name are errors."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


def _units(context: dict[str, Any]) -> str:
    return "entries" if context["field_type"] == "List" else "characters"


_WORDING: dict[str, Callable[[dict[str, Any]], str]] = {
    "missing": lambda _: "is required",
    "extra_forbidden": lambda _: "is not a known field",
    "string_type": lambda _: "must be text",
    "string_unicode": lambda _: "names and text must be valid Unicode",
    "bool_type": lambda _: "must be true or false",
    "int_type": lambda _: "must be a whole number",
    "list_type": lambda _: "must be a list",
    "tuple_type": lambda _: "must be a list",
    "dict_type": lambda _: "must be an object",
    "model_type": lambda _: "must be an object",
    "model_attributes_type": lambda _: "must be an object",
    "enum": lambda context: f"must be {context['expected']}".replace("'", ""),
    "literal_error": lambda context: f"must be {context['expected']}".replace("'", ""),
    "string_too_long": lambda context: f"must be at most {context['max_length']} characters",
    "greater_than_equal": lambda context: f"must be at least {context['ge']}",
    "less_than_equal": lambda context: f"must be at most {context['le']}",
    "string_too_short": lambda context: f"must be at least {context['min_length']} characters",
    "too_long": lambda context: f"must be at most {context['max_length']} {_units(context)}",
    "too_short": lambda context: f"must be at least {context['min_length']} {_units(context)}",
}


def _shown(step: int | str) -> str:
    """Part of a field's name, which may be anything when the field is not a known one."""
    return "".join(character for character in str(step) if character.isprintable())[: limits.NAME_SHOWN]


def given_twice(name: str) -> str:
    """As a line of `details`."""
    return f"{_shown(name)}: must be given once"


def details(error: ValidationError) -> list[str]:
    """One line for each wrong field, never its value: `score: must be a number, 0 or more`."""
    lines = []
    for fault in error.errors(include_url=False, include_input=False):
        where = ".".join(_shown(step) for step in fault["loc"])
        wording = _WORDING.get(fault["type"])
        what = wording(fault.get("ctx", {})) if wording else fault["msg"]
        lines.append(f"{where}: {what}" if where else what)
    return lines
