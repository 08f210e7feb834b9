import json

import pytest

from teaching import dynamo
from tests.examples import example
from tests.functions.conftest import Ask
from tests.support import ITEM, SUBMISSION, Data, invoke, item, stored_submission, take_in

LATER = "2026-03-01T00:00:00.000Z"


def counted(ask: Ask) -> int:
    return int(ask("get_statistics", "asesor").content["data"]["submission_total"]["total"])


@pytest.mark.usefixtures("examples")
def test_a_change_that_was_set_aside_is_applied(ask: Ask, set_aside: list[Data]) -> None:
    for _ in range(2):
        assert invoke("heal_changes", example("heal_changes")) == {"batchItemFailures": []}
        assert counted(ask) == 1
    assert set_aside == []


@pytest.mark.usefixtures("examples")
def test_a_poisoned_row_is_isolated_kept_and_healed_when_the_cause_is_gone(
    ask: Ask, set_aside: list[Data]
) -> None:
    """Through the functions: a name changes, a row that carries it is damaged, and mended later."""
    whole = stored_submission()
    dynamo.put("SubmissionsTable", {name: whole[name] for name in ("id", "item_id", "order_key", "version")})
    take_in("item", item(title="Esai", updated_at=LATER))
    record = example("refresh_copies")["Records"][0]
    record["eventSourceARN"] = record["eventSourceARN"].replace("UsersTable", "ItemsTable")
    record["dynamodb"]["Keys"] = {"id": {"S": ITEM}}
    assert invoke("refresh_copies", {"Records": [record]}) == {"batchItemFailures": []}
    assert set_aside == [{"table": "SubmissionsTable", "id": SUBMISSION}]
    (message, _) = example("heal_changes")["Records"]
    message["body"] = json.dumps(set_aside[0])
    failing = {"batchItemFailures": [{"itemIdentifier": message["messageId"]}]}
    assert invoke("heal_changes", {"Records": [message]}) == failing
    dynamo.put("SubmissionsTable", whole)
    assert invoke("heal_changes", {"Records": [message]}) == {"batchItemFailures": []}
    assert "Esai" in stored_submission()["item"]
    assert counted(ask) == 1
