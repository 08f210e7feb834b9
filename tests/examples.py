"""The examples of events/*.json and docs/examples.json, as tests want them."""

import json
from typing import Any

from local import examples


def example(function: str, token: str = "TOKEN", **changes: Any) -> dict[str, Any]:
    """The event of functions/<function>, with the token in its place and some fields changed."""
    text = json.dumps(examples.event(function))
    event: dict[str, Any] = json.loads(text.replace("Bearer TOKEN", f"Bearer {token}"))
    return event | changes


def answer_text(function: str) -> str:
    """The example answer of functions/<function> as the API writes it: equal only where keys, order, values
    and types are.
    """
    return compact(json.dumps(examples.answer(function)))


def compact(text: str) -> str:
    """JSON as the API writes it."""
    return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
