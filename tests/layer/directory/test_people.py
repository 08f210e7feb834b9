import json
from typing import Any

import pytest

from teaching.directory import people
from tests.support import ASESOR, ITEM

pytestmark = pytest.mark.usefixtures("no_network")


def user(profile: Any) -> dict[str, Any]:
    """A row of the Users table."""
    return {"id": ASESOR, "name": "Rén", "email": "r@e.c", "profile": json.dumps(profile)}


@pytest.mark.parametrize(
    "profile", [None, {"b": 1, "a": [1.5, None]}, {"z": "é" * 150, "b": 1, "a": "x" * 3000}]
)
def test_a_copy_is_read_as_it_was_made(profile: Any) -> None:
    copied = people.read_copy(people.person_copy(user(profile)))
    assert json.dumps(copied) == json.dumps(user(None) | {"profile": profile})


def test_a_short_copy_is_text_and_a_long_one_is_packed() -> None:
    short, long = (people.person_copy(user("kopi " * words)) for words in (10, 700))
    assert isinstance(short, str)
    assert isinstance(long, bytes)
    assert len(long) < 150


def test_a_copy_of_an_item_may_be_long_too() -> None:
    item = {"id": ITEM, "title": "Quiz " * 100, "category": "quiz"}
    copy = people.item_copy(item)
    assert isinstance(copy, bytes)
    assert people.read_copy(copy) == item
