"""The events of events/*.json, which `sam local invoke` takes as they are."""

import json
from typing import Any

from local.template import ROOT


def example(function: str, token: str = "TOKEN", **changes: Any) -> dict[str, Any]:
    """The event of functions/<function>, with the token in its place and some fields changed."""
    text = (ROOT / "events" / f"{function}.json").read_text(encoding="utf-8")
    event: dict[str, Any] = json.loads(text.replace("Bearer TOKEN", f"Bearer {token}"))
    return event | changes
