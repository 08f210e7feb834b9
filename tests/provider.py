"""An identity provider on this machine: it publishes keys over HTTP, and its tokens are signed with them."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.signed import By, claims, sealed


@dataclass
class Provider:
    url: str = ""
    answer: bytes = b""
    status: int = 200
    trickles: bool = False
    """Whether it goes on with a byte now and then, for ever."""
    asked: list[str] = field(default_factory=list)
    """The paths of all requests so far."""

    def publish(self, *keys: Any) -> None:
        self.status, self.answer = 200, json.dumps({"keys": keys}).encode()


@contextmanager
def providing() -> Iterator[Provider]:
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked.append(self.path)
            self.send_response(provider.status)
            if 300 <= provider.status < 400:
                self.send_header("location", f"{provider.url}/elsewhere")
            self.end_headers()
            try:
                self.wfile.write(provider.answer)
                while provider.trickles:
                    self.wfile.write(b" ")
                    time.sleep(0.01)
            except OSError:
                """The client has had enough."""

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_port}/keys"
    yield provider
    server.shutdown()
    thread.join()
    server.server_close()


def public(key: Any, **more: Any) -> dict[str, Any]:
    """The public part of a key, as it is published."""
    kind = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**kind.to_jwk(key.public_key(), as_dict=True), **more}


def issued(by: By, kid: str | None, header: Any = None, **changes: Any) -> str:
    """A token that names its key."""
    named = {} if kid is None else {"kid": kid}
    return sealed({"alg": by.algorithm, **named, **(header or {})}, claims(**changes), by.key, by.algorithm)
