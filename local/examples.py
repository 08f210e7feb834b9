"""The API's examples, one of each function behind a route: what it is asked, and what it answers."""

import json
from typing import Any

from local.template import ROOT

ANSWERS = ROOT / "docs" / "examples.json"


class NoExampleError(Exception):
    """A function has no example; the message says where one belongs."""


def event(function: str) -> dict[str, Any]:
    """The event of functions/<function>, which `sam local invoke` takes too. Raises `NoExampleError`."""
    path = ROOT / "events" / f"{function}.json"
    if not path.exists():
        raise NoExampleError(f"no event for {function}: events/{function}.json is missing")
    made: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return made


def answer(function: str) -> dict[str, Any]:
    """What functions/<function> answers, its envelope included. Raises `NoExampleError`."""
    answers: dict[str, dict[str, Any]] = json.loads(ANSWERS.read_text(encoding="utf-8"))
    if function not in answers:
        raise NoExampleError(f"no example for {function} in docs/examples.json")
    return answers[function]
