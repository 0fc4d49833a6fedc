# SPDX-License-Identifier: GPL-3.0-or-later
"""Plates: waves have the amplitude and direction asked for, and film keeps light linear."""

from __future__ import annotations

import math

import pytest
import torch

from training.footage.procedural.plate import film, synthesize, upper_half, wave_numbers

HIGHEST = 3
UPPER = [(int(x), int(y)) for y, x in (upper_half(*wave_numbers(HIGHEST, "cpu")) > 0).nonzero() - torch.tensor([3, 0])]


@pytest.mark.parametrize(("k_x", "k_y"), UPPER)
def test_every_wave_runs_where_its_numbers_say(k_x: int, k_y: int) -> None:
    waves = torch.zeros(1, 2 * HIGHEST + 1, HIGHEST + 1, dtype=torch.complex64)
    waves[0, k_y + HIGHEST, k_x] = torch.tensor(0.3 + 0.4j)
    x = torch.arange(16) / 16
    expected = torch.cos(2 * math.pi * (k_x * x + k_y * x[:, None]) + math.atan2(0.4, 0.3))
    torch.testing.assert_close(synthesize(waves, 16)[0], expected, rtol=0, atol=1e-5)


def test_film_averages_light_before_it_is_encoded() -> None:
    def stripes(_seconds: float, detail: int) -> torch.Tensor:
        return (torch.arange(detail) % 2).float().expand(1, 3, detail, detail) * 2

    clips = film(stripes, 2, 64, 24.0)
    assert clips.shape == (1, 2, 64, 64, 4)
    assert (clips == 255).all(), "two parts of light and none are one on average"
    halves = film(lambda seconds, detail: stripes(seconds, detail) / 2, 1, 64, 24.0)
    assert (halves[..., :3] == 188).all()
