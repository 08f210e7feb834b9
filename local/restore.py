"""`make restore STACK=teaching-api AT=2026-11-26T10:00:00Z PREFIX=teaching-2`: puts a stack's tables, as they
were at a moment, into a new stack called PREFIX, which `make deploy` then completes. docs/runbook.md goes
through it.

The stack that is there, and its tables, stay as they are. Every table becomes a new one, `<PREFIX>-<name in
the template>`, which gets what a restored table lacks (its stream, recovery and protection). One run that was
interrupted is made good by the next: what is there is left alone.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local import template
from local.account import Account, AccountError, agreed, pairs, region_of, target
from local.template import Template

_PAUSE = 10
"""Seconds between two looks."""


def moment(text: str) -> datetime:
    """Raises `AccountError`."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise AccountError(f"AT must be a time with its offset, such as 2026-11-26T10:00:00Z, not {text!r}")
    return found


def restored(facts: Template) -> dict[str, dict[str, Any]]:
    """The restored tables as plain CloudFormation; `facts` was read with a `TablePrefix`."""
    return {
        name: dict(resource)
        for name, resource in facts.resources.items()
        if resource["Type"] == "AWS::DynamoDB::Table"
    }


def restore_tables(account: Account, tables: Mapping[str, str], at: datetime, facts: Template) -> None:
    """`tables` are the names of those to be restored, by what the template calls them."""
    dynamodb = account.client("dynamodb")
    new = {name: resource["Properties"]["TableName"] for name, resource in restored(facts).items()}
    for name, table in tables.items():
        if not _status(dynamodb, new[name]):
            dynamodb.restore_table_to_point_in_time(
                SourceTableName=table, TargetTableName=new[name], RestoreDateTime=at
            )
    for name in tables:
        _await_active(dynamodb, new[name])
    for name in tables:
        _complete(dynamodb, new[name], restored(facts)[name]["Properties"])


def _status(dynamodb: Any, table: str) -> str | None:
    try:
        return str(dynamodb.describe_table(TableName=table)["Table"]["TableStatus"])
    except dynamodb.exceptions.ResourceNotFoundException:
        return None


def _await_active(dynamodb: Any, table: str) -> None:
    while _status(dynamodb, table) != "ACTIVE":
        time.sleep(_PAUSE)


def _complete(dynamodb: Any, table: str, properties: Mapping[str, Any]) -> None:
    """What a restored table lacks of what the template says."""
    found = dynamodb.describe_table(TableName=table)["Table"]
    stream = properties.get("StreamSpecification")
    if stream and not found.get("StreamSpecification", {}).get("StreamEnabled"):
        dynamodb.update_table(TableName=table, StreamSpecification={"StreamEnabled": True, **stream})
        _await_active(dynamodb, table)
    if properties["DeletionProtectionEnabled"] and not found.get("DeletionProtectionEnabled"):
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=True)
        _await_active(dynamodb, table)
    dynamodb.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification=properties["PointInTimeRecoverySpecification"]
    )


def adopt(account: Account, stack: str, facts: Template) -> None:
    """Makes a stack of the restored tables alone: an import takes nothing besides."""
    tables = restored(facts)
    formation = account.client("cloudformation")
    formation.create_change_set(
        StackName=stack,
        ChangeSetName="restored",
        ChangeSetType="IMPORT",
        TemplateBody=json.dumps({"Resources": tables}),
        ResourcesToImport=[
            {
                "ResourceType": resource["Type"],
                "LogicalResourceId": name,
                "ResourceIdentifier": {"TableName": resource["Properties"]["TableName"]},
            }
            for name, resource in tables.items()
        ],
    )
    formation.get_waiter("change_set_create_complete").wait(StackName=stack, ChangeSetName="restored")
    formation.execute_change_set(StackName=stack, ChangeSetName="restored")
    formation.get_waiter("stack_import_complete").wait(StackName=stack)


def main() -> int:
    try:
        name = os.environ.get("STACK") or target("prod").stack
        prefix, at = os.environ.get("PREFIX", ""), moment(os.environ.get("AT", ""))
        account = Account(region_of(name))
        plan = [f"As {account.caller}, in {account.region}:"]
        stack = account.stack(name)
        if not prefix or not stack:
            raise AccountError(f"PREFIX must name a new stack, and STACK one that is there, not {name}")
        if account.stack(prefix):
            raise AccountError(f"there is a stack {prefix} already")
        facts = template.read(**{**pairs(stack, "Parameter"), "TablePrefix": prefix})
        tables = account.tables(name)
        plan += [
            f"- restore {len(tables)} tables of {name}, as of {at.isoformat()}, to {prefix}-…",
            f"- make the stack {prefix} of them; {name} stays as it is",
        ]
        if not agreed(plan):
            return 1
        restore_tables(account, tables, at, facts)
        adopt(account, prefix, facts)
    except (AccountError, BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 1
    stage = pairs(stack, "Parameter").get("Stage", "dev")
    print(f'Now: make deploy STAGE={stage} STACK={prefix} PARAMETERS="TablePrefix={prefix}"')
    return 0


if __name__ == "__main__":
    sys.exit(main())
