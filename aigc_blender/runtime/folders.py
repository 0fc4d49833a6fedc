# SPDX-License-Identifier: GPL-3.0-or-later
"""Where this user's files lie, shared by all versions of Blender."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HOME_VARIABLE = "AIGC_HOME"


def user_folder() -> Path:
    """The folder named in ``AIGC_HOME``, else ``aigc`` where the platform keeps a user's data."""
    if named := os.environ.get(HOME_VARIABLE):
        return Path(named).expanduser().absolute()  # uv runs elsewhere
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "aigc"
