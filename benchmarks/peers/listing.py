"""What both peers do: a token checked, a page of one status read with boto3, as rows of pydantic's.

DynamoDB is asked for the same as by our own function: the rows, and the row that has their total.
"""

import json
import os
from datetime import datetime
from functools import cache
from typing import Any, Literal

import boto3
import jwt
from boto3.dynamodb.conditions import Key
from botocore.config import Config
from pydantic import BaseModel, Field

config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})
dynamodb = boto3.resource("dynamodb", config=config)
secrets = boto3.client("secretsmanager", config=config)
submissions = dynamodb.Table(os.environ["SUBMISSIONS_TABLE"])
tallies = dynamodb.Table(os.environ["TALLIES_TABLE"])

Status = Literal["in_progress", "submitted", "graded"]


class Query(BaseModel):
    limit: int = Field(25, ge=1, le=100)
    page: int = Field(1, ge=1)
    status: Status
    search: str | None = None


class Person(BaseModel):
    id: str
    name: str
    email: str
    profile: dict[str, Any] | None


class Item(BaseModel):
    id: str
    title: str
    category: str


class Submission(BaseModel):
    id: str
    submitted_at: datetime | None = None
    graded_at: datetime | None = None
    graded_by: Person | None = None
    score: float | None = None
    status: Status
    user: Person
    item: Item


class Pagination(BaseModel):
    current_page: int
    per_page: int
    total_items: int


class Page(BaseModel):
    data: list[Submission]
    message: str = "success"
    status: bool = True
    pagination: Pagination


@cache
def key() -> str:
    secret = secrets.get_secret_value(SecretId=os.environ["TOKEN_SECRET_NAME"])["SecretString"]
    return str(json.loads(secret)["current"])


def is_allowed(authorization: str) -> bool:
    try:
        claims = jwt.decode(
            authorization.removeprefix("Bearer "),
            key(),
            algorithms=["HS256"],
            issuer=os.environ["TOKEN_ISSUER"],
            audience=os.environ["TOKEN_AUDIENCE"],
            options={"require": ["exp", "iat", "sub"]},
        )
    except jwt.InvalidTokenError:
        return False
    return claims["role"] in ("admin", "asesor")


def page(query: Query) -> Page:
    found = submissions.query(
        IndexName="by_status",
        KeyConditionExpression=Key("status").eq(query.status),
        ScanIndexForward=False,
        Limit=query.limit,
    )
    total = tallies.get_item(Key={"list": "submissions", "node": "root"})["Item"]
    rows = [Submission.model_validate(read(row)) for row in found["Items"]]
    pagination = {"current_page": query.page, "per_page": query.limit, "total_items": total["version"]}
    return Page(data=rows, pagination=Pagination.model_validate(pagination))


def read(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its copies of people and things, which are JSON."""
    return row | {name: json.loads(row[name]) for name in ("user", "item", "graded_by") if row.get(name)}
