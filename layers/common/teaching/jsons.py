"""JSON as the API reads and writes it: exact numbers, compact text, no NaN."""

import json
import sys
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

LARGEST = Decimal(sys.float_info.max)
"""The largest double."""
DIGITS = LARGEST.adjusted()
"""A whole number of so many digits is smaller."""


class NameTwice(ValueError):
    """An object has a name twice, and readers would disagree on which one counts."""

    def __init__(self, name: str) -> None:
        super().__init__("an object has a name twice")
        self.name = name


def loads(text: str) -> Any:
    """Fractions as Decimal. Raises `ValueError`, also for NaN and Infinity; `NameTwice`; `RecursionError`."""
    return json.loads(
        text, parse_float=_fraction, parse_int=_whole, parse_constant=_refuse, object_pairs_hook=_object
    )


def dumps(value: Any) -> str:
    """Raises `ValueError` for a number that no double holds."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_number)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        ((name, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise NameTwice(name)
    return made


def _fraction(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("a number out of all range") from None


def _whole(text: str) -> int | Decimal:
    """One that may be larger than the largest double is a Decimal, for `dumps` to look at."""
    return int(text) if len(text) <= DIGITS else Decimal(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _number(value: Any) -> int | float:
    """90 rather than 90.0 or "90"."""
    if isinstance(value, Decimal):
        if not -LARGEST <= value <= LARGEST:
            raise ValueError("a number that no double holds")
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"JSON has no type for {type(value).__name__}")
