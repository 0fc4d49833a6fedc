# SPDX-License-Identifier: GPL-3.0-or-later
"""Rain: streaks that follow their own paths, and controls that do what they say."""

from __future__ import annotations

import pytest
import torch

from tests.training.footage.flow import flow, grain, render
from training.footage.procedural.rain import FPS, RAIN

LEVELS = (0.0, 0.5, 1.0)


def test_density_covers_more() -> None:
    drizzle, rain, downpour = (render(RAIN, density=level)[..., 3].mean() for level in LEVELS)
    assert 2 * drizzle < rain < downpour / 2
    assert drizzle > 0.01


def test_wind_slants_the_streaks() -> None:
    slants = []
    for level in LEVELS:
        xx, xy, yy = grain(render(RAIN, wind=level))
        slants.append((0.5 * torch.atan2(2 * xy, xx - yy)).mean().item())
    assert slants == pytest.approx([0.0, 0.4, 0.7], abs=0.15)
    assert slants[0] + 0.25 < slants[1] < slants[2] - 0.15


def test_length_draws_the_streaks_out() -> None:
    lengths = []
    for level in LEVELS:
        xx, _, yy = grain(render(RAIN, length=level, wind=0.0))
        lengths.append((xx / yy).sqrt().mean())
    assert 1.3 * lengths[0] < lengths[1] < lengths[2] / 1.3


def test_length_changes_the_cover_little() -> None:
    short, long = (render(RAIN, length=level)[..., 3].mean() for level in (0.0, 1.0))
    assert short / 2 < long < 2 * short


@pytest.mark.parametrize("wind", LEVELS)
def test_rain_falls_along_its_streaks(wind: float) -> None:
    right, up = (part.mean().item() for part in flow(render(RAIN, pixels=128, wind=wind)))
    assert 1.5 < -up * FPS < 4.5
    assert right / -up == pytest.approx(torch.tensor(0.62 * wind).tan().item(), abs=0.12)


def test_drops_move_at_most_three_pixels_a_frame() -> None:
    right, up = flow(render(RAIN, wind=1.0))
    assert (64 * torch.hypot(right, up) < 3).all()


def test_near_drops_are_longer_and_brighter() -> None:
    cover = render(RAIN, density=0.0, clips=8)[..., 3]
    assert cover.max() > 0.4
    assert cover.median() < 0.02, "the air between the drops is not clear"
