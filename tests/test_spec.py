"""What the published descriptions of the API (docs/spec) show is what this project shows and answers.

The functions' own tests compare answers with the examples; here these are compared with the spec.
"""

import json
import re
from typing import Any

import pytest

from local import examples, template
from local.template import ROOT

SECTIONS = {
    "Get All Coaching Sessions": "list_coachings",
    "Get Coaching Presences": "list_presences",
    "Mark Coaching Presence": "mark_presence",
    "End Coaching Session": "end_coaching",
    "Get Submission Statistics": "get_statistics",
    "Get Submissions List": "list_submissions",
    "Grade Submission": "grade_submission",
    "Get Submission Details": "get_submission",
}


def sections() -> dict[str, str]:
    """The spec's text by its second headings."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "docs" / "spec").glob("*.md")):
        for section in path.read_text(encoding="utf-8").split("\n## ")[1:]:
            title, _, text = section.partition("\n")
            found[title] = text
    return found


def with_status_after_grading(function: str, answer: Any) -> Any:
    """The spec shows `submitted` after grading too (docs/rules.md, Submissions)."""
    if function == "grade_submission":
        answer["data"]["status"] = "graded"
    if function == "list_submissions":
        answer["data"][0]["status"] = "graded"
    return answer


@pytest.mark.parametrize(("title", "function"), SECTIONS.items())
def test_the_examples_are_the_specs(title: str, function: str) -> None:
    text = sections()[title].partition("### Success Response")[2]
    shown = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert shown
    expected = with_status_after_grading(function, json.loads(shown[1]))
    assert json.dumps(examples.answer(function)) == json.dumps(expected)


def test_every_route_of_the_spec_is_served() -> None:
    served = {re.sub(r"{(\w+)}", r":\1", route.key) for route in template.read().routes}
    told = re.findall(r"- Endpoint : \*\*(\w+)\*\* `?(/[^\s`]+)", "\n".join(sections().values()))
    assert len(told) == len(SECTIONS) + 1
    assert {f"{method} {path}" for method, path in told} <= served
