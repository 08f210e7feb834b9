"""README's table of routes, made from the template's routes and the functions' own declarations.

`python -m local.routes` writes it, `--check` fails when it says something else than the code.
"""

import importlib
import re
import sys

from local import template
from local.template import ROOT, Template
from teaching.http.auth import Role
from teaching.http.endpoint import Endpoint

README = ROOT / "README.md"
BEGIN, END = "<!-- routes: made by `make openapi` -->\n", "<!-- end of routes -->\n"


def table(facts: Template) -> str:
    """A line for each route: its parameters, and what each role may see or change."""
    head = ["| route | " + " | ".join(Role) + " |", "|---" * (1 + len(Role)) + "|"]
    return "\n".join([*head, *_lines(facts)]) + "\n"


def _lines(facts: Template) -> list[str]:
    lines = []
    for route in facts.routes:
        declared = importlib.import_module(facts.functions[route.function].module).handler
        if isinstance(declared, Endpoint):
            told = f"`{re.sub('{[^}]*}', ':id', route.key)}`"
            if declared.query:
                fields = declared.query.model_fields.items()
                told += f" `{' '.join(field.alias or name for name, field in fields)}`"
            rights = [declared.roles.get(role, "–") for role in Role]
            lines.append(f"| {told} | {' | '.join(rights)} |")
    return lines


def text(facts: Template, readme: str) -> str:
    """The README as it should be. Raises `ValueError` if the table's place is not marked in it."""
    before, _, rest = readme.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"README.md has no table between {BEGIN.strip()} and {END.strip()}")
    return before + BEGIN + table(facts) + END + after


def main(arguments: list[str]) -> int:
    readme = README.read_text(encoding="utf-8")
    fresh = text(template.read(), readme)
    if "--check" not in arguments:
        README.write_text(fresh, encoding="utf-8")
    elif fresh != readme:
        print(
            "README.md's table of routes does not say what the code does: run `make openapi`", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
