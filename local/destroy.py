"""`make destroy STAGE=dev`: takes away all that `make deploy STAGE=dev` made, its data too.

Tables first, which the template keeps when a stack goes: as long as the stack is there it knows their
names, so a run that was interrupted is made good by the next.
"""

import os
import sys

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from local import template, tokens
from local.account import Account, AccountError, Target, agreed, pairs, target
from local.deploy import MADE_BY


def look(account: Account, where: Target) -> list[str]:
    """What will be taken away, line by line. Raises `AccountError` where that is not for a command to do."""
    if where.stage != "dev":
        raise AccountError("only STAGE=dev is taken away by a command; docs/runbook.md says how prod is")
    lines = [f"As {account.caller}, in {account.region}, for ever:"]
    stack = account.stack(where.stack)
    if not stack:
        raise AccountError(f"there is no stack {where.stack} in {account.region}")
    if pairs(stack, "Parameter").get("Stage") == "prod":
        raise AccountError(f"{where.stack} is a stack of production")
    dynamodb = account.client("dynamodb")
    for logical, table in account.tables(where.stack).items():
        try:
            rows = dynamodb.describe_table(TableName=table)["Table"]["ItemCount"]
            lines.append(f"- delete the table {logical} ({table}) with its some {rows} rows")
        except dynamodb.exceptions.ResourceNotFoundException:
            continue
    lines.append(f"- delete the stack {where.stack}: functions, queues with their messages, logs, alarms")
    if secret := made_secret(account, where):
        lines.append(f"- delete the secret {secret}, which make deploy made")
    lines.append("The bucket of the SAM CLI stays: all its stacks share it.")
    return lines


def made_secret(account: Account, where: Target) -> str | None:
    """The secret, where it was made for this stack."""
    name = tokens.secret_name(template.read(**where.parameters))
    client = account.client("secretsmanager")
    try:
        tags = client.describe_secret(SecretId=name).get("Tags", [])
    except client.exceptions.ResourceNotFoundException:
        return None
    return name if {"Key": MADE_BY, "Value": where.stack} in tags else None


def destroy(account: Account, where: Target) -> None:
    """Raises `AccountError` where the stack cannot be deleted, and what botocore raises."""
    dynamodb = account.client("dynamodb")
    for table in account.tables(where.stack).values():
        try:
            dynamodb.delete_table(TableName=table)
        except dynamodb.exceptions.ResourceNotFoundException:
            continue
    if secret := made_secret(account, where):
        client = account.client("secretsmanager")
        client.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    formation = account.client("cloudformation")
    formation.delete_stack(StackName=where.stack)
    try:
        formation.get_waiter("stack_delete_complete").wait(StackName=where.stack)
    except WaiterError:
        raise AccountError(
            f"{where.stack} could not be deleted: aws cloudformation describe-stack-events --stack-name "
            f"{where.stack} says why; then make destroy again"
        ) from None


def main() -> int:
    try:
        where = target(
            os.environ.get("STAGE", ""), os.environ.get("STACK", ""), os.environ.get("PARAMETERS", "")
        )
        account = Account(where.region)
        if not agreed(look(account, where)):
            return 1
        destroy(account, where)
    except (AccountError, BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{where.stack} is gone")
    return 0


if __name__ == "__main__":
    sys.exit(main())
