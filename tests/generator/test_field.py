# SPDX-License-Identifier: GPL-3.0-or-later
"""The field: any cell alone, independent neighbours, normal values, frozen bits."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from aigc_blender.generator import field
from aigc_blender.generator.field import latent


def index(*values: int) -> Tensor:
    return torch.tensor([values], dtype=torch.int64)


def noise(seeds: Tensor, level: int, channels: int, knots: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Where rows and columns are the same at every knot: (N, H) and (N, W)."""
    return field.noise(seeds, level, channels, knots, rows[:, None], columns[:, None])


def span(n: int, start: int = 0) -> Tensor:
    return torch.arange(start, start + n)[None]


@given(
    seed=st.integers(0, 2**32 - 1),
    t=st.integers(-(10**6), 10**6),
    y=st.integers(-(10**6), 10**6),
    x=st.integers(-(10**6), 10**6),
)
def test_a_cell_alone_is_the_cell_in_its_window(seed: int, t: int, y: int, x: int) -> None:
    seeds = torch.tensor([seed])
    window = noise(seeds, 1, 3, span(3, t - 1), span(4, y - 2), span(5, x - 3))
    alone = noise(seeds, 1, 3, index(t), index(y), index(x))
    assert torch.equal(window[:, 1:2, 2:3, 3:4], alone)


def test_rows_and_columns_may_differ_from_knot_to_knot() -> None:
    seeds, rows, columns = torch.tensor([3]), torch.tensor([[[0, 1], [4, 5]]]), torch.tensor([[[7], [-2]]])
    moving = field.noise(seeds, 1, 2, index(8, 9), rows, columns)
    for t, (y, x) in enumerate([(span(2, 0), index(7)), (span(2, 4), index(-2))]):
        assert torch.equal(moving[:, t : t + 1], noise(seeds, 1, 2, index(8 + t), y, x))


def test_values_are_standard_normal() -> None:
    values = noise(torch.tensor([7]), 0, 8, span(16), span(64), span(64)).flatten()
    n = len(values)
    assert abs(values.mean()) < 5 / math.sqrt(n)
    assert abs(values.var() - 1) < 5 * math.sqrt(2 / n)
    assert abs((values**4).mean() - 3) < 0.1


def test_neighbours_channels_levels_and_seeds_are_uncorrelated() -> None:
    base = noise(torch.tensor([7]), 0, 4, span(8), span(64), span(64, 100))
    others = [
        noise(torch.tensor([7]), 0, 4, span(8, 1), span(64), span(64, 100)),
        noise(torch.tensor([7]), 0, 4, span(8), span(64, 1), span(64, 100)),
        noise(torch.tensor([7]), 0, 4, span(8), span(64), span(64, 101)),
        noise(torch.tensor([7]), 1, 4, span(8), span(64), span(64, 100)),
        noise(torch.tensor([8]), 0, 4, span(8), span(64), span(64, 100)),
        base.roll(1, dims=4),
        noise(torch.tensor([7]), 0, 4, span(8), span(64, 100), span(64)).transpose(2, 3),
    ]
    for other in others:
        correlation = (base * other).mean()
        assert abs(correlation) < 6 / math.sqrt(base.numel())


FROZEN = [-13756, 48083, -10736, 78959, -80814, 7698, -116509, 14701]  # in 65536ths


def test_the_bits_are_frozen() -> None:
    """A change of these changes every frame ever made: raise the generator version with it."""
    values = noise(
        torch.tensor([1, 2**32 - 1]), 0, 2, index(0, -1).expand(2, 2), index(5).expand(2, 1), index(-3).expand(2, 1)
    )
    assert [round(v * 65536) for v in values.flatten().tolist()] == FROZEN
    assert latent(torch.tensor([1]), 2).shape == (1, 2)
