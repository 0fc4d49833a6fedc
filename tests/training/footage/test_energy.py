# SPDX-License-Identifier: GPL-3.0-or-later
"""Energy: the field tiles, lives on steadily, and the controls do what they say."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from training.footage.procedural.energy import ENERGY


def render(
    clips: int = 4, frames: int = 4, size: int = 64, seed: int = 1, *, intensity: float = 0.5, **controls: float
) -> Tensor:
    """RGBA clips in 0..1, (clips, frames, size, size, 4)."""
    controls["intensity"] = intensity
    values = [controls.get(control.name, control.default) for control in ENERGY.controls]
    return ENERGY.render(torch.tensor([values] * clips), frames, size, seed, "cpu").float() / 255


def test_frames_are_rgba_and_the_same_every_time() -> None:
    controls = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    clips = ENERGY.render(controls, 3, 64, 7, "cpu")
    assert clips.shape == (2, 3, 64, 64, 4)
    assert clips.dtype == torch.uint8
    assert (clips[..., :3].amax(-1).int() - clips[..., 3].int()).abs().max() <= 1
    assert torch.equal(clips, ENERGY.render(controls, 3, 64, 7, "cpu"))
    assert not torch.equal(clips, ENERGY.render(controls, 3, 64, 8, "cpu"))


@pytest.mark.parametrize("axis", [2, 3])
def test_no_seam_between_opposite_edges(axis: int) -> None:
    frames = render(clips=8)
    steps = (frames - frames.roll(1, axis)).abs().movedim(axis, 0).flatten(1).mean(1)
    assert steps[0] < 1.5 * steps[1:].mean()


def test_same_scene_at_any_resolution() -> None:
    small, large = (render(1, 1, size, 3)[0, 0, ..., 3] for size in (64, 256))
    pooled = torch.nn.functional.avg_pool2d(large[None], 4)[0]
    assert torch.corrcoef(torch.stack([small.flatten(), pooled.flatten()]))[0, 1] > 0.97


def test_filaments_are_white_hot_in_the_dark() -> None:
    frames = render(jaggedness=0.3)
    assert (frames[..., :3].amin(-1) > 0.7).float().mean() > 0.02
    assert (frames[..., 3] < 0.06).float().mean() > 0.3


def test_steady_from_the_first_frame_to_the_last() -> None:
    cover = render(clips=6, frames=48)[..., 3].mean((0, 2, 3))
    assert abs(cover[:12].mean() / cover[-12:].mean() - 1) < 0.2


def test_filaments_crawl_without_jumping() -> None:
    light = render(frames=24)[..., 3]
    light = light - light.mean((2, 3), keepdim=True)
    alike = [(light[:, lag:] * light[:, : 24 - lag]).mean() / light.square().mean() for lag in (1, 16)]
    assert 0.8 < alike[0] < 0.97
    assert alike[1] < 0.3
    change = light.diff(dim=1).abs().mean((0, 2, 3))
    assert change.max() < 1.5 * change.mean()


def test_intensity_fills_the_field() -> None:
    faint, default, dense = (render(intensity=intensity)[..., 3].mean() for intensity in (0.0, 0.5, 1.0))
    assert faint < 0.12
    assert faint + 0.15 < default < dense - 0.15


@pytest.mark.parametrize("intensity", [0.2, 0.8])
def test_jaggedness_kinks_the_filaments(intensity: float) -> None:
    def crispness(jaggedness: float) -> Tensor:
        frames = render(intensity=intensity, jaggedness=jaggedness)[..., 1]
        slopes, kinks = ((frames.diff(n, 2).abs().mean() + frames.diff(n, 3).abs().mean()) for n in (1, 2))
        return kinks / slopes

    smooth, default, jagged = (crispness(jaggedness) for jaggedness in (0.0, 0.5, 1.0))
    assert 1.1 * smooth < default < jagged / 1.1


def test_jaggedness_leaves_the_intensity() -> None:
    smooth, jagged = (render(clips=8, jaggedness=jaggedness)[..., 3].mean() for jaggedness in (0.0, 1.0))
    assert abs(smooth / jagged - 1) < 0.15


def test_hue_runs_from_cyan_to_pink() -> None:
    def colours(hue: float) -> list[float]:
        return render(1, 2, hue=hue)[..., :3].mean((0, 1, 2, 3)).tolist()

    cyan_red, cyan_green, cyan_blue = colours(0.0)
    assert cyan_red < 0.7 * cyan_green < cyan_blue
    blue_red, blue_green, blue_blue = colours(1 / 3)
    assert max(blue_red, blue_green) < 0.8 * blue_blue
    violet_red, violet_green, violet_blue = colours(2 / 3)
    assert violet_green < violet_red < violet_blue
    pink_red, pink_green, pink_blue = colours(1.0)
    assert pink_green < pink_blue < pink_red
