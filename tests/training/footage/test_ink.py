# SPDX-License-Identifier: GPL-3.0-or-later
"""Ink in water: it hangs from the top edge, tiles in x, and the controls do what they say."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from training.footage.procedural.ink import INK


def render(clips: int = 6, frames: int = 12, size: int = 32, seed: int = 1, **controls: float) -> Tensor:
    """Clips in 0..1, each of the given control values."""
    values = [controls.get(control.name, control.default) for control in INK.controls]
    return INK.render(torch.tensor([values] * clips), frames, size, seed, "cpu").float() / 255


def test_clips_have_the_promised_form() -> None:
    controls = torch.rand(3, 3, generator=torch.Generator().manual_seed(0))
    clips = INK.render(controls, 5, 32, 7, "cpu")
    assert clips.shape == (3, 5, 32, 32, 4)
    assert clips.dtype == torch.uint8
    assert (clips[..., 3:] >= clips[..., :3]).all()
    assert torch.equal(clips, INK.render(controls, 5, 32, 7, "cpu"))
    assert not torch.equal(clips, INK.render(controls, 5, 32, 8, "cpu"))


def test_no_seam_in_x() -> None:
    clips = render(clips=12, seed=9)
    steps = (clips - clips.roll(1, 3)).abs().mean((0, 1, 2, 4))
    assert steps[0] < 1.5 * steps[1:].mean()


def test_hangs_from_the_top_and_thins_out() -> None:
    profile = render(clips=12)[..., 3].mean((0, 1, 3))
    assert profile[:4].mean() > 1.3 * profile[-8:].mean()
    assert profile[-4:].mean() > 0.02


def test_clips_begin_in_the_steady_state() -> None:
    cover = render(clips=32, frames=48, seed=4)[..., 3].mean((0, 2, 3))
    assert math.isclose(cover[:12].mean(), cover[-12:].mean(), rel_tol=0.2)


def test_same_scene_at_any_resolution() -> None:
    small, large = (render(clips=3, frames=2, size=size, turbulence=0.0)[..., 3] for size in (64, 128))
    pooled = torch.nn.functional.avg_pool2d(large.flatten(0, 1), 2)
    assert torch.corrcoef(torch.stack((small.flatten(), pooled.flatten())))[0, 1] > 0.8
    assert math.isclose(small.mean(), pooled.mean(), rel_tol=0.15)


def test_sinks_by_some_pixels_a_frame() -> None:
    alpha = render(size=64, clips=6)[..., 3]
    alike = [
        (alpha[:, 1:, 8:-8] - alpha[:, :-1, 8 - shift : 56 - shift]).square().mean().item() for shift in range(-4, 8)
    ]
    assert 1 <= alike.index(min(alike)) - 4 <= 3
    assert min(alike) < 0.3 * alpha.var()


def test_density_covers_more() -> None:
    thin, default, dense = (render(density=density)[..., 3].mean() for density in (0.0, 0.5, 1.0))
    assert 1.4 * thin < default < dense / 1.3


def test_turbulence_stirs_it() -> None:
    clips = [render(turbulence=turbulence)[..., 3] for turbulence in (0.0, 0.5, 1.0)]
    changes = [clip.diff(dim=1).abs().mean() for clip in clips]
    assert 1.15 * changes[0] < changes[1] < changes[2] / 1.15


def test_hue_leads_from_blue_over_violet_to_red() -> None:
    blue, violet, red = (render(hue=hue)[..., :3].mean((0, 1, 2, 3)) for hue in (0.0, 0.5, 1.0))
    assert blue[2] > 2 * blue[1] > 4 * blue[0]
    assert min(violet[0], violet[2]) > 2 * violet[1]
    assert red[0] > 5 * red[1:].max()
