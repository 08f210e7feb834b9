"""$default: what the API answers on a path that it does not have."""

from teaching.errors import NotFound
from teaching.http.envelope import Answer, failure


def handler(event: object, context: object) -> Answer:
    return failure(NotFound())
