# SPDX-License-Identifier: GPL-3.0-or-later
"""Files written whole or not at all, whatever happens to the process or the disk meanwhile."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = ".tmp"  # end of the names of files that are being written
RUN = ".run"  # what the folder of the run that makes a model file is called more than that file


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path``, whose folder is made; what the block writes there takes the place of ``path``.

    Where the block fails, nothing is left and ``path`` is as it was. A process that is killed leaves the
    temporary file, and the next one that writes ``path`` replaces it.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
