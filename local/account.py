"""An AWS account as seen from this machine: who calls, where, which stack. For `make deploy`, `destroy`,
`restore` and `redrive`.
"""

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local import settings
from local.template import ROOT

_ENVIRONMENTS = {"dev": "default", "prod": "prod"}
"""A stage's name in samconfig.toml."""


class AccountError(Exception):
    """Something is not as it has to be; the message tells a person what to do."""


@dataclass(frozen=True)
class Target:
    """Where a stage goes: `environment` is its name in samconfig.toml."""

    stage: str
    environment: str
    stack: str
    region: str
    parameters: Mapping[str, str]


def target(
    stage: str, stack: str = "", parameters: str = "", config: Path = ROOT / "samconfig.toml"
) -> Target:
    """What samconfig.toml says of the stage, with another stack and `Name=value …` in place of its own.

    Raises `AccountError`.
    """
    if stage not in _ENVIRONMENTS:
        raise AccountError(f"STAGE must be one of {', '.join(_ENVIRONMENTS)}: make deploy STAGE=dev")
    environment = _ENVIRONMENTS[stage]
    told = tomllib.loads(config.read_text(encoding="utf-8"))[environment]
    overrides = told["deploy"]["parameters"]["parameter_overrides"]
    try:
        named = settings.named(overrides, "samconfig.toml") | settings.named(parameters.split())
    except settings.SettingsError as error:
        raise AccountError(str(error)) from None
    shared = told["global"]["parameters"]
    return Target(stage, environment, stack or shared["stack_name"], shared["region"], named)


def region_of(stack: str, config: Path = ROOT / "samconfig.toml") -> str:
    """The region that samconfig.toml gives the stack; production's for one that it does not name."""
    stages = [target(stage, config=config) for stage in ("dev", "prod")]
    return next((stage.region for stage in stages if stage.stack == stack), stages[-1].region)


class Account:
    """The account that the shell's credentials are of, in one region."""

    def __init__(self, region: str) -> None:
        self.region = region
        self._session = botocore.session.get_session()

    def client(self, service: str, region: str | None = None, *, read_timeout: float = 60) -> Any:
        config = Config(read_timeout=read_timeout)
        return self._session.create_client(service, region_name=region or self.region, config=config)

    @cached_property
    def caller(self) -> str:
        """The ARN of whoever calls. Asked in us-east-1, which no account has to enable.

        Raises `AccountError`.
        """
        try:
            return str(self.client("sts", "us-east-1").get_caller_identity()["Arn"])
        except (BotoCoreError, ClientError) as error:
            raise AccountError(
                f"AWS does not know you ({error}): aws configure, or aws sso login and AWS_PROFILE=<name>"
            ) from None

    def require_region(self) -> None:
        """Raises `AccountError` where the account has not enabled the region."""
        asked = self.client("ec2", "us-east-1").describe_regions(RegionNames=[self.region], AllRegions=True)
        if asked["Regions"][0]["OptInStatus"] == "not-opted-in":
            raise AccountError(
                f"the account has not enabled {self.region}: aws account enable-region --region-name "
                f"{self.region} (it takes some minutes), or another region in samconfig.toml"
            )

    def stack(self, name: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = self.client("cloudformation").describe_stacks(StackName=name)[
                "Stacks"
            ][0]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":
                return None
            raise
        return found

    def tables(self, stack: str) -> dict[str, str]:
        """The stack's tables: their names by what the template calls them."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::DynamoDB::Table"
        }


def pairs(told: Mapping[str, Any], kind: str) -> dict[str, str]:
    """A stack's `Parameters` or `Outputs` by name."""
    return {one[f"{kind}Key"]: one[f"{kind}Value"] for one in told.get(f"{kind}s", [])}


def agreed(plan: list[str]) -> bool:
    """Says what is going to be done, and whether the person at the terminal (or YES=1) wants it."""
    print("\n".join(plan))
    if os.environ.get("YES"):
        return True
    if not sys.stdin.isatty():
        print("Nothing was done: say YES=1 where nobody can be asked", file=sys.stderr)
        return False
    return input("Go on? [y/N] ").strip().lower() in ("y", "yes")
