"""Against moto, which stands for an account: what `sam deploy` itself does is not tried here."""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from moto import mock_aws

from local import deploy, destroy, template, tokens
from local.account import Account, AccountError, Target, region_of, target
from local.template import ROOT
from teaching.records_queue import record_of
from tests.provider import Provider, providing, public
from tests.signed import by_curve, by_rsa

REGION = "ap-southeast-3"
KEY = "k" * 48
FACTS = template.read()
SECRET = tokens.secret_name(FACTS)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    # Another test's store may be named there.
    endpoints = [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]
    for name in (*endpoints, "AWS_PROFILE", "YES", "STACK", "PARAMETERS"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield Account(REGION)


@pytest.fixture
def dev() -> Target:
    return target("dev")


def make_stack(account: Account, where: Target, **parameters: str) -> None:
    """What a deployment leaves, as far as it matters here: two tables and the outputs."""
    kept = {
        name: {key: FACTS.tables[name][key] for key in ("AttributeDefinitions", "BillingMode", "KeySchema")}
        for name in ("UsersTable", "ItemsTable")
    }
    body = {
        "Parameters": {name: {"Type": "String"} for name in parameters},
        "Resources": {
            name: {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain", "Properties": arguments}
            for name, arguments in kept.items()
        },
        "Outputs": {
            "ApiUrl": {"Value": "https://api.teaching.example"},
            "RecordsBusName": {"Value": "teaching-api-dev-records"},
        },
    }
    account.client("cloudformation").create_stack(
        StackName=where.stack,
        TemplateBody=json.dumps(body),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
    )


def make_secret(account: Account, text: str) -> None:
    account.client("secretsmanager").create_secret(Name=SECRET, SecretString=text)


def test_a_stage_is_what_samconfig_says_of_it_and_what_is_added() -> None:
    where = target("prod", parameters="AlarmEmail=a@b.example MemorySize=2048")
    assert (where.environment, where.stack, where.region) == ("prod", "teaching-api", REGION)
    assert where.parameters["Stage"] == "prod"
    assert where.parameters["MemorySize"] == "2048"
    assert where.parameters["AlarmEmail"] == "a@b.example"
    assert target("dev", stack="other").stack == "other"


def test_a_stack_is_in_the_region_that_samconfig_gives_it(tmp_path: Path) -> None:
    config = tmp_path / "samconfig.toml"
    told = (ROOT / "samconfig.toml").read_text(encoding="utf-8")
    config.write_text(told.replace(REGION, "eu-west-1", 1), encoding="utf-8")
    assert region_of("teaching-api-dev", config) == "eu-west-1"
    assert region_of("teaching-api", config) == REGION
    assert region_of("teaching-2", config) == REGION


def test_every_parameter_of_samconfig_is_one_of_the_template() -> None:
    named = template.parameters().keys()
    for stage in ("dev", "prod"):
        assert target(stage).parameters.keys() <= named


@pytest.mark.parametrize(("stage", "parameters"), [("", ""), ("test", ""), ("dev", "AlarmEmail")])
def test_what_makes_no_sense_is_refused(stage: str, parameters: str) -> None:
    with pytest.raises(AccountError, match=r"STAGE must be|PARAMETERS is not"):
        target(stage, parameters=parameters)


def test_a_misspelt_parameter_is_refused_which_sam_would_leave_out_in_silence() -> None:
    with pytest.raises(AccountError, match=r"PARAMETERS: template\.yaml has no AlarmMail"):
        target("dev", parameters="AlarmMail=a@b.example")


def test_a_first_deployment_of_dev_says_who_where_and_what(account: Account, dev: Target) -> None:
    told = "\n".join(deploy.look(account, dev, FACTS))
    assert "arn:aws:sts::123456789012:user/moto, in ap-southeast-3" in told
    assert f"make the secret {SECRET}" in told
    assert "make the stack teaching-api-dev (Stage=dev MemorySize=512)" in told


def test_a_later_one_makes_no_secret(account: Account, dev: Target) -> None:
    make_secret(account, json.dumps({"current": KEY}))
    make_stack(account, dev)
    told = "\n".join(deploy.look(account, dev, FACTS))
    assert "make the secret" not in told
    assert "bring up to date the stack" in told


def test_prod_wants_the_key_of_the_identity_provider_in_its_own_region(account: Account) -> None:
    with pytest.raises(AccountError, match=f"create-secret --region {REGION} --name {SECRET}"):
        deploy.look(account, target("prod"), FACTS)


@pytest.mark.parametrize("text", ["no JSON", '{"current": "short"}'])
def test_a_key_that_cannot_be_used_stops_before_anything_is_made(
    account: Account, dev: Target, text: str
) -> None:
    make_secret(account, text)
    with pytest.raises(AccountError, match="cannot be used"):
        deploy.look(account, dev, FACTS)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing() as provider:
        provider.publish(public(by_rsa().key, kid="first"), public(by_curve().key))
        yield provider


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_with_an_identity_provider_no_secret_is_wanted_nor_made(
    account: Account,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stage: str,
) -> None:
    where = target(stage, parameters=f"JwksUrl={provider.url}")
    make_stack(account, where, JwksUrl=provider.url)
    monkeypatch.setattr(deploy, "deploy", lambda where: None)
    for name, value in (("STAGE", stage), ("PARAMETERS", f"JwksUrl={provider.url}"), ("YES", "1")):
        monkeypatch.setenv(name, value)
    assert deploy.main() == 0
    told = capsys.readouterr().out
    assert "take tokens that are signed with first (RS256), a key (ES256)" in told
    assert "A token of your identity provider" in told
    assert account.client("secretsmanager").list_secrets()["SecretList"] == []


def test_keys_of_an_identity_provider_that_cannot_be_used_stop_before_anything_is_made(
    account: Account, provider: Provider
) -> None:
    provider.publish()
    where = target("dev", parameters=f"JwksUrl={provider.url}")
    with pytest.raises(AccountError, match=f"JwksUrl={provider.url} cannot be used: it has no public key"):
        deploy.look(account, where, template.read(**where.parameters))


def test_a_region_that_is_not_enabled_is_named(account: Account) -> None:
    with pytest.raises(AccountError, match="enable-region --region-name me-south-1"):
        Account("me-south-1").require_region()
    account.require_region()


def test_without_credentials_it_says_how_to_get_some(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(AccountError, match="aws configure"):
        _ = Account(REGION).caller


def test_what_a_failed_first_deployment_left_is_named(
    account: Account, dev: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Account, "stack", lambda self, name: {"StackStatus": "ROLLBACK_COMPLETE"})
    with pytest.raises(AccountError, match=r"delete-stack .*--stack-name teaching-api-dev"):
        deploy.look(account, dev, FACTS)


def test_sam_gets_the_parameters_of_the_stage(
    account: Account, dev: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: ran.append(command))
    deploy.deploy(dev)
    build, sent = ran
    assert build[1:] == ["build"]
    assert sent[1:4] == ["deploy", "--config-env", "default"]
    assert sent[-2:] == ["Stage=dev", "MemorySize=512"]


def test_afterwards_it_prints_a_token_a_record_and_a_request(account: Account, dev: Target) -> None:
    deploy.make_secret(account, SECRET, dev.stack)
    make_stack(account, dev, TokenIssuer="https://issuer.example")
    stack = account.stack(dev.stack)
    assert stack
    told = deploy.first_steps(account, stack)
    keys = deploy._keys(account, SECRET)
    assert keys
    token = told.partition("TOKEN=")[2].split()[0]
    claims = jwt.decode(token, keys[0], ["HS256"], audience="teaching-api", issuer="https://issuer.example")
    assert claims["role"] == "admin"
    assert 'curl -s -H "authorization: Bearer $TOKEN" https://api.teaching.example/api/teaching/' in told


def test_the_first_record_is_one_that_the_bus_takes(account: Account) -> None:
    line = deploy.put_events(REGION, "a-bus", FACTS)
    command = shlex.split(line)
    assert command[:5] == ["aws", "events", "put-events", "--region", REGION]
    (entry,) = json.loads(command[-1])
    assert entry["Source"] in FACTS.resources["RecordsRule"]["Properties"]["EventPattern"]["source"]
    detail = json.loads(entry["Detail"])
    record = record_of(json.dumps({"detail-type": entry["DetailType"], "detail": detail}))
    assert record.id == detail["id"]
    events = account.client("events")
    events.create_event_bus(Name="a-bus")
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_dev_is_taken_away_with_its_tables_and_the_secret_that_was_made_for_it(
    account: Account, dev: Target, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy.make_secret(account, SECRET, dev.stack)
    make_stack(account, dev)
    monkeypatch.setenv("STAGE", "dev")
    assert destroy.main() == 1
    assert account.client("dynamodb").list_tables()["TableNames"]
    assert "delete the table UsersTable" in capsys.readouterr().out
    monkeypatch.setenv("YES", "1")
    assert destroy.main() == 0
    assert account.client("dynamodb").list_tables()["TableNames"] == []
    assert account.client("secretsmanager").list_secrets()["SecretList"] == []
    assert account.stack(dev.stack) is None
    assert destroy.main() == 1


def test_a_secret_of_somebody_else_stays(account: Account, dev: Target) -> None:
    make_secret(account, json.dumps({"current": KEY}))
    make_stack(account, dev)
    destroy.destroy(account, dev)
    assert [secret["Name"] for secret in account.client("secretsmanager").list_secrets()["SecretList"]] == [
        SECRET
    ]


def test_it_goes_on_where_it_was_interrupted(account: Account, dev: Target) -> None:
    make_stack(account, dev)
    account.client("dynamodb").delete_table(TableName=account.tables(dev.stack)["UsersTable"])
    assert not any("UsersTable" in line for line in destroy.look(account, dev))
    destroy.destroy(account, dev)
    assert account.client("dynamodb").list_tables()["TableNames"] == []


@pytest.mark.parametrize("where", [target("prod"), target("dev", stack="teaching-api")])
def test_production_is_not_taken_away(account: Account, where: Target) -> None:
    make_stack(account, where, Stage="prod")
    with pytest.raises(AccountError, match="prod"):
        destroy.look(account, where)
