# SPDX-License-Identifier: GPL-3.0-or-later
"""Two processes that want the same: one has it, the other is told or waits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from training.errors import TrainingError
from training.lock import locked

ROOT = Path(__file__).parents[2]
READS = """
import sys
from pathlib import Path
from training.footage.read import read_footage
material = read_footage([Path(sys.argv[1])], Path(sys.argv[2]), style="noise", size=32, frames=10)
print(material.footage[0].scales[32].shape)
"""


def test_a_lock_refuses_while_it_is_held_and_not_after(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"), pytest.raises(TrainingError, match="taken"), locked(tmp_path / "lock", "taken"):
        pass
    with locked(tmp_path / "lock", "taken"):
        pass


@pytest.mark.slow
def test_runs_that_read_the_same_footage_at_once_share_it(tmp_path: Path) -> None:
    film = np.random.default_rng(0).integers(0, 256, (60, 36, 48, 3)).astype(np.uint8)
    path = tmp_path / "noise.mkv"
    iio.imwrite(path, film, plugin="pyav", codec="ffv1", fps=24, in_pixel_format="rgb24", out_pixel_format="bgr0")
    command = [sys.executable, "-c", READS, str(path), str(tmp_path / "cache")]
    children = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    lasts = {child.communicate()[0].splitlines()[-1] for child in children}
    assert len(lasts) == 1
    assert [child.returncode for child in children] == [0, 0, 0]
    assert sorted(p.suffix for p in (tmp_path / "cache").iterdir()) == ["", ".lock"]
