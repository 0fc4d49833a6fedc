# SPDX-License-Identifier: GPL-3.0-or-later
"""Particles: how they are gathered, carried and drawn, and what rain, snow and embers have in common."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from tests.training.footage.flow import render
from training.footage.procedural.element import Element
from training.footage.procedural.embers import EMBERS
from training.footage.procedural.particles import Crowd, Eddies, Sprites
from training.footage.procedural.rain import RAIN
from training.footage.procedural.snow import SNOW

every = pytest.mark.parametrize("element", [RAIN, SNOW, EMBERS], ids=lambda element: element.name)


def spot(x: float, y: float, angle: float, size: int, endless: bool = True) -> Tensor:
    """A canvas (size, size) with one drawn-out sprite."""
    canvas = torch.zeros(1, size, size, 1)
    clip, ink = torch.zeros(1, dtype=torch.long), torch.ones(1, 1)
    x_, y_, angle_, ahead, behind, across = torch.tensor([[x], [y], [angle], [0.05], [0.12], [0.03]])
    Sprites(clip, x_, y_, angle_, ahead, behind, across, ink).draw(canvas, endless)
    return canvas[0, :, :, 0]


def centre(canvas: Tensor) -> tuple[float, float]:
    """Where the light of a canvas is on average: to the right and upwards, in canvas heights."""
    line = (torch.arange(len(canvas)) + 0.5) / len(canvas)
    total = canvas.sum()
    return ((canvas.sum(0) * line).sum() / total).item(), 1 - ((canvas.sum(1) * line).sum() / total).item()


@pytest.mark.parametrize("size", [16, 64])
@pytest.mark.parametrize("angle", [0.0, 0.7, -math.pi / 2])
def test_a_sprite_gives_the_same_light_wherever_it_is(size: int, angle: float) -> None:
    light = 2 * math.pi * 0.03 * (0.05 + 0.12) / 2
    for x, y in ((0.5, 0.5), (0.013, 0.98), (-3.21, 7.6)):
        assert spot(x, y, angle, size).sum().item() / size**2 == pytest.approx(light, rel=0.02)


def test_a_sprite_trails_behind_its_heading() -> None:
    right, up = centre(spot(0.5, 0.5, -math.pi / 2, 64))
    assert right == pytest.approx(0.5, abs=1e-3)
    assert 0.53 < up < 0.6


def test_a_sprite_wraps_over_edges_unless_anchored() -> None:
    whole, wrapped = spot(0.5, 0.5, 0.6, 32), spot(0.0, 0.0, 0.6, 32)
    torch.testing.assert_close(wrapped, whole.roll((16, -16), (0, 1)), atol=1e-6, rtol=0)
    cut = spot(0.0, 0.0, 0.6, 32, endless=False)
    assert cut[:8].sum() == 0
    torch.testing.assert_close(cut[16:], wrapped[16:])


def test_a_crowd_grows_by_newcomers() -> None:
    few, many = (
        Crowd.gather(torch.tensor([number, 0.0]), 8, 3, torch.Generator().manual_seed(2)) for number in (2.5, 5.0)
    )
    assert few.presence.tolist() == [1.0, 1.0, 0.5]
    assert many.presence.tolist() == [1.0] * 5
    assert torch.equal(many.chance[:3], few.chance)
    assert (many.clip == 0).all()


def test_eddies_swirl_without_gathering() -> None:
    side = 32
    y, x = (axis.flatten() / side for axis in torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij"))
    eddies = Eddies(64, 8, 3, torch.Generator().manual_seed(3), "cpu")
    moved = [torch.stack(eddies(torch.full((side**2,), clip), x, y, 1.7)).view(2, side, side) for clip in range(64)]
    right, up = torch.stack(moved, dim=1)
    assert (right.std() + up.std()).item() == pytest.approx(2, rel=0.1)
    slope = right.roll(-1, 2) - right.roll(1, 2) + up.roll(-1, 1) - up.roll(1, 1)
    assert slope.abs().mean() < 0.1 * (right.roll(-1, 1) - right.roll(1, 1)).abs().mean()


@every
def test_clips_have_the_promised_form(element: Element) -> None:
    controls = torch.rand(3, 3, generator=torch.Generator().manual_seed(4))
    clips = element.render(controls, 5, 32, 7, "cpu")
    assert clips.shape == (3, 5, 32, 32, 4)
    assert clips.dtype == torch.uint8
    assert not torch.equal(clips[0], clips[1])
    assert torch.equal(clips, element.render(controls, 5, 32, 7, "cpu"))
    assert not torch.equal(clips, element.render(controls, 5, 32, 8, "cpu"))
    light, alpha = clips[..., :3], clips[..., 3:]
    assert (light > alpha).any() if element.emissive else (light <= alpha).all()


@every
def test_same_scene_at_any_resolution(element: Element) -> None:
    small, large = (render(element, clips=1, frames=3, pixels=pixels)[0, 2].permute(2, 0, 1) for pixels in (64, 256))
    alike = torch.corrcoef(torch.stack((small.flatten(), avg_pool2d(large, 4).flatten())))[0, 1]
    assert alike > 0.97


@pytest.mark.parametrize(("element", "axis"), [(RAIN, 2), (RAIN, 3), (SNOW, 2), (SNOW, 3), (EMBERS, 3)])
def test_no_seam_on_a_periodic_axis(element: Element, axis: int) -> None:
    clips = render(element, clips=8, frames=6, pixels=32)
    steps = (clips - clips.roll(1, axis)).abs().movedim(axis, 0).flatten(1).mean(1)
    assert steps[0] < 1.3 * steps[1:].mean()


@every
def test_clips_are_steady(element: Element) -> None:
    cover = render(element, clips=24, frames=40, pixels=16, seed=5)[..., 3].mean((0, 2, 3))
    assert cover[:8].mean().item() == pytest.approx(cover[-8:].mean().item(), rel=0.12)
    assert (cover.diff().abs() < 0.05 * cover.mean()).all()
