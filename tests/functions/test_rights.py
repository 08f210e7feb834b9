"""Every route by every role, as its function declares: `roles={ASESOR: "own session"}`."""

import importlib

import pytest

from local import template
from local.template import Route
from teaching.http.auth import ADMIN, Role
from teaching.http.endpoint import Endpoint
from tests.functions.conftest import Ask
from tests.support import NOBODYS, SESSION, SUBMISSION, settle

FACTS = template.read()
ROUTES = [route for route in FACTS.routes if route.path]


def declared(route: Route) -> tuple[str, Endpoint]:
    module = FACTS.functions[route.function].module
    return module.split(".")[1], importlib.import_module(module).handler


@pytest.mark.usefixtures("both_asesors")
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.function)
def test_a_route_is_for_whom_it_says(ask: Ask, route: Route) -> None:
    settle()
    function, endpoint = declared(route)
    assert isinstance(endpoint, Endpoint)
    identity = None
    if endpoint.not_found:
        identity = SESSION if "coachings" in (route.path or "") else SUBMISSION
    for role in Role:
        answer = ask(function, role, identity)
        if role not in endpoint.roles:
            assert (answer.status, answer.errors) == (403, ["Forbidden"])
            continue
        assert answer.status in (200, 302) or answer.errors[0] == "Coaching session cannot be ended"
        strangers = ask(function, role, identity, subject=NOBODYS)
        scope = endpoint.roles[role]
        assert scope.startswith("all" if role is ADMIN else "own"), "a scope that this test does not know"
        if role is ADMIN:
            assert strangers.status == answer.status
        elif identity:
            assert strangers.status == 404
        else:
            assert strangers.text != answer.text, "others' are seen"
