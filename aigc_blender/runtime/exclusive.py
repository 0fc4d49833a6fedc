# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks between processes, which the system lifts when their holder ends, however it ends.

One process at a time installs (``locked``); any number use a folder (``hold``), which is left alone while they do
(``in_use``). Every user has a file of its own: Windows has no shared locks in the standard library.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

WAIT_SECONDS = 0.2  # between tries
USERS = ".users"
_held: list[IO[bytes]] = []  # open, and so locked, until this process ends


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a file, which is made; calls ``waiting`` whenever another process has it still.

    Raises:
        OSError: the file cannot be written, or its file system has no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        while not _take(file):
            waiting()
            time.sleep(WAIT_SECONDS)
        yield


def hold(folder: Path) -> None:
    """Mark a folder as used until this process ends.

    Raises:
        OSError: nothing can be written there, or its file system has no locks.
    """
    users = folder / USERS
    users.mkdir(exist_ok=True)
    for path in users.iterdir():  # of processes that have ended
        with contextlib.suppress(OSError):
            if not _is_taken(path):
                path.unlink()
    while True:
        file = (users / f"{os.getpid()}-{uuid.uuid4().hex[:8]}").open("ab")
        if _take(file) and os.fstat(file.fileno()).st_nlink:  # else another process swept it up just now
            _held.append(file)
            break
        file.close()
    os.utime(folder)


def in_use(folder: Path) -> bool:
    """Whether a living process holds a folder; where the file system has no locks, whether one ever did."""
    users = folder / USERS
    return users.is_dir() and any(_is_taken(path) for path in users.iterdir())


def _is_taken(path: Path) -> bool:
    try:
        with path.open("ab") as file:
            return not _take(file)
    except FileNotFoundError:
        return False
    except OSError:  # no locks here, or not ours to open: left alone
        return True


def _take(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
