# SPDX-License-Identifier: GPL-3.0-or-later
"""A lock between processes that the system lifts when its holder ends, however it ends."""

from __future__ import annotations

import contextlib
import errno
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from .errors import TrainingError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)  # file systems: nobody is refused there
WAIT = 0.2  # seconds between tries


@contextlib.contextmanager
def locked(path: Path, refusal: str | None = None) -> Iterator[None]:
    """Hold the lock of the file ``path``, which is made, in a folder that is there, and stays; without ``refusal``, wait for it.

    Raises:
        TrainingError: with the words of ``refusal``, another process holds it.
        OSError: the file cannot be written.
    """
    with path.open("ab") as file:
        while True:
            try:
                if sys.platform == "win32":
                    file.seek(0)
                    msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
                else:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                if refusal is not None:
                    raise TrainingError(refusal) from None
                time.sleep(WAIT)
                continue
            except OSError as error:
                if error.errno not in WITHOUT_LOCKS:
                    raise
            break
        yield
