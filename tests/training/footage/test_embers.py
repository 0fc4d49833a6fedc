# SPDX-License-Identifier: GPL-3.0-or-later
"""Embers: they rise from the bottom, cool and go out, and the controls do what they say."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.training.footage.flow import flow, render
from training.footage.procedural.embers import EMBERS

LEVELS = (0.0, 0.5, 1.0)


def wander(clips: Tensor) -> float:
    """How far the picture moves sideways in a frame, in pixels, whichever way: the mean over small blocks."""
    light = clips[..., :3].mean(-1)
    slope = torch.gradient((light[:, 1:] + light[:, :-1]) / 2, dim=3)[0]
    moved = (slope * (light[:, 1:] - light[:, :-1])).unflatten(2, (-1, 8)).unflatten(4, (-1, 8)).sum((3, 5))
    return (moved.abs().sum() / slope.square().sum()).item()


def test_embers_are_brighter_at_the_bottom_and_redder_higher_up() -> None:
    red, green, _, alpha = render(EMBERS, clips=16).mean((0, 1, 3)).T
    assert alpha[-8:].mean() > 4 * alpha[:8].mean() > 0
    assert (red > green).all()
    assert green[-16:].sum() / red[-16:].sum() > 1.2 * green[:16].sum() / red[:16].sum()


def test_the_air_between_is_black() -> None:
    assert render(EMBERS, density=0.0, clips=8)[..., :32, :, 0].median() < 0.05


def test_density_makes_more() -> None:
    few, some, many = (render(EMBERS, density=level)[..., 3].mean() for level in LEVELS)
    assert 1.7 * few < some < many / 1.7


def test_speed_lifts_and_leaves_the_cover_alone() -> None:
    clips = [render(EMBERS, speed=level, clips=8) for level in LEVELS]
    slow, medium, fast = (64 * flow(clip)[1].mean() for clip in clips)
    assert 0.2 < slow < medium / 1.5 < fast / 1.5**2
    assert fast < 3
    covers = [clip[..., 3].mean() for clip in clips]
    assert max(covers) < 1.4 * min(covers)


def test_turbulence_makes_paths_wander() -> None:
    calm, lively, wild = (wander(render(EMBERS, turbulence=level, clips=8)) for level in LEVELS)
    assert 1.3 * calm < lively < wild / 1.25


def test_embers_go_out_gently() -> None:
    clips = render(EMBERS, clips=16, frames=24)[..., :32, :, :]
    light = clips.amax(-1)
    hidden = light[:, 1:].unfold(2, 9, 1).unfold(3, 9, 1).amax((-2, -1))  # what is near, a frame later
    assert (light[:, :-1, 4:-4, 4:-4] - hidden).max() < 0.45
