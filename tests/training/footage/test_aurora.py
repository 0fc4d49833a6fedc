# SPDX-License-Identifier: GPL-3.0-or-later
"""Northern lights: they hang in the frame, tile in x, and the controls do what they say."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from training.footage.procedural.aurora import AURORA
from training.footage.procedural.gradient import gradient

ENDS = (0.0, 0.5, 1.0)


def render(clips: int = 4, frames: int = 4, size: int = 64, seed: int = 1, **controls: float) -> Tensor:
    """RGBA in 0..1, (B, F, H, W, 4)."""
    values = [controls.get(control.name, control.default) for control in AURORA.controls]
    return AURORA.render(torch.tensor([values] * clips), frames, size, seed, "cpu").float() / 255


def grain(clips: Tensor) -> float:
    """Mean change from column to column, in standard deviations."""
    light = clips[..., :3].mean(-1)
    return (light.diff(dim=3).abs().mean() / light.std()).item()


def test_clips_have_the_promised_form_and_are_the_same_every_time() -> None:
    controls = torch.tensor([[0.0, 1.0, 0.2], [1.0, 0.0, 0.9]])
    clips = AURORA.render(controls, 3, 32, 7, "cpu")
    assert clips.shape == (2, 3, 32, 32, 4)
    assert clips.dtype == torch.uint8
    assert torch.equal(clips, AURORA.render(controls, 3, 32, 7, "cpu"))
    assert not torch.equal(clips, AURORA.render(controls, 3, 32, 8, "cpu"))


def test_a_clip_does_not_depend_on_its_length() -> None:
    assert torch.equal(render(frames=2), render(frames=4)[:, :2])


def test_curtains_hang_in_the_frame() -> None:
    profile = render(clips=8, frames=6, intensity=1.0)[..., 3].mean((0, 1, 3))
    assert profile[-6:].max() < 0.01, "light below the hems"
    assert profile[0] < 0.01, "the top edge cuts the rays"
    brightest = 1 - int(profile.argmax()) / len(profile)
    assert 0.25 < brightest < 0.5
    assert profile[52] < 0.2 * profile.max() < profile[16], "the hem is not the sharper end"


def test_no_seam_in_x() -> None:
    clips = render(clips=8, frames=8)
    steps = (clips - clips.roll(1, 3)).abs().mean((0, 1, 2, 4))
    assert steps[0] < 1.5 * steps[1:].mean()


def test_same_scene_at_any_resolution() -> None:
    small, large = (render(clips=2, frames=2, size=size)[..., :3].movedim(-1, 2).flatten(0, 1) for size in (64, 256))
    pooled = torch.nn.functional.avg_pool2d(large, 4)
    assert torch.corrcoef(torch.stack((small.flatten(), pooled.flatten())))[0, 1] > 0.98


def test_clips_begin_in_the_steady_state() -> None:
    cover = render(clips=16, frames=40, size=32)[..., 3].mean((0, 2, 3))
    assert math.isclose(cover[:10].mean(), cover[-10:].mean(), rel_tol=0.1)


def test_light_moves_about_a_pixel_a_frame() -> None:
    light = render(clips=6, frames=8)[..., :3].mean(-1)
    slope = torch.stack((light.diff(dim=2)[..., 1:], light.diff(dim=3)[:, :, 1:])).square().sum(0).mean().sqrt()
    change = light.diff(dim=1).square().mean((0, 2, 3)).sqrt() / slope
    assert (change > 0.2).all()
    assert (change < 2.0).all()


def test_intensity_brightens() -> None:
    faint, default, bright = (render(frames=2, intensity=intensity)[..., 3].mean() for intensity in ENDS)
    assert 2 * faint < default < bright / 1.5


def test_hue_turns_green_to_violet() -> None:
    clips = [render(frames=2, hue=hue) for hue in ENDS]
    colours = [clip[..., :3].sum((0, 1, 2, 3)) for clip in clips]
    green, middle, violet = (colour / colour.sum() for colour in colours)
    assert green.argmax() == 1
    assert violet.argmax() == 2
    assert green[2] + 0.1 < middle[2] < violet[2] - 0.03
    assert violet[1] + 0.1 < middle[1] < green[1] - 0.1
    assert torch.equal(clips[0][..., 3], clips[2][..., 3])


def test_rays_sharpen_and_leave_the_brightness() -> None:
    clips = [render(clips=6, frames=2, rays=rays) for rays in ENDS]
    soft, default, sharp = map(grain, clips)
    assert 1.4 * soft < default < sharp / 1.4
    assert math.isclose(clips[0][..., 3].mean(), clips[2][..., 3].mean(), rel_tol=0.15)


def test_gradient_passes_through_its_stops() -> None:
    stops = ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    colours = gradient(stops, torch.tensor([[-1.0, 0.0], [0.25, 0.5], [1.0, 2.0]]))
    assert colours.shape == (3, 3, 2)
    expected = torch.tensor([(0.0, 1.0, 0.0)] * 2 + [(0.5, 0.5, 0.0), (1.0, 0.0, 0.0)] + [(0.0, 0.0, 1.0)] * 2)
    torch.testing.assert_close(colours.movedim(1, -1).flatten(0, 1), expected)
