import pytest

from teaching.http.accepted import wants_csv


@pytest.mark.parametrize(
    "accept",
    [
        "text/csv",
        "TEXT/CSV",
        "text/csv;q=0.1",
        "text/csv; header=present; charset=utf-8",
        "text/*",
        "text/csv, */*",
        "*/*;q=0.5, text/csv;q=0.9",
        "text/csv, application/json;q=0.9",
        "text/html, text/csv",
    ],
)
def test_these_ask_for_csv(accept: str) -> None:
    assert wants_csv({"accept": accept})
    assert wants_csv({"Accept": accept})


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/json",
        "text/html",
        "application/json, text/csv",
        "text/csv, application/json",
        "text/csv;q=0",
        "text/csv;q=0.5, application/json;q=0.9",
        "text/csv;q=0.5, */*",
        "text/csvx",
        "application/xml",
        ";;,,q=1",
        "text/csv;q=0.000",
    ],
)
def test_these_do_not(accept: str) -> None:
    assert not wants_csv({"accept": accept})


def test_nothing_asks_for_nothing() -> None:
    assert not wants_csv({})
