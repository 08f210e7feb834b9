"""The keys that an identity provider publishes (RFC 7517), where `JWKS_URL` says so: of RS256 and ES256.

A token's `kid` names its key. One that is not known has the keys fetched anew, so that a provider may begin
with a new key at any time, but not more often than once in `UNKNOWN_SECONDS`, whoever makes up names. What
else a token says of keys (`jwk`, `jku`, `x5u`) is not looked at.

PyJWT verifies with `cryptography`, which a layer of its own brings: where it is there, it is imported by
every function that imports PyJWT.
"""

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import jwt
import urllib3
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from teaching import jsons
from teaching.http.keys import AGAIN_SECONDS, KeptKeys, UnusableKeys
from teaching.limits import JWKS_BYTES
from teaching.settings import settings

UNKNOWN_SECONDS = 60
LONGEST_SECONDS = 3
"""How long fetching may take, were it a byte at a time."""

_ALGORITHMS: dict[str, type[RSAPublicKey] | type[EllipticCurvePublicKey]] = {
    "RS256": RSAPublicKey,
    "ES256": EllipticCurvePublicKey,
}
_LARGEST_BITS = 8192
"""Of an RSA key; verifying with a larger one takes too long, or OpenSSL refuses it."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_TEXTS = ("kty", "kid", "use", "alg", "crv", "n", "e", "x", "y")


class PublishedKeys(KeptKeys[jwt.PyJWK]):
    what = "JWKS"
    remedy = (
        "JwksUrl must lead to the keys of your identity provider, as its metadata says (jwks_uri); "
        f"it is asked again within {AGAIN_SECONDS} seconds"
    )

    def place(self) -> dict[str, str]:
        return {"jwks_url": settings().jwks_url}

    def fetch(self) -> tuple[jwt.PyJWK, ...]:
        return keys_of(fetched(settings().jwks_url))

    def named(self, header: Mapping[str, Any]) -> list[jwt.PyJWK]:
        """The keys that a token with this header may be signed with: normally one.

        Raises `Unavailable` where no key is known at all.
        """
        keys = [key for key in self() if key.key_id == header.get("kid")]
        if not keys and time.monotonic() > self._last_look + UNKNOWN_SECONDS:
            self._look()
            keys = [key for key in self() if key.key_id == header.get("kid")]
        return [key for key in keys if key.algorithm_name == header.get("alg")]


published_keys = PublishedKeys()


def fetched(url: str) -> bytes:
    """What is at the address. Raises `UnusableKeys`."""
    deadline = time.monotonic() + LONGEST_SECONDS
    if not _is_safe(url):
        raise UnusableKeys("its address is not one of https")
    timeout = urllib3.Timeout(connect=1, read=1)
    content = b""
    try:
        with (
            urllib3.PoolManager(retries=urllib3.Retry(1), timeout=timeout) as pool,
            pool.request("GET", url, redirect=False, preload_content=False, decode_content=False) as answer,
        ):
            if answer.status != 200:
                raise UnusableKeys(f"the identity provider answers {answer.status}")
            while part := answer.read1(JWKS_BYTES):
                content += part
                if len(content) > JWKS_BYTES:
                    raise UnusableKeys(f"it has more than {JWKS_BYTES} bytes")
                if time.monotonic() > deadline:
                    raise UnusableKeys(f"it takes longer than {LONGEST_SECONDS} seconds")
    except urllib3.exceptions.HTTPError as error:
        cause = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
        raise UnusableKeys(f"it cannot be fetched ({type(cause).__name__})") from None
    return content


def _is_safe(url: str) -> bool:
    """Whether nobody between here and there can put in keys of their own."""
    try:
        address = urlsplit(url)
    except ValueError:
        return False
    return address.scheme == "https" or (address.scheme == "http" and address.hostname in _LOOPBACK)


def keys_of(content: bytes) -> tuple[jwt.PyJWK, ...]:
    """The keys in a JWKS that we may verify with; others in it are nobody's fault. Raises `UnusableKeys`."""
    try:
        published = jsons.loads(content.decode())
    except (ValueError, RecursionError):
        raise UnusableKeys("it is not JSON") from None
    if not isinstance(published, dict) or not isinstance(published.get("keys"), list):
        raise UnusableKeys('it is not {"keys": […]}')
    keys = tuple(key for one in published["keys"] if (key := _usable(one)))
    if not keys:
        raise UnusableKeys(f"it has no public key for {' or '.join(_ALGORITHMS)}")
    return keys


def _usable(published: Any) -> jwt.PyJWK | None:
    if not isinstance(published, dict) or not all(
        isinstance(published.get(name, ""), str) for name in _TEXTS
    ):
        return None
    if published.get("use", "sig") != "sig" or published.get("alg", "RS256") not in _ALGORITHMS:
        return None
    operations = published.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    try:
        key = jwt.PyJWK(published)
        # A private key is no longer one when it is published.
        kind = _ALGORITHMS.get(key.algorithm_name)
        if kind is None or not isinstance(key.key, kind):
            return None
        key.Algorithm.prepare_key(key.key)
    except jwt.PyJWTError:
        return None
    is_weak = key.Algorithm.check_key_length(key.key)
    return None if is_weak or key.key.key_size > _LARGEST_BITS else key
