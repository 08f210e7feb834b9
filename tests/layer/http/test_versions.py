import pytest

from teaching.errors import InvalidHeaders, PreconditionFailed
from teaching.http.versions import entity_tag, if_match, versioned

ROW = {"version": 5}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"if-match": "*"},
        {"if-match": " * "},
        {"if-match": '"5"'},
        {"If-Match": '"5"'},
        {"if-match": '"4", "5"'},
        {"if-match": '"4","5",'},
        {"if-match": ' ,"5"\t, W/"5"'},
        {"if-match": '"a,b", "5"'},
        {"if-match": '"4"', "If-Match": '"5"'},
    ],
)
def test_these_admit_version_5(headers: dict[str, str]) -> None:
    if_match(headers).check(ROW)


@pytest.mark.parametrize("text", ['"4"', '"55"', 'W/"5"', '""', '"five"', '"4,5"', '"4", "6"', '"05"'])
def test_these_do_not(text: str) -> None:
    match = if_match({"if-match": text})
    with pytest.raises(PreconditionFailed) as refused:
        match.check(ROW)
    assert refused.value.details == ('If-Match: it is of version "5"',)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ",",
        "5",
        '"5',
        '5"',
        '"5" "4"',
        '"5"x',
        "**",
        '*, "5"',
        '"5", 4',
        '"5", tag',
        '"5" , "',
        'w/"5"',
        '"5" "5"',
        '"a b"',
        '"\n"',
    ],
)
def test_these_are_malformed(text: str) -> None:
    with pytest.raises(InvalidHeaders):
        if_match({"if-match": text})


def test_a_long_header_is_read_in_one_go() -> None:
    with pytest.raises(InvalidHeaders):
        if_match({"if-match": '"5"' + "," * 1_000_000 + "x"})


def test_data_is_what_it_was_and_knows_its_version() -> None:
    data = versioned({"id": "7"}, ROW)
    assert data == {"id": "7"}
    assert entity_tag(data.version) == '"5"'  # type: ignore[attr-defined]
