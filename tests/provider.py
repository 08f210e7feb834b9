"""An identity provider on this machine: it publishes keys over HTTP, and its tokens are signed with them."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.signed import By, claims, curve_key, sealed


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
def providing(certificate: Path | None = None) -> Iterator[Provider]:
    """With a certificate, over TLS."""
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
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    provider.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}/keys"
    yield provider
    server.shutdown()
    thread.join()
    server.server_close()


def self_signed(folder: Path) -> Path:
    """A file with a certificate of 127.0.0.1, and its key."""
    key, now = curve_key(), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
        )
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / "certificate.pem"
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


def public(key: Any, **more: Any) -> dict[str, Any]:
    """The public part of a key, as it is published."""
    kind = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**kind.to_jwk(key.public_key(), as_dict=True), **more}


def issued(by: By, kid: str | None, header: Any = None, **changes: Any) -> str:
    """A token that names its key."""
    named = {} if kid is None else {"kid": kid}
    return sealed({"alg": by.algorithm, **named, **(header or {})}, claims(**changes), by.key, by.algorithm)
