# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy of this package that the runtime runs, and the commands that run it.

The extension's own folder must stay replaceable while a worker runs (Windows locks what is open), so
code and models are copied to a folder of the user's, named by their content.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from ..errors import RuntimeMissingError
from .find import Runtime
from .folders import user_folder
from .managed import LOCK_FILE

_PACKAGE = Path(__file__).resolve().parents[1]
_NAME = "aigc_blender"  # in Blender the package has a longer one
_BLENDERS_OWN = ("scene", "ui")


def install_code() -> Path:
    """The folder that holds the copy of the package; made if this version has none yet.

    Raises:
        RuntimeMissingError: it cannot be written.
    """
    try:
        files = {path.relative_to(_PACKAGE): path.read_bytes() for path in _files()}
        digest = hashlib.sha256()
        for name, data in files.items():
            digest.update(f"{name.as_posix()}\0{len(data)}\0".encode() + data)
        folder = user_folder() / "code" / digest.hexdigest()[:16]
        if not folder.is_dir():
            _write(files, folder)
        with contextlib.suppress(OSError):  # of another user, who keeps it
            os.utime(folder)  # used just now: see managed.tidy
    except OSError as error:
        raise RuntimeMissingError(
            f"The worker's code cannot be copied to {user_folder()} ({error.strerror or error}); "
            "free some space or mend the folder's permissions."
        ) from None
    return folder


def worker_command(runtime: Runtime, code: Path) -> list[str]:
    """The command that runs the worker."""
    return _bootstrap(runtime, code, "worker")


def cli_command(runtime: Runtime, code: Path, argv: Sequence[str]) -> list[str]:
    """The command that runs the command line with these arguments."""
    return _bootstrap(runtime, code, "cli", *argv)


def _bootstrap(runtime: Runtime, code: Path, *arguments: str) -> list[str]:
    return [str(runtime.python), "-I", str(code / _NAME / "runtime" / "bootstrap.py"), *arguments]


def _files() -> list[Path]:
    found = [*_PACKAGE.rglob("*.py"), *(_PACKAGE / "models").glob("*.safetensors"), LOCK_FILE]
    return sorted(path for path in found if path.relative_to(_PACKAGE).parts[0] not in _BLENDERS_OWN)


def _write(files: dict[Path, bytes], folder: Path) -> None:
    """Fill a folder beside the final one, then rename it: of two processes one wins, and both are right."""
    stage = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    try:
        for name, data in files.items():
            path = stage / _NAME / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        try:
            stage.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(stage, ignore_errors=True)
