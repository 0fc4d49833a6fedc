# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are there whole or not at all, also where a process leaves in the middle of its work."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

_half_written = threading.Lock()  # held as long as a file is
_door = threading.Lock()  # passed on the way to that one; shut by who leaves, as the other may go to a new file first


def write_whole(path: Path, mark: str, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a hidden file beside ``path``, bring it to the disk and give it that name.

    Args:
        path: The file; one that is there is replaced.
        mark: Letters of the hidden name that no other process uses.
        write: Fills the file that it is given.

    Raises:
        OSError: the disk is full or the folder cannot be written; ``path`` is as it was.
    """
    temporary = path.with_name(f".{path.name}.{mark}.tmp")
    with _door:
        pass
    with _half_written:
        try:
            write(temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def leave(code: int) -> None:
    """End this process at once, whatever its threads are at, but for the file at hand, which is finished first."""
    _door.acquire()
    _half_written.acquire()
    os._exit(code)
