"""Pages of lists as CSV, for spreadsheets (RFC 4180; rules, Spreadsheets)."""

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from typing_extensions import is_typeddict

from teaching import jsons, limits
from teaching.http.pages import Page

CONTENT_TYPE = "text/csv; charset=utf-8; header=present"

Column = tuple[str, ...]
"""The names that lead from a row to a value."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With these a spreadsheet would take a text for something to be reckoned or run."""


def columns(row: Any, above: Column = ()) -> Iterator[Column]:
    """Those of a type of rows: what is nested in it becomes columns of its own."""
    for name, kind in get_type_hints(row).items():
        nested = next((part for part in _parts(kind) if is_typeddict(part)), None)
        if nested:
            yield from columns(nested, (*above, name))
        else:
            yield *above, name


def _parts(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def table(page: Page[Any], row: Any) -> tuple[str, Page[Any]]:
    """The page as CSV, and the page that it is: where the rows have no room in one answer, one with a smaller
    `limit` that begins with the same row, so that its links go on where it ends.
    """
    of_type = list(columns(row))
    for parts in range(1, page.query.per_page + 1):
        if page.query.per_page % parts:
            continue
        smaller = page.of_limit(page.query.per_page // parts)
        text = _text(smaller.rows, of_type)
        if len(json.dumps(text)) <= limits.TABLE_BYTES:
            break
    return text, smaller


def _text(rows: list[Any], of_type: list[Column]) -> str:
    written = io.StringIO(newline="")
    lines = csv.writer(written)
    lines.writerow(".".join(column) for column in of_type)
    lines.writerows([_cell(_value(row, column)) for column in of_type] for row in rows)
    return written.getvalue()


def _value(row: Any, column: Column) -> Any:
    for name in column:
        if row is None:
            return None
        row = row[name]
    return row


def _cell(value: Any) -> str:
    """Null is empty; what is neither text nor number is JSON."""
    if value is None:
        return ""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return jsons.dumps(value)
    text = value if isinstance(value, str) else jsons.dumps(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
