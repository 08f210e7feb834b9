"""The API's reference as one page of HTML with nothing from outside, made from docs/openapi.yaml."""

from typing import Any


def page(openapi: dict[str, Any]) -> str:
    return str(openapi["info"]["title"])
