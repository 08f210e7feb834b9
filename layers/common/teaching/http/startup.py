"""What a function makes ready while Lambda loads it: nobody waits for that, and it has a whole core."""

import gc
import os
from contextlib import suppress

from teaching import dynamo
from teaching.http.auth import accepted_keys


def prepare() -> None:
    """The keys and a connection to DynamoDB, once everything is imported; elsewhere than in Lambda nothing.

    What cannot be had now the first request will ask for again, and answer.
    """
    if "AWS_LAMBDA_RUNTIME_API" not in os.environ:
        return
    with suppress(Exception):
        dynamo.both(accepted_keys, dynamo.connect)
    gc.freeze()
