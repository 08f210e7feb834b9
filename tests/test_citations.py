"""What the repository's texts point at is there: sections of the rules, pages, files."""

import re
from pathlib import Path

import pytest

from local.template import ROOT

SOURCES = sorted(
    path
    for folder in ("layers", "functions", "local", "tests", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
    if path != Path(__file__)
)
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("CONTRIBUTING.md")), *sorted((ROOT / "docs").glob("*.md"))]


def sections() -> set[str]:
    return set(re.findall(r"^## (.+)$", (ROOT / "docs" / "rules.md").read_text(encoding="utf-8"), re.M))


def cited(text: str) -> list[str]:
    """The sections in `(rules, Orders)`, also in `(rules, Lists; rules, Orders)`, over line ends too."""
    plain = " ".join(text.split())
    return [
        section for group in re.findall(r"\(rules, ([^)]*)\)", plain) for section in group.split("; rules, ")
    ]


def test_no_section_is_cited_that_is_not_there() -> None:
    found = {path: cited(path.read_text(encoding="utf-8")) for path in SOURCES}
    assert sum(map(len, found.values())) >= 5
    for path, names in found.items():
        assert set(names) <= sections(), path.relative_to(ROOT)


def test_citations_are_found_however_they_are_written() -> None:
    assert cited("(rules, Orders). And (rules, Lists;\n    rules, Coaching\n    sessions)") == [
        "Orders",
        "Lists",
        "Coaching sessions",
    ]


def test_nothing_outside_is_cited() -> None:
    for path in SOURCES:
        assert not re.search(r"\((contract|spec|design),", path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not re.match(r"https?://|#", target):
            assert (page.parent / target.partition("#")[0]).exists(), target
