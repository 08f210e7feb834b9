"""How a line of the log is written: an exception with where it came from, but not with its message.

Messages of Python, pydantic and DynamoDB quote what they stumbled over, which may be anybody's name.
Imported by `log` when there is something to say.
"""

import traceback
from collections.abc import Iterator
from copy import copy
from logging import LogRecord

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from botocore.exceptions import ClientError

from teaching.settings import MissingSettings


class Discreet(LambdaPowertoolsFormatter):
    def format(self, record: LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return super().format(record)
        told = copy(record)
        told.exc_info = None
        # As Powertools names them.
        vars(told).update(exception=traced(error), exception_name=type(error).__name__)
        return super().format(told)


def traced(error: BaseException) -> str:
    """The traceback of the error and of what led to it, as Python prints it, but for the messages."""
    parts = []
    for link in reversed(list(_chain(error))):
        parts.append("Traceback (most recent call last):\n")
        parts += traceback.format_tb(link.__traceback__)
        parts.append(described(link) + "\n")
    return "".join(parts)


def described(error: BaseException) -> str:
    """The codes of AWS and the names of settings are nobody's; of other errors the type must do.

    Our own too: what is wrong with a record or a body may name a field that its sender made up.
    """
    kind = type(error)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code")
        request = error.response.get("ResponseMetadata", {}).get("RequestId")
        return f"{name}: {code} at {error.operation_name}, AWS's request {request}"
    if isinstance(error, MissingSettings):
        return f"{name}: {error}"
    return name


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link:
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
