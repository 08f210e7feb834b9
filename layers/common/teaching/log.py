"""The log, in JSON lines. It says what failed, never what a request or a record held."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger


@cache
def logger() -> "Logger":
    """Imported when there is something to say: it would cost every cold start some 100 ms."""
    from aws_lambda_powertools import Logger

    from teaching.log_lines import Discreet

    return Logger(logger_formatter=Discreet())
