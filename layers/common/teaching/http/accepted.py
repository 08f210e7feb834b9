"""What a client wants an answer as: JSON, or CSV where it says so (RFC 9110, 12.5.1)."""

import re
from collections.abc import Mapping
from typing import Any

CSV, JSON = "text/csv", "application/json"

_QUALITY = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)


def wants_csv(headers: Mapping[str, Any]) -> bool:
    """Whether CSV is asked for, and no less than JSON: named beside `*/*` it is meant, beside JSON not."""
    given = ",".join(str(value) for name, value in headers.items() if name.lower() == "accept")
    qualities = dict(_ranges(given))
    as_csv = qualities.get(CSV, qualities.get("text/*", 0))
    if JSON in qualities:
        return as_csv > qualities[JSON]
    other = qualities.get("application/*", qualities.get("*/*", 0))
    return as_csv > 0 and as_csv >= other


def _ranges(given: str) -> list[tuple[str, float]]:
    found = []
    for part in given.split(","):
        name, *parameters = [piece.strip() for piece in part.split(";")]
        weights = [match[1] for piece in parameters if (match := _QUALITY.fullmatch(piece))]
        found.append((name.lower(), float(weights[0]) if weights else 1.0))
    return found
