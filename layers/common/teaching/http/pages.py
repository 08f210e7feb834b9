"""Pages of a list: what a client asks for, what it gets, and the arithmetic between (rules, Lists)."""

from dataclasses import dataclass
from typing import Annotated, Generic, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr
from typing_extensions import TypedDict

from teaching import limits
from teaching.fields import CountingNumber, must

Row = TypeVar("Row")

SEARCH_PATTERN = rf"^\s*(\S(\S|\s+(?=\S)){{{limits.SEARCH_LEAST - 1},{limits.SEARCH_MOST - 1}}}\s*)?$"
"""The same as `_search`, for the API's description: a run of white space counts as one character."""


def _search(value: str) -> str | None:
    words = " ".join(value.split())
    if words and not limits.SEARCH_LEAST <= len(words) <= limits.SEARCH_MOST:
        raise must(f"{limits.SEARCH_LEAST} to {limits.SEARCH_MOST} characters long")
    return words or None


class PlainPageQuery(BaseModel):
    """`limit` above 100 is served as 100."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    limit: CountingNumber = Field(
        limits.PER_PAGE,
        description=f"Rows of a page; above {limits.PER_PAGE_MOST} it is served as {limits.PER_PAGE_MOST}, "
        "and `per_page` says so",
    )
    page: CountingNumber = 1
    """Which page, the first is 1."""
    _most: int = PrivateAttr(limits.PER_PAGE_MOST)

    def up_to(self, most: int) -> Self:
        """The same, with pages of up to so many rows."""
        made = self.model_copy()
        made._most = most
        return made

    @property
    def per_page(self) -> int:
        return min(self.limit, self._most)

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.per_page


class PageQuery(PlainPageQuery):
    """Of a list that can be searched; blank `search` is as if absent."""

    search: Annotated[str | None, AfterValidator(lambda value: value and _search(value))] = Field(
        None,
        description=f"{limits.SEARCH_LEAST} to {limits.SEARCH_MOST} characters; "
        "every word must occur inside a word of the searched text",
        json_schema_extra={"pattern": SEARCH_PATTERN},
    )


class Pagination(TypedDict):
    current_page: int
    """The page that was asked for, also one past the end."""
    per_page: int
    """How many rows a full page has."""
    total_items: int
    """How many rows the whole list has."""
    total_pages: int
    """How many pages that makes; 0 without any row."""
    next_page: int | None
    """Null on the last page and past it."""
    prev_page: int | None
    """The page before, past the end the last that has rows; null on the first, and when there are no rows."""


@dataclass(frozen=True)
class Page(Generic[Row]):
    """The rows of one page, and how many rows the whole list has."""

    rows: list[Row]
    total: int
    query: PlainPageQuery

    def of_limit(self, limit: int) -> "Page[Row]":
        """The page that begins with the same row, of a smaller `limit` that divides this one's."""
        number = self.query.offset // limit + 1
        query = self.query.model_copy(update={"limit": limit, "page": number})
        return Page(self.rows[:limit], self.total, query)

    def pagination(self) -> Pagination:
        """A page past the end points back to the last page that has rows."""
        page, pages = self.query.page, -(-self.total // self.query.per_page)
        return {
            "current_page": page,
            "per_page": self.query.per_page,
            "total_items": self.total,
            "total_pages": pages,
            "next_page": page + 1 if page < pages else None,
            "prev_page": min(page - 1, pages) or None,
        }
