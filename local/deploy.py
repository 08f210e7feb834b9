"""`make deploy STAGE=dev|prod`: looks whether the account is ready, says what will be done, does it, and says
how to go on: the API's address, a token, a first record, a first request.

`PARAMETERS="Name=value …"` are the template's, and go before those in samconfig.toml; `STACK=<name>` is
another stack than the one named there; `YES=1` asks nothing.
"""

import json
import os
import secrets
import shlex
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import build
from botocore.exceptions import BotoCoreError, ClientError

from local import template, tokens
from local.account import Account, AccountError, Target, agreed, pairs, target
from local.demo import ADMIN
from local.template import ROOT, Template
from teaching.http.keys import UnusableKeys, keys_of

SAM = str(ROOT / ".venv" / "sam" / "bin" / "sam")
MADE_BY = "made-for-stack"
"""The tag of a secret that was made here, so that `make destroy` knows it."""


def look(account: Account, where: Target, facts: Template) -> list[str]:
    """What will be done, line by line. Raises `AccountError` where it cannot succeed."""
    lines = [f"As {account.caller}, in {account.region}:"]
    account.require_region()
    stack = account.stack(where.stack)
    state = stack["StackStatus"] if stack else None
    if state in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED"):
        raise AccountError(
            f"{where.stack} is left of a first deployment that failed ({state}) and can only be deleted: "
            f"aws cloudformation delete-stack --region {account.region} --stack-name {where.stack}"
        )
    secret = tokens.secret_name(facts)
    if tokens.are_of_provider(facts):
        lines.append(f"- take tokens that are signed with {_published(where.parameters['JwksUrl'])}")
    elif _keys(account, secret) is None:
        if where.stage == "prod":
            raise AccountError(
                f"there is no secret {secret} in {account.region} with the key that your identity provider "
                f"signs with: aws secretsmanager create-secret --region {account.region} --name {secret} "
                '--secret-string \'{"current": "<32 bytes or more>"}\''
            )
        lines.append(f"- make the secret {secret} with a random key ($0.40 a month)")
    if not build.find_interpreter(build.python_version()):
        lines.append(
            "- build without bytecode, so that cold starts take longer: this machine has no such Python"
        )
    told = " ".join(f"{name}={value}" for name, value in where.parameters.items())
    lines.append(f"- {'bring up to date' if stack else 'make'} the stack {where.stack} ({told})")
    lines.append("What that costs is in docs/cost.md; make destroy STAGE=dev takes dev away again.")
    return lines


def _keys(account: Account, secret: str) -> tuple[str, ...] | None:
    """The secret's keys; None where there is no such secret. Raises `AccountError` for an unusable one."""
    try:
        stored = account.client("secretsmanager").get_secret_value(SecretId=secret)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise
    try:
        return keys_of(stored.get("SecretString"))
    except UnusableKeys as error:
        raise AccountError(f"the secret {secret} cannot be used: {error}") from None


def _published(url: str) -> str:
    """The names of the keys that the identity provider publishes. Raises `AccountError` for unusable ones."""
    # With cryptography, which no other command needs.
    from teaching.http import jwks

    try:
        keys = jwks.keys_of(jwks.fetched(url))
    except UnusableKeys as error:
        raise AccountError(f"JwksUrl={url} cannot be used: {error}") from None
    return ", ".join(f"{key.key_id or 'a key'} ({key.algorithm_name})" for key in keys)


def make_secret(account: Account, name: str, stack: str) -> None:
    """Where there is none."""
    if _keys(account, name) is None:
        account.client("secretsmanager").create_secret(
            Name=name,
            SecretString=json.dumps({"current": secrets.token_urlsafe(48)}),
            Tags=[{"Key": MADE_BY, "Value": stack}],
        )


def deploy(where: Target) -> None:
    """`sam build` and `sam deploy`. Raises `subprocess.CalledProcessError`; they have said why."""
    path = {**os.environ, "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([SAM, "build"], cwd=ROOT, env=path, check=True)
    overrides = [f"{name}={value}" for name, value in where.parameters.items()]
    command = [SAM, "deploy", "--config-env", where.environment, "--stack-name", where.stack]
    command += ["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--parameter-overrides", *overrides]
    subprocess.run(command, cwd=ROOT, check=True)


def first_steps(account: Account, stack: Mapping[str, Any]) -> str:
    """What to type next."""
    outputs = pairs(stack, "Output")
    facts = template.read(**pairs(stack, "Parameter"))
    return f"""
The API is at {outputs["ApiUrl"]}, records go to the bus {outputs["RecordsBusName"]}.

{_first_token(account, facts)}

A first record, then a first request:
  {put_events(account.region, outputs["RecordsBusName"], facts)}
  curl -s -H "authorization: Bearer $TOKEN" {outputs["ApiUrl"]}/api/teaching/submissions
"""


def _first_token(account: Account, facts: Template) -> str:
    if tokens.are_of_provider(facts):
        return "A token of your identity provider (docs/identity-providers.md):\n  TOKEN=…"
    keys = _keys(account, tokens.secret_name(facts))
    assert keys
    token = tokens.token(facts, keys[0], ADMIN.role, ADMIN.id)
    return f"A token of an admin, for {tokens.hours(facts):g} hours:\n  TOKEN={token}"


def put_events(region: str, bus: str, facts: Template) -> str:
    """A command that sends a record, ready for a shell."""
    user = {"id": ADMIN.id, "name": "A first admin", "email": "admin@teaching.example", "role": ADMIN.role}
    entry = {
        "EventBusName": bus,
        "Source": facts.resources["RecordsRule"]["Properties"]["EventPattern"]["source"][0],
        "DetailType": "user.saved",
        "Detail": json.dumps({**user, "profile": None, "participant_profile": None}),
    }
    return shlex.join(["aws", "events", "put-events", "--region", region, "--entries", json.dumps([entry])])


def main() -> int:
    try:
        where = target(
            os.environ.get("STAGE", ""), os.environ.get("STACK", ""), os.environ.get("PARAMETERS", "")
        )
        account = Account(where.region)
        facts = template.read(**where.parameters)
        if not agreed(look(account, where, facts)):
            return 1
        if where.stage == "dev" and not tokens.are_of_provider(facts):
            make_secret(account, tokens.secret_name(facts), where.stack)
        deploy(where)
        stack = account.stack(where.stack)
        assert stack
        print(first_steps(account, stack))
    except (AccountError, BotoCoreError, ClientError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
