# SPDX-License-Identifier: GPL-3.0-or-later
"""The fluid solver, and the fire and smoke made with it."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from training.footage.procedural.element import Element
from training.footage.procedural.fire import FIRE
from training.footage.procedural.fluid import Advection, Box, Confinement, Projection, flicker
from training.footage.procedural.smoke import SMOKE

BOX = Box(32, "cpu")
both = pytest.mark.parametrize("element", [FIRE, SMOKE], ids=lambda element: element.name)


def random_velocity(seed: int = 0) -> Tensor:
    return torch.randn(3, 2, BOX.rows, BOX.size, generator=torch.Generator().manual_seed(seed))


def render(
    element: Element, clips: int = 2, frames: int = 4, size: int = 32, seed: int = 1, **controls: float
) -> Tensor:
    values = [controls.get(control.name, control.default) for control in element.controls]
    return element.render(torch.tensor([values] * clips), frames, size, seed, "cpu")


def coverage(clips: Tensor) -> Tensor:
    return clips[..., 3].float() / 255


def test_projected_velocity_has_no_divergence() -> None:
    project = Projection(BOX, dt=0.02, viscosity=1e-4, drag=1.0, count=2.0)
    velocity = random_velocity()
    assert project.divergence(velocity).abs().mean() > 1
    assert project.divergence(project(velocity)).abs().max() < 1e-3


def test_projection_keeps_what_is_free_of_divergence() -> None:
    project = Projection(BOX, dt=0.02, viscosity=0.0, drag=0.0, count=2.0)
    once = project(random_velocity())
    torch.testing.assert_close(project(once), once, atol=1e-4, rtol=0)
    assert once.mean((-1, -2)).abs().max() < 1e-5


@pytest.mark.parametrize(("axis", "shift"), [(0, (0, 3)), (1, (-3, 0))])
def test_advection_moves_up_and_right_and_wraps(axis: int, shift: tuple[int, int]) -> None:
    fields = torch.rand(3, 4, BOX.rows, BOX.size, generator=torch.Generator().manual_seed(2))
    velocity = torch.zeros(3, 2, BOX.rows, BOX.size)
    velocity[:, axis] = 3 / BOX.size
    moved = Advection(BOX, dt=1.0)(fields, velocity)
    torch.testing.assert_close(moved, fields.roll(shift, (-2, -1)), atol=1e-3, rtol=0)


def test_confinement_speeds_an_eddy_up() -> None:
    x = (torch.arange(BOX.size) + 0.5)[None, :] / BOX.size - 0.5
    y = BOX.heights() - 0.5
    bell = torch.exp(-(x * x + y * y) / (2 * 0.08**2))
    velocity = torch.stack((-y * bell, x * bell))[None]
    assert (Confinement(BOX, width=0.04)(velocity) * velocity).sum() > 0


def test_flicker_is_normal_and_the_same_scene_at_any_resolution() -> None:
    memory = torch.full((8,), 3.0)
    coarse, fine = (
        flicker(memory, 400, steps, 8, 0.5, columns, torch.Generator().manual_seed(3))
        for steps, columns in ((1, 32), (2, 64))
    )
    assert abs(coarse.mean()) < 0.05
    assert abs(coarse.std() - 1) < 0.1
    torch.testing.assert_close(fine[:, ::2, ::2], coarse, atol=1e-4, rtol=0)


@both
def test_clips_have_the_promised_form(element: Element) -> None:
    clips = render(element, clips=3, frames=5)
    assert clips.shape == (3, 5, 32, 32, 4)
    assert clips.dtype == torch.uint8
    assert (clips[..., 3:] >= clips[..., :3]).all()
    assert not torch.equal(clips[0], clips[1])
    assert (clips[:, 1:] != clips[:, :-1]).any()


@both
def test_a_seed_gives_the_same_bytes(element: Element) -> None:
    assert torch.equal(render(element, seed=5), render(element, seed=5))
    assert not torch.equal(render(element, seed=5), render(element, seed=6))


@both
def test_frames_follow_each_other_without_a_leap(element: Element) -> None:
    change = render(element, frames=16).float().diff(dim=1).abs().mean((0, 2, 3, 4))
    assert change.max() < 3 * change.mean()


@both
def test_no_seam_in_x(element: Element) -> None:
    step = render(element, clips=8, frames=12, seed=9).float()
    step = (step - step.roll(1, 3)).abs().mean((0, 1, 2, 4))
    assert step[0] < 1.5 * step[1:].mean()


@both
def test_clips_begin_in_the_steady_state(element: Element) -> None:
    cover = coverage(render(element, clips=16, frames=48, seed=4)).mean((0, 2, 3))
    assert math.isclose(cover[:12].mean(), cover[-12:].mean(), rel_tol=0.15)


def test_fire_stands_on_the_bottom_and_leaves_the_top_free() -> None:
    profile = coverage(render(FIRE, clips=8, frames=12, height=1.0)).mean((0, 1, 3))
    assert profile[-1] > 0.5
    assert profile[0] < 0.05


def test_flames_grow_with_height() -> None:
    rows = torch.arange(32, 0, -1) / 32
    tops = [
        ((coverage(render(FIRE, clips=6, frames=24, height=height)) > 0.25) * rows[:, None]).amax(2).mean().item()
        for height in (0.0, 0.5, 1.0)
    ]
    assert tops[0] + 0.1 < tops[1] < tops[2] - 0.1


@both
def test_density_covers_more(element: Element) -> None:
    covers = [coverage(render(element, clips=6, frames=24, density=density)).mean() for density in (0.0, 0.5, 1.0)]
    assert covers[0] * 1.1 < covers[1] < covers[2] / 1.1


@both
def test_turbulence_breaks_the_flow_up(element: Element) -> None:
    wrinkles = []
    for turbulence in (0.0, 0.5, 1.0):
        clips = coverage(render(element, clips=6, frames=24, turbulence=turbulence))
        wrinkles.append((clips.diff(dim=2).abs().mean() / clips.mean()).item())
    assert wrinkles == sorted(wrinkles)
    assert wrinkles[2] > 1.1 * wrinkles[0]


def test_temperature_colours_fire_and_nothing_else() -> None:
    clips = [render(FIRE, temperature=temperature).float() for temperature in (0.0, 0.35, 0.65, 1.0)]
    assert all(torch.equal(coverage(clip), coverage(clips[0])) for clip in clips)
    blue = [((clip[..., 2] - clip[..., 0]).sum() / (clip[..., 2] + clip[..., 0]).sum()).item() for clip in clips]
    assert blue[0] < -0.9
    assert all(hotter > cooler + 0.1 for cooler, hotter in pairwise(blue))
    assert blue[-1] > 0.4


def test_shade_brightens_smoke_and_nothing_else() -> None:
    clips = [render(SMOKE, shade=shade).float() for shade in (0.0, 0.5, 1.0)]
    assert all(torch.equal(coverage(clip), coverage(clips[0])) for clip in clips)
    black, grey, white = (clip[..., :3].sum() / clip[..., 3].sum() / 3 for clip in clips)
    assert 3 * black < grey < white / 1.2
