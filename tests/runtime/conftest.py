# SPDX-License-Identifier: GPL-3.0-or-later
"""Every test of the runtime has a user's folder of its own."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "own folder ü"
    monkeypatch.setenv("AIGC_HOME", str(folder))
    monkeypatch.delenv("AIGC_PYTHON", raising=False)
    return folder
