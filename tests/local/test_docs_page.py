from html.parser import HTMLParser
from typing import Any

from local.docs_page import page

OPENAPI: dict[str, Any] = {
    "info": {"title": "Things & more", "version": "1", "description": "First.\n\nSecond."},
    "paths": {
        "/things/{id}": {
            "patch": {
                "tags": ["Things"],
                "summary": "Change a <thing>",
                "parameters": [
                    {
                        "name": "id",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "string", "format": "uuid"},
                    },
                    {"$ref": "#/components/parameters/Limit"},
                ],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Change"}}}
                },
                "responses": {
                    "200": {
                        "description": "Changed",
                        "content": {"application/json": {"example": {"name": "Rén"}}},
                    },
                    "204": {"description": "Nothing to say"},
                },
            }
        }
    },
    "components": {
        "parameters": {
            "Limit": {
                "name": "limit",
                "in": "query",
                "schema": {"type": "integer", "minimum": 1, "default": 25},
            }
        },
        "schemas": {
            "Change": {
                "type": "object",
                "required": ["score"],
                "properties": {
                    "score": {"type": "number", "minimum": 0, "description": "Its points"},
                    "state": {"enum": ["old", "new"]},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Change"}},
                },
            }
        },
    },
}


class Reader(HTMLParser):
    """The page's text, its links and ids, and what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if tag == "a" and name == "href":
                self.links.append(value or "")
            elif name == "id":
                self.ids.append(value or "")
            elif name in ("href", "src"):
                self.loads.append(value or "")


def read(openapi: dict[str, Any]) -> Reader:
    reader = Reader()
    reader.feed(page(openapi))
    return reader


def test_an_operation_is_told_whole() -> None:
    told = " ".join(read(OPENAPI).text)
    for expected in (
        "Things & more",
        "Second.",
        "PATCH",
        "/things/{id}",
        "Change a <thing>",
        "string (uuid)",
        "integer, ≥ 1, default 25",
        "score *",
        "Its points",
        "old | new",
        "string | null",
        "list of object",
        '"name": "Rén"',
        "Nothing to say",
    ):
        assert expected in told


def test_the_page_loads_nothing_and_its_links_lead_somewhere() -> None:
    reader = read(OPENAPI)
    assert reader.loads == []
    assert {link.removeprefix("#") for link in reader.links if link.startswith("#")} == set(reader.ids)


def test_a_document_without_routes_is_a_page() -> None:
    assert "Empty" in " ".join(read({"info": {"title": "Empty", "version": "1"}}).text)
