import re
from dataclasses import asdict

import pytest

from teaching.settings import MissingSettings, Settings, settings

read = settings.__wrapped__
"""Anew, whatever has been read before."""


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names = [name.upper() for name in Settings.__annotations__]
    for name in names:
        monkeypatch.setenv(name, f"the {name}")
    monkeypatch.setenv("MAXIMUM_TOKEN_HOURS", "24")
    return names


def test_every_setting_is_the_variable_of_its_name(complete: list[str]) -> None:
    texts = {name.lower(): f"the {name}" for name in complete}
    assert asdict(read()) == texts | {"maximum_token_hours": 24.0}


@pytest.mark.parametrize("value", [None, ""])
def test_whatever_is_missing_is_named(
    complete: list[str], monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    for name in complete[1:3]:
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    with pytest.raises(MissingSettings, match=re.escape(", ".join(complete[1:3])) + "$"):
        read()
