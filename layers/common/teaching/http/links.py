"""The Link header of a list (RFC 8288): its first, previous, next and last page, as far as there are such."""

from typing import Any
from urllib.parse import urlencode

from teaching.http.pages import Page


def link_header(page: Page[Any], path: str) -> str:
    """Addresses relative to the API's root, with all filters as they were asked for. An empty list has only
    its first page.

    What the list does not know is left out, so the header stays well below what API Gateway passes on.
    """
    pagination = page.pagination()
    given = page.query.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
    if "limit" in given:
        given["limit"] = page.query.per_page
    numbers = {
        "first": 1,
        "prev": pagination["prev_page"],
        "next": pagination["next_page"],
        "last": pagination["total_pages"],
    }
    return ", ".join(
        f'<{path}?{urlencode({**given, "page": number})}>; rel="{relation}"'
        for relation, number in numbers.items()
        if number
    )
