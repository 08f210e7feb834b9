"""DynamoDB's condition, key and update expressions, as far as the layer writes them."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

Typed = Mapping[str, Any]
"""An item, or one value of it, as the client has it: `{"S": "text"}`."""
Names = Mapping[str, str]
Holds = Callable[[Typed, Names, Typed], bool]
"""Of an item, the expression's names and its values."""

_TOKEN = re.compile(r"\s*(<>|<=|>=|[()<>=,]|[#:]?\w+)")


class Wrong(Exception):
    """An expression that DynamoDB would refuse, or that is not known here."""


def plain(value: Typed) -> Any:
    """What a value is compared by: numbers by what they are, not by how they are written."""
    ((kind, content),) = value.items()
    return Decimal(content) if kind == "N" else content


@cache
def condition(text: str) -> Holds:
    """What tells whether an item meets the condition."""
    parser = _Parser(text)
    holds = parser.any_of()
    parser.end()
    return holds


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        self._at = 0
        if "".join(self._tokens) != "".join(text.split()):
            raise Wrong(text)

    def any_of(self) -> Holds:
        parts = [self._all_of()]
        while self._take("OR"):
            parts.append(self._all_of())
        return lambda item, names, values: any(part(item, names, values) for part in parts)

    def end(self) -> None:
        if self._at != len(self._tokens):
            raise Wrong(f"more than was expected: {self._tokens[self._at :]}")

    def _all_of(self) -> Holds:
        parts = [self._one()]
        while self._take("AND"):
            parts.append(self._one())
        return lambda item, names, values: all(part(item, names, values) for part in parts)

    def _one(self) -> Holds:
        if self._take("("):
            inner = self.any_of()
            self._must(")")
            return inner
        first = self._next()
        if first in _FUNCTIONS:
            return self._function(_FUNCTIONS[first])
        operator = self._next()
        if operator == "BETWEEN":
            low = self._next()
            self._must("AND")
            return _between(first, low, self._next())
        if operator not in _COMPARISONS:
            raise Wrong(f"operator {operator}")
        return _compared(first, _COMPARISONS[operator], self._next())

    def _function(self, made: Callable[..., Holds]) -> Holds:
        self._must("(")
        arguments = [self._next()]
        while self._take(","):
            arguments.append(self._next())
        self._must(")")
        return made(*arguments)

    def _next(self) -> str:
        self._at += 1
        return str(self._tokens[self._at - 1])

    def _take(self, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == token:
            self._at += 1
            return True
        return False

    def _must(self, token: str) -> None:
        if not self._take(token):
            raise Wrong(f"{token} was expected")


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda one, other: one == other,
    "<>": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


def _operand(token: str, item: Typed, names: Names, values: Typed) -> Any:
    """The typed value; None for an attribute that is not there."""
    if token.startswith(":"):
        return values[token]
    return item.get(attribute(token, names))


def attribute(token: str, names: Names) -> str:
    return names[token] if token.startswith("#") else token


def _compared(left: str, comparison: Callable[[Any, Any], bool], right: str) -> Holds:
    def holds(item: Typed, names: Names, values: Typed) -> bool:
        one, other = _operand(left, item, names, values), _operand(right, item, names, values)
        if one is None or other is None or one.keys() != other.keys():
            # DynamoDB finds what is not there, or of another type, unequal and in no order.
            return comparison is _COMPARISONS["<>"]
        return comparison(plain(one), plain(other))

    return holds


def _between(token: str, low: str, high: str) -> Holds:
    above, below = _compared(low, _COMPARISONS["<="], token), _compared(token, _COMPARISONS["<="], high)
    return lambda item, names, values: above(item, names, values) and below(item, names, values)


def _exists(token: str) -> Holds:
    return lambda item, names, values: attribute(token, names) in item


def _exists_not(token: str) -> Holds:
    return lambda item, names, values: attribute(token, names) not in item


def _begins_with(token: str, prefix: str) -> Holds:
    def holds(item: Typed, names: Names, values: Typed) -> bool:
        value = item.get(attribute(token, names), {})
        return "S" in value and str(value["S"]).startswith(values[prefix]["S"])

    return holds


_FUNCTIONS: dict[str, Callable[..., Holds]] = {
    "attribute_exists": _exists,
    "attribute_not_exists": _exists_not,
    "begins_with": _begins_with,
}

_CLAUSES = re.compile(r"\b(SET|REMOVE|ADD)\b")
_SET = re.compile(r"(#?\w+) = (?:if_not_exists\((#?\w+), (:\w+)\)|(:\w+))")


def updated(text: str, item: Typed, names: Names, values: Typed) -> dict[str, Any]:
    """The item after an update expression; every part of it sees the item as it was before."""
    changed = dict(item)
    _, *parts = _CLAUSES.split(text)
    for clause, content in zip(parts[::2], parts[1::2], strict=True):
        if clause == "SET":
            for name, kept, fallback, value in _sets(content):
                before = item.get(attribute(kept, names)) if kept else None
                changed[attribute(name, names)] = before or values[fallback or value]
        elif clause == "REMOVE":
            for name in content.split(","):
                changed.pop(attribute(name.strip(), names), None)
        else:
            name, value = content.split()
            before = item.get(attribute(name, names), {"N": "0"})
            changed[attribute(name, names)] = {"N": str(plain(before) + plain(values[value]))}
    return changed


def _sets(content: str) -> list[tuple[str, str, str, str]]:
    found = [match.groups(default="") for match in _SET.finditer(content)]
    if ", ".join(match[0] for match in _SET.finditer(content)) != content.strip():
        raise Wrong(content)
    return [(name, kept, fallback, value) for name, kept, fallback, value in found]
