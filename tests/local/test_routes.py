from pathlib import Path

import pytest

from local import routes
from local.template import Template


def test_the_readme_says_what_the_code_does(facts: Template) -> None:
    readme = routes.README.read_text(encoding="utf-8")
    assert routes.text(facts, readme) == readme


def test_a_line_tells_parameters_and_rights(facts: Template) -> None:
    lines = routes.table(facts).splitlines()
    assert len(lines) == 2 + len([route for route in facts.routes if route.path])
    told = "`GET /api/learning/coachings/:id/presences` `limit page search`"
    assert f"| {told} | all rows | – | own row |" in lines


def test_parameters_are_called_what_a_client_calls_them(facts: Template) -> None:
    told = "| `GET /api/teaching/coachings` `limit page search status from to` |"
    assert any(line.startswith(told) for line in routes.table(facts).splitlines())


def test_a_stale_table_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(routes, "README", tmp_path / "README.md")
    routes.README.write_text(f"before\n{routes.BEGIN}old\n{routes.END}after\n")
    assert routes.main(["--check"]) == 1
    assert capsys.readouterr().err == (
        "README.md's table of routes does not say what the code does: run `make openapi`\n"
    )
    assert routes.main([]) == routes.main(["--check"]) == 0
    kept = routes.README.read_text(encoding="utf-8")
    assert kept.startswith("before\n")
    assert kept.endswith("after\n")
