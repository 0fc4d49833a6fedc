# SPDX-License-Identifier: GPL-3.0-or-later
"""Lava tiles, drifts at its own pace, and its controls do what they say."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from training.footage.procedural.lava import DRIFT, FPS, LAVA, Cells, glow
from training.footage.procedural.lookup import pixel_middles, read
from training.metrics.controls import correlation_length, drift

DEFAULTS = {control.name: control.default for control in LAVA.controls}


def render(clips: int = 4, frames: int = 4, size: int = 64, seed: int = 1, **controls: float) -> Tensor:
    values = [list({**DEFAULTS, **controls}.values())] * clips
    return LAVA.render(torch.tensor(values), frames, size, seed, "cpu")


def molten(clips: Tensor) -> Tensor:
    red, _, blue, _ = (clips.float() / 255).unbind(-1)
    return ((red > 0.6) & (red - blue > 0.3)).float()


def test_frames_are_opaque_rgba_and_the_same_every_time() -> None:
    clips = render(clips=2, frames=3, seed=7)
    assert clips.shape == (2, 3, 64, 64, 4)
    assert clips.dtype == torch.uint8
    assert (clips[..., 3] == 255).all()
    assert not torch.equal(clips[0], clips[1])
    assert torch.equal(clips, render(clips=2, frames=3, seed=7))
    assert not torch.equal(clips, render(clips=2, frames=3, seed=8))


def test_a_clip_does_not_depend_on_its_neighbours_scale() -> None:
    both = torch.tensor([[0.5, 1.0, 0.5], [0.5, 0.0, 0.5]])
    assert torch.equal(LAVA.render(both, 1, 64, 2, "cpu")[0], LAVA.render(both[[0, 0]], 1, 64, 2, "cpu")[0])


@pytest.mark.parametrize("axis", [2, 3])
def test_no_seam_between_opposite_edges(axis: int) -> None:
    frames = render(clips=8, frames=8)[:, ::7, ..., :3].float()
    steps = (frames - frames.roll(1, axis)).abs().movedim(axis, 0).flatten(1).mean(1)
    assert steps[0] <= steps[1:].max()


def test_same_scene_at_any_resolution() -> None:
    small, large = (render(clips=1, frames=1, size=size)[0, 0, ..., :3].float() for size in (64, 256))
    pooled = avg_pool2d(large.permute(2, 0, 1), 4).permute(1, 2, 0)
    assert torch.corrcoef(torch.stack([small.flatten(), pooled.flatten()]))[0, 1] > 0.97


def test_fields_are_read_between_their_samples_and_beyond_the_frame() -> None:
    field = torch.arange(4.0).expand(1, 1, 4, 4)
    x = torch.tensor([[[0.0, 0.125, 0.875, 1.25, -0.25]]])
    torch.testing.assert_close(read(field, x, x)[0, 0, 0], torch.tensor([0.0, 0.5, 1.5, 1.0, 3.0]))


def test_edges_are_continuous_and_wrap() -> None:
    across = torch.full((2, 1, 1), 4.0)
    cells = Cells(across, across + 1, torch.Generator().manual_seed(1))
    x, y = (axis.expand(2, 128, 128) for axis in pixel_middles(128, "cpu"))
    edge, _ = cells.edges(x, y, 0.7)
    assert edge.min() >= 0
    assert edge.mean() > 0.1
    for axis in (1, 2):
        assert (edge - edge.roll(1, axis)).abs().max() < 1.2 * 5 / 128
    torch.testing.assert_close(cells.edges(x + 2, y - 1, 0.7)[0], edge, atol=1e-4, rtol=0)


def test_hotter_lava_is_brighter() -> None:
    light = glow(torch.linspace(0, 1, 50).view(1, 1, -1))[0]
    assert (light.diff(dim=-1) >= 0).all()
    assert (light.sum(0).diff(dim=-1) > 0).all()


def test_clips_are_steady_and_move_within_reach_of_a_model() -> None:
    clips = render(clips=6, frames=24, flow=1.0)[..., :3].float()
    begin, end = clips[:, :6], clips[:, -6:]
    assert abs(begin.mean() / end.mean() - 1) < 0.06
    change = clips.diff(dim=1).abs().mean((0, 2, 3, 4))
    assert change.max() < 1.3 * change.min()
    assert DRIFT[1] * 64 / FPS < 3


def test_heat_melts_the_crust() -> None:
    shares = [molten(render(heat=heat)).mean() for heat in (0.0, 0.5, 1.0)]
    assert shares[0] < 0.3
    assert shares[0] + 0.2 < shares[1] < shares[2] - 0.2


def test_scale_enlarges_the_plates() -> None:
    lengths = [
        correlation_length((render(clips=8, frames=1, scale=scale)[:, 0].float() / 255).numpy())
        for scale in (0.0, 0.5, 1.0)
    ]
    assert lengths[0] * 1.15 < lengths[1] < lengths[2] / 1.15


def test_flow_speeds_the_drift() -> None:
    speeds = []
    for flow in (0.0, 0.5, 1.0):
        clips = (render(clips=3, frames=8, flow=flow).float() / 255).numpy()
        speeds.append(sum(drift(clip) for clip in clips) / len(clips) * FPS)
    assert speeds[0] * 1.8 < speeds[1] < speeds[2] / 1.8
    assert abs(speeds[2] / DRIFT[1] - 1) < 0.15
