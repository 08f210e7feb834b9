import json
from dataclasses import replace
from pathlib import Path

import pytest

from local import complete
from local.template import ROOT, Function, Template

NEW = Function("GetCourse", "functions.get_course.app.handler", 10, 512, {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Every function's files, empty where only their being there counts."""
    for path in (
        *ROOT.glob("functions/*/app.py"),
        *ROOT.glob("events/*.json"),
        *ROOT.glob("tests/functions/*.py"),
    ):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.touch()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "examples.json").write_text((ROOT / "docs" / "examples.json").read_text())
    return tmp_path


def test_nothing_is_missing(facts: Template) -> None:
    assert complete.missing(facts) == []


def test_what_belongs_to_a_function_and_is_not_there_is_named(facts: Template, folder: Path) -> None:
    (folder / "events" / "get_submission.json").unlink()
    (folder / "functions" / "grade_submission" / "app.py").unlink()
    (folder / "tests" / "functions" / "test_get_statistics.py").unlink()
    examples = json.loads((folder / "docs" / "examples.json").read_text())
    del examples["list_coachings"]
    (folder / "docs" / "examples.json").write_text(json.dumps(examples))
    routes = [route for route in facts.routes if route.function != "EndCoaching"]
    changed = replace(facts, root=folder)
    vars(changed)["routes"] = routes
    assert complete.missing(changed) == [
        "no event for get_submission: events/get_submission.json",
        "no example for list_coachings in docs/examples.json",
        "no functions/grade_submission/app.py for GradeSubmission in template.yaml",
        "no route for EndCoaching in template.yaml",
        "no test of get_statistics: tests/functions/test_get_statistics.py",
    ]


def test_what_belongs_to_no_function_is_named(facts: Template, folder: Path) -> None:
    (folder / "functions" / "get_course").mkdir()
    (folder / "functions" / "get_course" / "app.py").touch()
    (folder / "events" / "get_course.json").touch()
    examples = json.loads((folder / "docs" / "examples.json").read_text()) | {"get_course": {}}
    (folder / "docs" / "examples.json").write_text(json.dumps(examples))
    assert complete.missing(replace(facts, root=folder)) == [
        "no function for the event events/get_course.json",
        "no function for the example get_course in docs/examples.json",
        "no function in template.yaml for functions/get_course",
    ]
