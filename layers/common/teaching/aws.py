"""botocore's clients as this package uses them: one session, short waits.

What a client does (signing, retries, TLS, credentials, connections) is botocore's own throughout.
"""

import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.session import Session

_making = threading.Lock()
"""A client may be used by many threads, but a session makes one at a time."""


def create_client(
    service: str,
    *,
    read_timeout: float,
    attempts: int = 3,
    connections: int = 10,
) -> Any:
    """A client of the service; it waits 1 s to connect and `read_timeout` seconds for each part of an answer."""
    config = Config(
        connect_timeout=1,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=connections,
        # Both would be made anew for every request.
        parameter_validation=False,
        user_agent="teaching",
    )
    with _making:
        session = _session_of(botocore.session.get_session)
        return session.create_client(service, config=config)


@cache
def _session_of(get_session: Callable[[], Session]) -> Session:
    """The process's one: to make another takes as long as a client."""
    return get_session()
