"""Many of the same request at once: what each entry of a body is, and what each is answered.

An entry is judged as the body of the single request would be. So one that is malformed, or that fails
later, is answered with that request's own failure, and the others go on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BeforeValidator, Field, ValidationError, WrapValidator

from teaching import limits
from teaching.errors import ApiError, InvalidBody, NotFound
from teaching.fields import details, is_uuid, must
from teaching.http import envelope
from teaching.log import logger

SIZE = Field(min_length=1, max_length=limits.BATCH_MOST)


def or_failure(not_found: type[NotFound] | None = None) -> WrapValidator:
    """Of an entry: what is not valid becomes the error that it would be answered with alone.

    `not_found` is that of an `id` which is in the path of the single request, and so judged first.
    """

    def entry(value: Any, validated: Callable[[Any], Any]) -> Any:
        if not isinstance(value, dict):
            return InvalidBody("body: must be a JSON object")
        identity = value.get("id")
        if not_found and isinstance(identity, str) and not is_uuid(identity):
            return not_found()
        try:
            return validated(value)
        except ValidationError as error:
            return InvalidBody(*details(error))

    return WrapValidator(entry)


def each_once(name: str) -> BeforeValidator:
    """Of a list of entries: no two may have the same value of the field."""

    def check(entries: Any) -> Any:
        if isinstance(entries, list):
            values = [repr(entry[name]) for entry in entries if isinstance(entry, dict) and name in entry]
            if len(set(values)) < len(values):
                raise must(f"entries of which no two have the same {name}")
        return entries

    return BeforeValidator(check)


@dataclass(frozen=True)
class Each:
    """Envelopes a list of results, each of them as the single request's, which says `message`."""

    message: str

    def __call__(self, results: Sequence[Any], message: str) -> dict[str, Any]:
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, ApiError):
                logger().error("unhandled fault", exc_info=result)
        return envelope.plain([envelope.content(result, self.message) for result in results], message)
