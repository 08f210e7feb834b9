"""What fails on a running server: set aside, kept, and healed; through real processes and streams."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local import redrive, start
from local import store as local_store
from local.start import System
from local.template import Template
from tests.support import (
    ASESOR,
    ITEM,
    SUBMISSION,
    Data,
    given_up,
    item,
    new_id,
    participant,
    person,
    submission,
)

OTHER_ITEM = new_id()
LATER = "2026-03-01T00:00:00.000Z"


class Running:
    """A server on a store of its own, with the spec's examples."""

    def __init__(self, system: System, endpoint: str) -> None:
        self.system = system
        self.endpoint = endpoint
        self._dynamo = local_store.client("dynamodb", endpoint)

    def take_in(self, *records: tuple[str, Data]) -> None:
        lines = [json.dumps({"type": f"{kind}.saved", "data": data}) for kind, data in records]
        assert self.system.intake.accept(lines)["rejected"] == []
        self.system.drain()

    def searched(self, item: str) -> dict[str, Any]:
        """What the search knows of an item, as DynamoDB has it."""
        key = {"term": {"S": f"doc@item#{item}"}, "entry": {"S": "doc"}}
        row: dict[str, Any] = self._dynamo.get_item(TableName="SearchTable", Key=key)["Item"]
        return row

    def put_searched(self, row: Mapping[str, Any]) -> None:
        self._dynamo.put_item(TableName="SearchTable", Item=row)

    def tallies(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._dynamo.scan(TableName="TalliesTable")["Items"]
        return rows

    def is_counted(self) -> bool:
        return any(row["list"]["S"] == f"ledger#submission#{SUBMISSION}" for row in self.tallies())

    def forget_tallies(self) -> None:
        for row in self.tallies():
            key = {name: row[name] for name in ("list", "node")}
            self._dynamo.delete_item(TableName="TalliesTable", Key=key)

    def failing(self) -> list[Any]:
        return [json.loads(message.body) for message in self.system.failed_changes.waiting()]


@pytest.fixture
def running(facts: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    with local_store.dynamodb() as endpoint:
        local_store.create_tables(endpoint, facts)
        with start.serve(facts, endpoint, tmp_path) as system:
            monkeypatch.delenv("STACK", raising=False)
            monkeypatch.setenv("PORT", system.url.rpartition(":")[2])
            made = Running(system, endpoint)
            people = [person("asesor", ASESOR, "Budi Santoso"), participant()]
            made.take_in(*[("user", each) for each in people])
            made.take_in(("item", item()), ("item", item(id=OTHER_ITEM)), ("submission", submission()))
            yield made


def test_a_poisoned_row_holds_up_no_other_and_is_healed_by_redrive_when_the_cause_is_gone(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = running.searched(ITEM)
    running.put_searched(whole | {"versions": {"S": "rubbish"}})
    running.take_in(
        ("item", item(title="Esai", updated_at=LATER)),
        ("item", item(id=OTHER_ITEM, title="Kuis", updated_at=LATER)),
    )
    assert json.loads(running.searched(OTHER_ITEM)["versions"]["S"])[0][2] == "kuis"
    assert running.failing() == [{"table": "ItemsTable", "id": ITEM}]

    assert redrive.main() == 1
    assert capsys.readouterr().out == f"0 healed, 1 remaining\n  ItemsTable/{ITEM}\n"
    running.put_searched(whole)
    assert redrive.main() == 0
    assert capsys.readouterr().out == "1 healed, 0 remaining\n"
    assert json.loads(running.searched(ITEM)["versions"]["S"])[0][2] == "esai"
    assert running.failing() == []


def test_a_batch_that_was_given_up_is_read_from_the_stream_again(running: Running) -> None:
    assert running.is_counted()
    running.forget_tallies()
    running.system.failed_changes.send(json.dumps(given_up(running.endpoint, "SubmissionsTable")))
    running.system.drain()
    assert running.failing() == []
    assert running.is_counted()
