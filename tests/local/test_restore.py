"""The runbook's restore, rehearsed on moto: it restores what is there now rather than as it was, and makes no
stack of tables that exist, so `adopt` is tried only as far as what it asks for.
"""

import json
import os
from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from moto import mock_aws

from local import restore, template
from local.account import Account, AccountError
from teaching import dynamo
from teaching.grading import store as grading
from teaching.grading.rules import Grade
from teaching.http.auth import ADMIN, Caller
from teaching.schedule import recompute
from teaching.settings import settings
from tests.support import SUBMISSION, item, new_id, participant, person, submission, take_in

REGION = "ap-southeast-3"
STACK = "teaching-api"
FACTS = template.read(Stage="prod")
RESTORED = template.read(Stage="prod", TablePrefix="again")


def use(names: dict[str, str], patch: pytest.MonkeyPatch) -> None:
    """Has the layer work on tables of these names."""
    for name, table in names.items():
        patch.setenv(f"{name.removesuffix('Table').upper()}_TABLE", table)
    settings.cache_clear()


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name, value in FACTS.functions["IngestRecords"].environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(restore, "_PAUSE", 0)
    dynamo.client.cache_clear()
    with mock_aws():
        account = Account(REGION)
        tables = restore.restored(FACTS)
        account.client("cloudformation").create_stack(
            StackName=STACK, TemplateBody=json.dumps({"Resources": tables})
        )
        use(account.tables(STACK), monkeypatch)
        yield account
    dynamo.client.cache_clear()
    settings.cache_clear()


def check() -> None:
    done = recompute(lambda: True, anew=True)
    assert done.failed == 0
    assert done.finished


def graded_of_total() -> tuple[int, int]:
    found = grading.statistics(Caller(new_id(), ADMIN))
    return found["submission_total"]["graded"], found["submission_total"]["total"]


def test_a_restored_stack_goes_on_where_the_old_one_was(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in("user", person("asesor", new_id(), "Budi"), participant())
    take_in("item", item())
    take_in("submission", submission())
    check()
    assert graded_of_total() == (0, 1)

    old = account.tables(STACK)
    restore.restore_tables(account, old, restore.moment("2026-11-26T10:00:00Z"), RESTORED)
    dynamo.delete(settings().submissions_table, {"id": SUBMISSION})
    use({name: f"again-{name}" for name in old}, monkeypatch)

    check()
    assert graded_of_total() == (0, 1)
    grading.grade(Caller(new_id(), ADMIN), SUBMISSION, Grade(score=Decimal(90)))
    check()
    assert graded_of_total() == (1, 1)


def test_a_restored_table_is_as_the_template_says(account: Account) -> None:
    dynamodb = account.client("dynamodb")
    tables = account.tables(STACK)
    for _ in range(2):
        restore.restore_tables(account, tables, restore.moment("2026-11-26T10:00:00Z"), RESTORED)
    assert tables.keys() == FACTS.tables.keys()
    for name in tables:
        found = dynamodb.describe_table(TableName=f"again-{name}")["Table"]
        wanted = FACTS.tables[name]
        assert found["KeySchema"] == wanted["KeySchema"]
        assert {index["IndexName"] for index in found.get("GlobalSecondaryIndexes", [])} == {
            index["IndexName"] for index in wanted.get("GlobalSecondaryIndexes", [])
        }
        assert found.get("StreamSpecification") == wanted.get("StreamSpecification")
        assert found["DeletionProtectionEnabled"] is True
        backups = dynamodb.describe_continuous_backups(TableName=f"again-{name}")
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"


def test_the_new_stack_is_made_of_the_tables_alone_under_names_that_deploying_keeps() -> None:
    asked: dict[str, Any] = {}
    waited: list[str] = []
    client = SimpleNamespace(
        create_change_set=lambda **given: asked.update(given),
        execute_change_set=lambda **_: None,
        get_waiter=lambda name: SimpleNamespace(wait=lambda **_: waited.append(name)),
    )
    account: Any = SimpleNamespace(client=lambda _: client)
    restore.adopt(account, "again", RESTORED)
    assert asked["ChangeSetType"] == "IMPORT"
    resources = json.loads(asked["TemplateBody"])["Resources"]
    assert resources.keys() == FACTS.tables.keys()
    for one in asked["ResourcesToImport"]:
        name = one["LogicalResourceId"]
        assert one["ResourceIdentifier"] == {"TableName": f"again-{name}"}
        assert resources[name] == RESTORED.resources[name]
        assert resources[name]["DeletionPolicy"] == "Retain"
    assert waited == ["change_set_create_complete", "stack_import_complete"]


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-26T10:00:00"])
def test_a_moment_has_an_offset(text: str) -> None:
    with pytest.raises(AccountError, match="with its offset"):
        restore.moment(text)


@pytest.mark.parametrize(
    ("stack", "prefix", "why"),
    [
        ("", "", "PREFIX must name a new stack"),
        ("nothing", "again", "STACK one that is there, not nothing"),
        ("", STACK, f"there is a stack {STACK} already"),
    ],
)
def test_a_stack_that_is_not_there_or_a_prefix_that_is_stops_it(
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stack: str,
    prefix: str,
    why: str,
) -> None:
    for name, value in {"STACK": stack, "PREFIX": prefix, "AT": "2026-11-26T10:00:00Z", "YES": "1"}.items():
        monkeypatch.setenv(name, value)
    assert restore.main() == 1
    assert why in capsys.readouterr().err
