# SPDX-License-Identifier: GPL-3.0-or-later
"""The environments that the extension installs: where they lie, which one counts, and when one may go.

Each lies in a folder of its own below ``runtime`` in the user's folder, shared by all versions of Blender. Its record
names the lock that it was made from; the environment of an older lock serves until there is one of the present lock.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from .exclusive import in_use
from .folders import user_folder

LOCK_FILE = Path(__file__).with_name("lock.txt")
RECORD = "aigc-runtime.json"
UNUSED_SECONDS = 3600.0  # one that was looked up and not yet started is used as well
_BIN = Path("Scripts", "python.exe") if sys.platform == "win32" else Path("bin", "python")


@dataclass(frozen=True)
class Environment:
    """An installed environment: its folder, the digest of its lock, its build of torch, when it was made (s)."""

    folder: Path
    lock: str
    backend: str
    installed: float

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / _BIN

    @property
    def current(self) -> bool:
        """Whether it was made from the present lock."""
        return self.lock == lock_digest()


def runtimes_folder() -> Path:
    """The folder of all environments."""
    return user_folder() / "runtime"


def lock_digest() -> str:
    """The digest of the present lock."""
    return hashlib.sha256(LOCK_FILE.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def environment_folder(backend: str) -> Path:
    """Where an environment of the present lock goes; short, since Windows counts the characters of a path."""
    return runtimes_folder() / f"{lock_digest()[:8]}-{backend}"


def environments() -> list[Environment]:
    """All that are installed, the one that counts first: of the present lock, then the newest."""
    found = []
    for record in runtimes_folder().glob(f"*/{RECORD}"):
        if record.parent.name.startswith("."):  # not in place yet, or on its way out
            continue
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # a damaged record: no environment
            told = json.loads(record.read_text("utf-8"))
            found.append(Environment(record.parent, str(told["lock"]), str(told["backend"]), float(told["installed"])))
    return sorted(found, key=lambda e: (e.current, e.installed), reverse=True)


def managed_environment() -> Environment | None:
    """The environment that counts, or None."""
    return next(iter(environments()), None)


def write_record(folder: Path, backend: str) -> None:
    """Make a folder an environment of the present lock."""
    record = {"lock": lock_digest(), "backend": backend, "installed": time.time()}
    (folder / RECORD).write_text(json.dumps(record), "utf-8")


def discard(folder: Path) -> bool:
    """Remove a folder: out of the way under another name first, so that none is ever seen half gone.

    Gives whether it is gone; Windows keeps what runs.
    """
    aside = folder.with_name(f".old-{uuid.uuid4().hex[:8]}")
    try:
        folder.rename(aside)
    except OSError:
        return not folder.exists()
    shutil.rmtree(aside, ignore_errors=True)
    return True


def tidy() -> None:
    """Remove what nothing uses: superseded environments, and copies of the code of other versions.

    What is held by a process or was touched within the hour stays.
    """
    for environment in environments()[1:]:
        _discard_unused(environment.folder)
    for folder in (user_folder() / "code").glob("*"):
        _discard_unused(folder)
    for folder in (*runtimes_folder().glob(".old-*"), *(user_folder() / "code").glob(".old-*")):
        shutil.rmtree(folder, ignore_errors=True)  # Windows may have kept a file of it


def _discard_unused(folder: Path) -> None:
    with contextlib.suppress(OSError):  # another process tidies as well, or it is not ours
        if time.time() - folder.stat().st_mtime > UNUSED_SECONDS and not in_use(folder):
            discard(folder)
