"""What `make` is told: HOST, PORT, DATA_DIR and PARAMETERS."""

import os
import socket
from collections.abc import Sequence
from pathlib import Path

from local import template


class SettingsError(Exception):
    """A setting makes no sense; the message is for the person at the terminal."""


def data_dir() -> Path:
    return Path(os.environ.get("DATA_DIR") or ".data")


def host() -> str:
    """Where the server listens. At 0.0.0.0 containers (`sam local`) reach it, and so does the whole network,
    the stand-in for Secrets Manager included. DynamoDB Local listens everywhere in any case.
    """
    return os.environ.get("HOST") or "127.0.0.1"


def port() -> int:
    """Raises `SettingsError`."""
    text = os.environ.get("PORT") or "3000"
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise SettingsError(f"PORT must be 1 to 65535, not {text}")
    return int(text)


def parameters() -> dict[str, str]:
    """The template's that are not to be as they are by default. Raises `SettingsError`."""
    return named(os.environ.get("PARAMETERS", "").split())


def named(pairs: Sequence[str], source: str = "PARAMETERS") -> dict[str, str]:
    """`Name=value` by name. Raises `SettingsError`, also for a name that the template has not: `sam deploy`
    would leave it out in silence.
    """
    if wrong := [pair for pair in pairs if "=" not in pair]:
        raise SettingsError(f'{source} is not "Name=value …": {wrong[0]}')
    found = dict(pair.split("=", 1) for pair in pairs)
    if unknown := sorted(found.keys() - template.parameters().keys()):
        raise SettingsError(f"{source}: template.yaml has no {unknown[0]}")
    return found


def server_url() -> str:
    """Where the running server is reached from here: the address that HOST names, since a server that is
    asked by another name takes no records. Raises `SettingsError`.
    """
    name, number = host(), port()
    try:
        *_, (address, *_) = socket.getaddrinfo(name, number, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise SettingsError(f"HOST names no address: {name}") from None
    return url(str(address), number)


def url(address: str, port: int) -> str:
    """Where a server that listens at the address is reached from here."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"
