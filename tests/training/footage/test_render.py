# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendered footage: cached once, shrunk alike, with controls that may be left at their defaults."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from training.errors import FootageError
from training.footage.clips import Footage
from training.footage.procedural import ELEMENTS
from training.footage.render import render_footage

SNOW = ELEMENTS["snow"]
NAMES = [control.name for control in SNOW.controls]


def render(folder: Path, **options: object) -> tuple[Footage, list[str]]:
    told: list[str] = []
    settings = {"clips": 3, "frames": 2, "heights": [64, 32], **options}
    (footage,) = render_footage(folder, ["snow"], report=told.append, **settings)  # type: ignore[arg-type]
    return footage, told


def test_it_is_rendered_once(tmp_path: Path) -> None:
    first, told = render(tmp_path)
    again, told_again = render(tmp_path)
    assert told
    assert not told_again
    assert first.scales.keys() == {32, 64}
    for height, clips in first.scales.items():
        assert clips.shape == (3, 2, height, height, 4)
        assert np.array_equal(clips, again.scales[height])


def test_small_clips_are_the_large_ones_averaged(tmp_path: Path) -> None:
    footage, _ = render(tmp_path)
    large = footage.scales[64].astype(float)
    mean = (large[:, :, ::2, ::2] + large[:, :, 1::2, ::2] + large[:, :, ::2, 1::2] + large[:, :, 1::2, 1::2]) / 4
    assert np.abs(mean - footage.scales[32]).max() <= 0.5


def test_controls_that_are_not_varied_stay_at_their_defaults(tmp_path: Path) -> None:
    free, _ = render(tmp_path)
    before = free.scales[64].copy()
    held, told = render(tmp_path, varied={"size"})
    assert told, "other footage than before"
    for index, control in enumerate(SNOW.controls):
        if control.name == "size":
            assert np.array_equal(held.controls[:, index], free.controls[:, index])
        else:
            assert held.controls[:, index] == pytest.approx(control.default)
    assert not np.array_equal(held.scales[64], before)


def test_what_has_a_place_sideways_was_seen_as_wide_as_high(tmp_path: Path) -> None:
    names = ["torch", "snow"]
    torch, snow = render_footage(tmp_path, names, clips=1, frames=2, heights=[32])
    assert (torch.style.anchored, torch.style.aspect) == (("x", "y"), 1.0)
    assert (snow.style.anchored, snow.style.aspect) == ((), 0.0)


def test_footage_in_use_stays_as_it_is_while_other_footage_is_rendered(tmp_path: Path) -> None:
    first, _ = render(tmp_path)
    before = first.scales[64].copy()
    other, _ = render(tmp_path, seed=1)
    assert not np.array_equal(other.scales[64], before)
    assert np.array_equal(first.scales[64], before)
    _, told = render(tmp_path)
    assert not told, "both are kept"


def test_what_was_broken_off_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    whole, _ = render(tmp_path / "whole", clips=20)

    class BrokenOffError(Exception):
        pass

    def break_off(line: str) -> None:
        if line.startswith("Rendered 16"):
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        render_footage(tmp_path / "half", ["snow"], clips=20, frames=2, heights=[64, 32], report=break_off)
    (folder,) = (tmp_path / "half").iterdir()
    with (folder / "32.rgba").open("r+b") as file:  # as after a power cut: noted, but not all on the disk
        file.truncate(file.seek(0, os.SEEK_END) - 100)
    went_on, told = render(tmp_path / "half", clips=20)
    assert told[0].startswith("Rendered 16 of 20"), "from the last whole eight clips of both heights"
    for height, clips in whole.scales.items():
        assert np.array_equal(clips, went_on.scales[height])


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process")
def test_a_full_disk_is_named(tmp_path: Path) -> None:
    """A file may not become larger than 64 KiB in a process that is asked for 96."""
    code = f"""
import resource, signal
from pathlib import Path
from training.errors import FootageError
from training.footage.render import render_footage
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))
try:
    render_footage(Path({str(tmp_path)!r}), ["snow"], clips=3, frames=2, heights=[64])
except FootageError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "free some space or give another --cache" in done.stdout
    footage, _ = render(tmp_path, heights=[64])
    assert footage.scales[64].any(axis=(1, 2, 3, 4)).all(), "nothing of it is taken for whole"


def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(FootageError, match="give another --cache"):
        render(tmp_path / "file")
