# SPDX-License-Identifier: GPL-3.0-or-later
"""Nebulae: the frame tiles, the gas turns over slowly, and the controls do what they say."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from training.footage.procedural.nebula import NEBULA

ENDS = (0.0, 0.5, 1.0)


def render(clips: int = 4, frames: int = 2, size: int = 64, seed: int = 1, **controls: float) -> Tensor:
    """RGB in 0..1, (B, F, H, W, 3)."""
    values = [controls.get(control.name, control.default) for control in NEBULA.controls]
    return NEBULA.render(torch.tensor([values] * clips), frames, size, seed, "cpu")[..., :3].float() / 255


def slope(clips: Tensor) -> Tensor:
    """Root mean square of the picture's gradient, a pixel."""
    light = clips.mean(-1)
    return torch.stack((light.diff(dim=2)[..., 1:], light.diff(dim=3)[:, :, 1:])).square().sum(0).mean().sqrt()


def test_frames_are_opaque_rgba_and_the_same_every_time() -> None:
    controls = torch.tensor([[0.0, 1.0, 0.2], [1.0, 0.0, 0.9]])
    clips = NEBULA.render(controls, 2, 32, 7, "cpu")
    assert clips.shape == (2, 2, 32, 32, 4)
    assert clips.dtype == torch.uint8
    assert (clips[..., 3] == 255).all()
    assert torch.equal(clips, NEBULA.render(controls, 2, 32, 7, "cpu"))
    assert not torch.equal(clips, NEBULA.render(controls, 2, 32, 8, "cpu"))


@pytest.mark.parametrize("axis", [2, 3])
def test_no_seam_between_opposite_edges(axis: int) -> None:
    clips = render(clips=8)
    steps = (clips - clips.roll(1, axis)).abs().movedim(axis, 0).flatten(1).mean(1)
    assert steps[0] < 1.3 * steps[1:].mean()


def test_same_scene_at_any_resolution() -> None:
    small, large = (render(clips=2, size=size).movedim(-1, 2).flatten(0, 1) for size in (64, 256))
    pooled = torch.nn.functional.avg_pool2d(large, 4)
    assert torch.corrcoef(torch.stack((small.flatten(), pooled.flatten())))[0, 1] > 0.98


def test_clips_begin_in_the_steady_state() -> None:
    light = render(clips=10, frames=16, size=32).mean((0, 2, 3, 4))
    assert math.isclose(light[:4].mean(), light[-4:].mean(), rel_tol=0.1)


def test_gas_moves_less_than_a_pixel_a_frame() -> None:
    clips = render(frames=6)
    change = clips.mean(-1).diff(dim=1).square().mean((0, 2, 3)).sqrt() / slope(clips)
    assert (change > 0.1).all()
    assert (change < 1.0).all()


def test_dust_and_space_stay_dark_and_cores_shine() -> None:
    brightness = render(clips=8).amax(-1)
    assert (brightness < 0.1).float().mean() > 0.1
    assert (brightness > 0.7).float().mean() > 0.03


def test_density_fills_space() -> None:
    sparse, default, dense = ((render(density=density).amax(-1) > 0.25).float().mean() for density in ENDS)
    assert sparse + 0.2 < default < dense - 0.2


def test_hue_turns_pink_to_blue() -> None:
    colours = [render(hue=hue).sum((0, 1, 2, 3)) for hue in ENDS]
    pink, middle, blue = (colour / colour.sum() for colour in colours)
    assert pink.argmax() == 0
    assert blue.argmax() == 2
    assert pink[2] + 0.1 < middle[2] < blue[2] - 0.05
    assert blue[0] + 0.1 < middle[0] < pink[0] - 0.1


def test_detail_draws_filaments_and_leaves_the_brightness() -> None:
    clips = [render(clips=6, detail=detail) for detail in ENDS]
    smooth, default, filamentary = (slope(clip) / clip.std() for clip in clips)
    assert 1.2 * smooth < default < filamentary / 1.1
    assert math.isclose(clips[0].mean(), clips[2].mean(), rel_tol=0.2)
