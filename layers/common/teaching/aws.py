"""botocore's clients as this package uses them: one session, short waits, items read straight from JSON.

What a client does (signing, retries, TLS, credentials, connections) is botocore's own throughout.
"""

import json
import threading
from base64 import b64decode
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.parsers import JSONParser, ResponseParser, ResponseParserFactory
from botocore.session import Session

ITEMS = {
    "BatchGetItemOutput",
    "BatchWriteItemOutput",
    "DeleteItemOutput",
    "GetItemOutput",
    "PutItemOutput",
    "QueryOutput",
    "ScanOutput",
    "TransactWriteItemsOutput",
    "UpdateItemOutput",
}
"""DynamoDB's answers that botocore gives as their JSON is, but for the bytes in items."""

_making = threading.Lock()
"""A client may be used by many threads, but a session makes one at a time."""


def create_client(
    service: str,
    *,
    read_timeout: float,
    attempts: int = 3,
    connections: int = 10,
    parsers: ResponseParserFactory | None = None,
) -> Any:
    """A client of the service; it waits 1 s to connect and `read_timeout` seconds for each part of an answer.

    With `parsers`, this and later clients read answers by them.
    """
    config = Config(
        connect_timeout=1,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=connections,
        # Done anew for every request, these are a fifth of the CPU of a write, a seventh of a read's.
        parameter_validation=False,
        user_agent="teaching",
    )
    with _making:
        session = _session_of(botocore.session.get_session)
        if parsers:
            session.register_component("response_parser_factory", parsers)
        return session.create_client(service, config=config)


@cache
def _session_of(get_session: Callable[[], Session]) -> Session:
    """The process's one: to make another takes as long as a client."""
    return get_session()


class ItemParsers(ResponseParserFactory):
    """botocore's, but for answers in JSON an `ItemParser`."""

    def create_parser(self, protocol_name: str) -> ResponseParser:
        return _item_parser if protocol_name == "json" else super().create_parser(protocol_name)


class ItemParser(JSONParser):
    """Takes items as they are in JSON. Whatever else comes, errors too, botocore reads.

    It would look up the description of every value: a third of the CPU of asking for a page of 25 rows.
    """

    def parse(self, response: Mapping[str, Any], shape: Any) -> dict[str, Any]:
        if response["status_code"] < 300 and shape and shape.name in ITEMS:
            content = _content(response["body"])
            if isinstance(content, dict):
                known = [name for name in shape.members if content.get(name) is not None]
                return {name: content[name] for name in known} | self._parsed(response, None)
        return self._parsed(response, shape)

    def _parsed(self, response: Mapping[str, Any], shape: Any) -> dict[str, Any]:
        parsed: dict[str, Any] = super().parse(response, shape)
        return parsed


_item_parser = ItemParser()


def _content(body: bytes) -> Any:
    """None where it is no JSON."""
    try:
        # The hook is called for every object, so only where there are bytes.
        return json.loads(body.decode(), object_hook=_decoded if b'"B' in body else None)
    except ValueError:
        return None


def _decoded(typed: dict[str, Any]) -> dict[str, Any]:
    """A typed value of bytes, decoded; what an attribute or a table of that name holds is another type."""
    if "B" in typed and isinstance(typed["B"], str):
        return {"B": b64decode(typed["B"])}
    if "BS" in typed and isinstance(typed["BS"], list) and all(isinstance(text, str) for text in typed["BS"]):
        return {"BS": [b64decode(text) for text in typed["BS"]]}
    return typed
