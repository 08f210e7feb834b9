import json
import logging
import sys
from typing import Any

import pytest
from botocore.exceptions import ClientError

from teaching.errors import InvalidBody, Malformed
from teaching.log_lines import Discreet
from teaching.settings import MissingSettings


def line(error: Exception) -> dict[str, str]:
    """What the log says of an error that was raised because of another."""
    earlier = LookupError("a secret before it")
    try:
        try:
            raise earlier
        except LookupError as cause:
            raise error from cause
    except Exception:
        record = logging.LogRecord("teaching", logging.ERROR, __file__, 1, "it failed", None, sys.exc_info())
    written = Discreet().format(record)
    assert "secret" not in written
    told: dict[str, str] = json.loads(written)
    assert (told["message"], told["exception_name"]) == ("it failed", type(error).__name__)
    return told


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a secret"),
        KeyError("a secret"),
        InvalidBody("secret: is required"),
        Malformed("secret: …"),
    ],
)
def test_an_exception_is_told_without_its_message(error: Exception) -> None:
    told = line(error)["exception"]
    assert told.splitlines()[-1] == f"{type(error).__module__}.{type(error).__qualname__}"
    assert told.count("Traceback (most recent call last):") == 2
    assert "builtins.LookupError\n" in told
    assert told.count(__file__) == 2


def test_a_note_on_an_exception_is_not_told() -> None:
    error = ValueError("a secret")
    error.add_note("another secret")
    line(error)


def test_an_error_of_aws_is_told_by_its_code_and_request() -> None:
    answer: Any = {
        "Error": {"Code": "ValidationException", "Message": "a secret"},
        "ResponseMetadata": {"RequestId": "R1"},
    }
    told = line(ClientError(answer, "PutItem"))["exception"]
    assert told.endswith("ClientError: ValidationException at PutItem, AWS's request R1\n")


def test_settings_that_are_missing_are_named() -> None:
    assert line(MissingSettings("TOKEN_ISSUER"))["exception"].endswith("MissingSettings: TOKEN_ISSUER\n")


def test_a_line_without_an_exception_is_as_powertools_writes_it() -> None:
    record = logging.LogRecord("teaching", logging.ERROR, __file__, 1, "it failed", None, None)
    told = json.loads(Discreet().format(record))
    assert told["message"] == "it failed"
    assert "exception" not in told
