from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from teaching import dynamo
from teaching.errors import Unavailable
from teaching.tally import store as tally
from teaching.tally.tree import Sum
from tests.examples import example
from tests.functions.conftest import Ask
from tests.support import SUBMISSION, Data, invoke


def counted(ask: Ask) -> Data:
    total: Data = ask("get_statistics", "asesor").content["data"]["submission_total"]
    return total


@pytest.mark.usefixtures("examples")
def test_the_count_follows_and_a_repeated_batch_changes_nothing(ask: Ask) -> None:
    for _ in range(2):
        assert invoke("apply_changes", example("apply_changes")) == {"batchItemFailures": []}
        assert counted(ask) == {"total": 1, "pending": 1, "graded": 0}
    ask("grade_submission", "asesor", SUBMISSION, body={"score": 90})
    for _ in range(2):
        assert invoke("apply_changes", example("apply_changes")) == {"batchItemFailures": []}
        assert counted(ask) == {"total": 1, "pending": 0, "graded": 1}


@pytest.mark.usefixtures("examples")
def test_what_cannot_be_counted_now_is_set_aside_and_healed(
    ask: Ask, set_aside: list[Data], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("teaching.dynamo.call", failing_writes())
        patch.setattr("teaching.dynamo.pause", lambda attempt: None)
        assert invoke("apply_changes", example("apply_changes")) == {"batchItemFailures": []}
    assert set_aside == [{"table": "SubmissionsTable", "id": SUBMISSION}]
    assert tally.totals("submissions") is None
    assert invoke("heal_changes", example("heal_changes")) == {"batchItemFailures": []}
    assert tally.totals("submissions") == Sum({"submitted": 1}, Decimal(0))
    assert counted(ask)["total"] == 1


def failing_writes() -> Callable[..., Any]:
    """`dynamo.call`, but that no write gets through."""
    call = dynamo.call

    def reading(operation: str, **arguments: Any) -> Any:
        if operation not in ("get_item", "batch_get_item", "query"):
            raise Unavailable
        return call(operation, **arguments)

    return reading
