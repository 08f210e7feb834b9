"""The keys that tokens are signed with, from Secrets Manager.

The secret is `{"current": "…", "previous": "…"}`, the previous one optional. Both are accepted, so a key
is rotated by publishing the new one and waiting `KEYS_SECONDS` before the issuer signs with it. A secret
that cannot be used leaves the keys that are known as they are; where none is known, nobody gets in.
"""

import json
import time

import jwt
from botocore.exceptions import BotoCoreError, ClientError

from teaching import aws, dynamo
from teaching.errors import Unavailable
from teaching.http.token import ALGORITHM
from teaching.log import logger
from teaching.settings import settings

KEY_BYTES = 32
KEYS_SECONDS = 300
AGAIN_SECONDS = 30
"""How long after a look that brought no keys there is another."""
METRIC = "UnusableTokenSecret"

_REMEDY = (
    'Give the secret the value {"current": "<the key that tokens are signed with, 32 bytes or more>"}; '
    "it is read again within %s seconds, nothing needs to be deployed"
)


class UnusableSecret(Exception):
    """The secret holds no keys for us, and will not until somebody changes it; the message shows no key."""


class Keys:
    """The accepted keys, fetched again every `KEYS_SECONDS`, and kept while there are no better ones."""

    def __init__(self) -> None:
        self._keys: tuple[str, ...] = ()
        self._next_look = float("-inf")
        self._told = False

    def __call__(self) -> tuple[str, ...]:
        """Raises `Unavailable` where no key is known."""
        if time.monotonic() > self._next_look:
            self._look()
        if not self._keys:
            raise Unavailable()
        return self._keys

    def _look(self) -> None:
        try:
            self._keys = _fetch_keys(settings().token_secret_name)
        except Unavailable:
            if not self._keys:
                raise
            self._next_look = time.monotonic() + AGAIN_SECONDS
        except UnusableSecret as error:
            self._next_look = time.monotonic() + AGAIN_SECONDS
            self._tell(str(error))
        else:
            self._next_look = time.monotonic() + KEYS_SECONDS
            self._told = False

    def _tell(self, why: str) -> None:
        """The metric at every look, so that an alarm stays while it lasts; the error once."""
        _count_unusable()
        if self._told:
            return
        self._told = True
        effect = "the keys known before stay" if self._keys else "no token is accepted"
        logger().error(
            "the token secret cannot be used: %s",
            effect,
            extra={
                "secret": settings().token_secret_name,
                "reason": why,
                "remedy": _REMEDY % AGAIN_SECONDS,
            },
        )


token_keys = Keys()

_algorithm = jwt.get_algorithm_by_name(ALGORITHM)


def _count_unusable() -> None:
    # Not imported where all is well: it would cost every cold start.
    from aws_lambda_powertools import Metrics
    from aws_lambda_powertools.metrics import MetricUnit

    metrics = Metrics()
    metrics.add_metric(name=METRIC, unit=MetricUnit.Count, value=1)
    metrics.flush_metrics()


def _fetch_keys(secret: str) -> tuple[str, ...]:
    """Raises `UnusableSecret`; `Unavailable` when it is worth trying again."""
    client = aws.create_client("secretsmanager", read_timeout=2)
    try:
        stored = client.get_secret_value(SecretId=secret)
    except BotoCoreError as error:
        raise Unavailable() from error
    except ClientError as error:
        if dynamo.may_pass(error):
            raise Unavailable() from error
        raise UnusableSecret(f"Secrets Manager answers {dynamo.code_of(error)}") from error
    return keys_of(stored.get("SecretString"))


def keys_of(text: str | None) -> tuple[str, ...]:
    """The keys in the secret's text. Raises `UnusableSecret`."""
    if text is None:
        raise UnusableSecret("it is binary, not text")
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError):
        raise UnusableSecret("it is not JSON") from None
    if not isinstance(stored, dict):
        raise UnusableSecret("it is not a JSON object")
    keys = tuple(stored[name] for name in ("current", "previous") if stored.get(name))
    if not keys:
        raise UnusableSecret("it has no key, neither current nor previous")
    if not all(isinstance(key, str) and _is_usable(key) for key in keys):
        raise UnusableSecret(f"a key is not a shared secret of at least {KEY_BYTES} bytes")
    return keys


def _is_usable(key: str) -> bool:
    """PyJWT refuses what looks like a public key: it is no secret, whatever its length."""
    try:
        return len(_algorithm.prepare_key(key)) >= KEY_BYTES
    except (jwt.InvalidKeyError, UnicodeEncodeError):
        return False
