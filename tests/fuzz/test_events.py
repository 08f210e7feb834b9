"""Whatever event a function behind the API is called with, it answers as the document says, never 5xx."""

import json
from random import Random

import pytest

from local import template
from tests import support
from tests.conftest import MakeToken
from tests.examples import example
from tests.fuzz import described, odd
from tests.fuzz.effort import SEED, TIMES

CASES = 300 * TIMES
API = sorted(described.operations())
TEMPLATE = template.read()


@pytest.fixture
def examples(tables: str) -> None:
    support.take_in_examples()
    (ongoing,) = example("end_coaching")["pathParameters"].values()
    support.take_in("session", support.session(id=ongoing, status="ongoing"))
    support.take_in_another_asesors()
    support.settle()


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize("seed", [SEED], ids=lambda seed: f"seed={seed}")
@pytest.mark.parametrize("function", API)
def test_any_event_is_answered_as_described(function: str, seed: int, make_token: MakeToken) -> None:
    tokens = [make_token(role) for role in described.operations()[function]["x-roles"]]
    wrong = {}
    statuses = set()
    for number in range(CASES):
        chance = Random(f"{seed} {function} {number}")
        event = odd.change(chance, example(function, chance.choice(tokens)))
        answer = support.call(function, json.loads(json.dumps(event)))
        statuses.add(answer.status)
        content = answer.content if answer.text else None
        fault = described.fault(function, answer.status, answer.headers, content)
        if fault or answer.status >= 500:
            wrong[number] = (fault, answer.text[:200], str(event)[:1500])
    assert not wrong, f"{len(wrong)} of {CASES}, the first: {next(iter(wrong.items()))}"
    assert {200, 302} & statuses
    assert 401 in statuses
