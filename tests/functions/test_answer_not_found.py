import pytest

from tests.support import call, event


@pytest.mark.parametrize("given", [event(), event(token="nonsense"), event(body="x" * 70_000), {}])
def test_an_unknown_route_is_not_found(given: dict[str, object]) -> None:
    answer = call("answer_not_found", given)
    assert (answer.status, answer.text) == (404, '{"errors":["Not found"],"status":false}')
    assert answer.headers["content-type"] == "application/json"
