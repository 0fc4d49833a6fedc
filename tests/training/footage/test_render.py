# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendered footage: cached once, shrunk alike, with controls that may be left at their defaults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

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
