"""The keys that tokens are signed with, from Secrets Manager; and how keys are kept, wherever they are from.

The secret is `{"current": "…", "previous": "…"}`, the previous one optional. Both are accepted, so a key
is rotated by publishing the new one and waiting `KEYS_SECONDS` before the issuer signs with it. A secret
that cannot be used leaves the keys that are known as they are; where none is known, nobody gets in.
"""

import json
import time
from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

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

Key = TypeVar("Key")


class UnusableKeys(Exception):
    """There are no keys for us, nor will be until somebody changes something; the message shows no key."""


class KeptKeys(ABC, Generic[Key]):
    """The accepted keys, fetched again every `KEYS_SECONDS`, and kept while there are no better ones."""

    what: ClassVar[str]
    """As the log calls that which cannot be used."""
    remedy: ClassVar[str]

    def __init__(self) -> None:
        self._keys: tuple[Key, ...] = ()
        self._last_look = self._next_look = float("-inf")
        self._told = False

    @abstractmethod
    def place(self) -> dict[str, str]:
        """Where the keys are, for the log."""

    @abstractmethod
    def fetch(self) -> tuple[Key, ...]:
        """Raises `UnusableKeys`; `Unavailable` when it is worth trying again at once."""

    def __call__(self) -> tuple[Key, ...]:
        """Raises `Unavailable` where no key is known."""
        if time.monotonic() > self._next_look:
            self._look()
        if not self._keys:
            raise Unavailable()
        return self._keys

    def _look(self) -> None:
        self._last_look = time.monotonic()
        try:
            self._keys = self.fetch()
        except Unavailable:
            if not self._keys:
                raise
            self._next_look = time.monotonic() + AGAIN_SECONDS
        except UnusableKeys as error:
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
            f"the {self.what} cannot be used: %s",
            effect,
            extra={**self.place(), "reason": why, "remedy": self.remedy},
        )


class Keys(KeptKeys[str]):
    """Those of the secret that `TOKEN_SECRET_NAME` names."""

    what = "token secret"
    remedy = (
        'Give the secret the value {"current": "<the key that tokens are signed with, 32 bytes or more>"}; '
        f"it is read again within {AGAIN_SECONDS} seconds, nothing needs to be deployed"
    )

    def place(self) -> dict[str, str]:
        return {"secret": settings().token_secret_name}

    def fetch(self) -> tuple[str, ...]:
        return _fetch_keys(settings().token_secret_name)


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
    """Raises `UnusableKeys`; `Unavailable` when it is worth trying again."""
    client = aws.create_client("secretsmanager", read_timeout=2)
    try:
        stored = client.get_secret_value(SecretId=secret)
    except BotoCoreError as error:
        raise Unavailable() from error
    except ClientError as error:
        if dynamo.may_pass(error):
            raise Unavailable() from error
        raise UnusableKeys(f"Secrets Manager answers {dynamo.code_of(error)}") from error
    return keys_of(stored.get("SecretString"))


def keys_of(text: str | None) -> tuple[str, ...]:
    """The keys in the secret's text. Raises `UnusableKeys`."""
    if text is None:
        raise UnusableKeys("it is binary, not text")
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError):
        raise UnusableKeys("it is not JSON") from None
    if not isinstance(stored, dict):
        raise UnusableKeys("it is not a JSON object")
    keys = tuple(stored[name] for name in ("current", "previous") if stored.get(name))
    if not keys:
        raise UnusableKeys("it has no key, neither current nor previous")
    if not all(isinstance(key, str) and _is_usable(key) for key in keys):
        raise UnusableKeys(f"a key is not a shared secret of at least {KEY_BYTES} bytes")
    return keys


def _is_usable(key: str) -> bool:
    """PyJWT refuses what looks like a public key: it is no secret, whatever its length."""
    try:
        return len(_algorithm.prepare_key(key)) >= KEY_BYTES
    except (jwt.InvalidKeyError, UnicodeEncodeError):
        return False
