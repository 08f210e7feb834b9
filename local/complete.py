"""Whether every function has all that belongs to it: each thing that was forgotten, by its name.

`python -m local.complete` prints them, and fails if there are any.
"""

import importlib
import json
import sys
from collections.abc import Iterator
from typing import get_type_hints

from local import template
from local.template import Template
from teaching.http.endpoint import Endpoint
from teaching.http.envelope import Redirect


def missing(facts: Template) -> list[str]:
    """A line for each place that was forgotten, or that something which is gone has left."""
    root = facts.root
    functions = {function.module.split(".")[1]: function.name for function in facts.functions.values()}
    folders = {path.parent.name for path in root.glob("functions/*/app.py")}
    events = {path.stem for path in root.glob("events/*.json")}
    answers = set(json.loads((root / "docs" / "examples.json").read_text(encoding="utf-8")))
    routed = {route.function for route in facts.routes}
    found = [
        *(
            f"no functions/{name}/app.py for {functions[name]} in template.yaml"
            for name in functions.keys() - folders
        ),
        *(f"no event for {name}: events/{name}.json" for name in functions.keys() - events),
        *(f"no function in template.yaml for functions/{name}" for name in folders - functions.keys()),
        *(f"no function for the event events/{name}.json" for name in events - functions.keys()),
        *(f"no function for the example {name} in docs/examples.json" for name in answers - functions.keys()),
    ]
    for name in functions.keys() & folders:
        handler = importlib.import_module(f"functions.{name}.app").handler
        if isinstance(handler, Endpoint):
            found += _missing_of_endpoint(name, handler, answers)
            if functions[name] not in routed:
                found.append(f"no route for {functions[name]} in template.yaml")
            if not (root / "tests" / "functions" / f"test_{name}.py").exists():
                found.append(f"no test of {name}: tests/functions/test_{name}.py")
    return sorted(found)


def _missing_of_endpoint(name: str, endpoint: Endpoint, answers: set[str]) -> Iterator[str]:
    told = importlib.import_module(f"functions.{name}.app").__doc__ or ""
    if ": " not in told:
        yield f'no "<method> <path>: <what it does>" as the docstring of functions/{name}/app.py'
    answer = get_type_hints(endpoint.function).get("return")
    if answer is None:
        yield f"no type of the answer at the handler of functions/{name}/app.py"
    elif answer is not Redirect and name not in answers:
        yield f"no example for {name} in docs/examples.json"


def main() -> int:
    found = missing(template.read())
    print("".join(f"{line}\n" for line in found), file=sys.stderr, end="")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
