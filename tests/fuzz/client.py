"""The API over HTTP, each request as some caller's."""

import http.client
import json
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local import load, store, template, tokens
from local.template import Template
from teaching import jsons

SECONDS_TO_ANSWER = 60


@dataclass(frozen=True)
class Reply:
    """`content` is parsed, None where there is no body."""

    status: int
    headers: dict[str, str]
    content: Any


@dataclass
class Client:
    """Tokens are made with the key in the server's folder."""

    url: str
    folder: Path
    facts: Template = field(default_factory=template.read)
    _tokens: dict[tuple[str, str], str] = field(default_factory=dict)

    def token(self, role: str, subject: str) -> str:
        if (role, subject) not in self._tokens:
            key = tokens.token_key(self.folder)
            self._tokens[role, subject] = tokens.token(self.facts, key, role, subject)
        return self._tokens[role, subject]

    def ask(self, method: str, path: str, caller: tuple[str, str] | str, body: Any = None) -> Reply:
        """Of a caller (role, id), or with the token given. Raises `OSError` or `HTTPException` where the
        server goes away.
        """
        token = caller if isinstance(caller, str) else self.token(*caller)
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=SECONDS_TO_ANSWER)
        with closing(connection):
            connection.request(method, f"/api{path}", body=content, headers=headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, named, jsons.loads(text) if text else None)

    def load(self, records: Iterable[tuple[str, Any]]) -> None:
        """Sends records, (type, data), by the load's route; all are accepted. Raises `LoadError`."""
        lines = [json.dumps({"type": f"{kind}.saved", "data": data}) for kind, data in records]
        answer = load.call(self.url, "records", "\n".join(lines).encode())
        assert answer["rejected"] == []
        assert answer["accepted"] == len(lines)

    def drain(self) -> None:
        """Waits until all that follows the tables is done. Raises `LoadError`."""
        assert load.call(self.url, "drain") == {"drained": True}

    def past_scores(self, submission: str) -> list[Decimal]:
        """Those that were replaced, oldest first, out of the table."""
        table = next(name for name in self.facts.tables if "History" in name)
        pages = self._store.get_paginator("query").paginate(
            TableName=table,
            KeyConditionExpression="subject = :subject",
            ExpressionAttributeValues={":subject": {"S": submission}},
            ConsistentRead=True,
        )
        return [Decimal(row["score"]["N"]) for page in pages for row in page["Items"]]

    def version(self, session: str) -> int:
        """How often its row was written."""
        table = next(name for name in self.facts.tables if "Sessions" in name)
        row = self._store.get_item(TableName=table, Key={"id": {"S": session}}, ConsistentRead=True)["Item"]
        return int(row["version"]["N"])

    @cached_property
    def _store(self) -> Any:
        variables = json.loads((self.folder / "sam-local.json").read_text())["Parameters"]
        endpoint = variables["AWS_ENDPOINT_URL_DYNAMODB"].replace("host.docker.internal", "127.0.0.1")
        return store.client("dynamodb", endpoint)
