# SPDX-License-Identifier: GPL-3.0-or-later
"""Where this user's files lie, shared by all versions of Blender."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..errors import RuntimeMissingError

HOME_VARIABLE = "AIGC_HOME"


def user_folder() -> Path:
    """The folder named in ``AIGC_HOME``, else ``aigc`` where the platform keeps a user's data; absolute, as uv runs elsewhere.

    Raises:
        RuntimeMissingError: no folder was named, and the user has no home.
    """
    try:
        if named := os.environ.get(HOME_VARIABLE):
            return Path(named).expanduser().absolute()
        if sys.platform == "win32":
            base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            base = Path.home() / "Library" / "Application Support"
        else:
            base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    except RuntimeError:
        raise RuntimeMissingError(f"This user has no home folder; name a folder in {HOME_VARIABLE}.") from None
    return base.absolute() / "aigc"


def user_folders(name: str) -> list[Path]:
    """The user's own folder of that name, to be searched; none where the user has no home."""
    try:
        return [user_folder() / name]
    except RuntimeMissingError:
        return []
