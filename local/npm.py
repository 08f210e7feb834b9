"""Packages from npm that are run or served here: fetched once, and held to the content that is pinned."""

import base64
import fcntl
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

from local.template import ROOT

TOOLS = ROOT / ".tools"


class NpmError(Exception):
    """A package could not be had; the message is for the person at the terminal."""


class Package(NamedTuple):
    """`integrity` is the sha512 of what npm packs, as npm writes it."""

    name: str
    version: str
    integrity: str


def fetched(package: Package) -> Path:
    """The package's folder in .tools. Raises `NpmError`."""
    home = TOOLS / f"{package.name}-{package.version}"
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            _fetch(package, home)
    return home


def _fetch(package: Package, home: Path) -> None:
    npm = shutil.which("npm")
    if not npm:
        raise NpmError(f"npm is needed once to fetch {package.name}: install Node.js")
    wanted = f"{package.name}@{package.version}"
    with tempfile.TemporaryDirectory(dir=TOOLS) as scratch:
        packed = subprocess.run(
            [npm, "pack", "--silent", wanted], cwd=scratch, capture_output=True, text=True
        )
        if packed.returncode:
            lines = packed.stderr.strip().splitlines()
            reason = lines[-1] if lines else f"exit code {packed.returncode}"
            raise NpmError(f"npm could not fetch {wanted} ({reason}); try again")
        archive = Path(scratch) / packed.stdout.split()[-1]
        digest = hashlib.sha512(archive.read_bytes()).digest()
        if package.integrity != f"sha512-{base64.b64encode(digest).decode()}":
            raise NpmError(f"what npm fetched as {wanted} is not what is pinned; look at its registry")
        with tarfile.open(archive) as content:
            content.extractall(scratch, filter="data")
        (Path(scratch) / "package").rename(home)
