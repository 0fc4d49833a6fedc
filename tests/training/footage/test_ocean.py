# SPDX-License-Identifier: GPL-3.0-or-later
"""The sea tiles, runs before the wind at a steady pace, and its controls do what they say."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from training.footage.procedural.ocean import HEADING, OCEAN, WARM_UP
from training.metrics.controls import correlation_length

DEFAULTS = {control.name: control.default for control in OCEAN.controls}


def render(clips: int = 4, frames: int = 4, size: int = 64, seed: int = 1, **controls: float) -> Tensor:
    values = [list({**DEFAULTS, **controls}.values())] * clips
    return OCEAN.render(torch.tensor(values), frames, size, seed, "cpu")


def colours(clips: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    red, green, blue, _ = (clips.float() / 255).unbind(-1)
    return red, green, blue


def test_frames_are_opaque_rgba_and_the_same_every_time() -> None:
    clips = render(clips=2, frames=3, seed=7)
    assert clips.shape == (2, 3, 64, 64, 4)
    assert clips.dtype == torch.uint8
    assert (clips[..., 3] == 255).all()
    assert not torch.equal(clips[0], clips[1])
    assert torch.equal(clips, render(clips=2, frames=3, seed=7))
    assert not torch.equal(clips, render(clips=2, frames=3, seed=8))


@pytest.mark.parametrize("axis", [2, 3])
def test_no_seam_between_opposite_edges(axis: int) -> None:
    frames = render(clips=8, frames=2, roughness=0.8)[..., :3].float()
    steps = (frames - frames.roll(1, axis)).abs().movedim(axis, 0).flatten(1).mean(1)
    assert steps[0] <= steps[1:].max()


def test_same_scene_at_any_resolution() -> None:
    small, large = (render(clips=1, frames=1, size=size, roughness=0.7)[0, 0, ..., :3].float() for size in (64, 256))
    pooled = avg_pool2d(large.permute(2, 0, 1), 4).permute(1, 2, 0)
    assert torch.corrcoef(torch.stack([small.flatten(), pooled.flatten()]))[0, 1] > 0.95


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_waves_run_before_the_wind_within_reach_of_a_model(scale: float) -> None:
    red, green, blue = colours(render(frames=2, scale=scale, glitter=0.0))
    light = torch.fft.rfft2(red + green + blue)
    cross = (light[:, 1] * light[:, 0].conj()).sum(0)
    k_x, k_y = torch.fft.rfftfreq(64), torch.fft.fftfreq(64)[:, None]  # waves a pixel
    along = math.cos(HEADING) * k_x + math.sin(HEADING) * k_y
    size = cross.abs() * (along != 0)
    forward = -cross.angle() * along.sign()
    assert ((forward > 0) * size).sum() > 0.85 * size.sum()
    pixels = forward / (2 * math.pi * torch.hypot(k_x, k_y)).clamp(min=1e-3)
    assert 0.2 < (pixels * size).sum() / size.sum() < 2.5


def test_clips_are_as_rough_and_bright_at_their_end_as_at_their_beginning() -> None:
    clips = render(clips=4, frames=WARM_UP, roughness=0.9)[..., :3].float()
    begin, end = clips[:, :8], clips[:, -8:]
    assert abs(begin.mean() / end.mean() - 1) < 0.05
    assert abs(begin.std() / end.std() - 1) < 0.05
    change = clips.diff(dim=1).abs().mean((0, 2, 3, 4))
    assert change.max() < 1.3 * change.min()


def test_roughness_raises_the_contrast_of_water_and_foam() -> None:
    contrasts, caps = [], []
    for roughness in (0.0, 0.5, 1.0):
        red, green, blue = colours(render(roughness=roughness))
        cool = red < blue  # all but the sun's glints
        contrasts.append(green[cool].std())
        caps.append((cool & (red > 0.5)).float().mean())
    assert contrasts[0] * 1.15 < contrasts[1] < contrasts[2] / 1.6
    assert caps[0] < 0.02
    assert caps[2] > 0.1


def test_scale_lengthens_the_waves() -> None:
    lengths = [
        correlation_length((render(clips=8, frames=1, scale=scale)[:, 0].float() / 255).numpy())
        for scale in (0.0, 0.5, 1.0)
    ]
    assert lengths[0] * 1.3 < lengths[1] < lengths[2] / 1.3


def test_glitter_is_the_share_of_golden_light() -> None:
    shares = []
    for glitter in (0.0, 0.5, 1.0):
        red, _, blue = colours(render(glitter=glitter))
        shares.append((red > blue + 0.03).float().mean())
    assert shares[0] < 0.005
    assert shares[0] + 0.03 < shares[1] < shares[2] / 1.3
