# SPDX-License-Identifier: GPL-3.0-or-later
"""Enlarging: smooth, in place, and without inventing values."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from aigc_blender.generator.enlarge import enlarge

MARGIN = 4


@given(factor=st.integers(2, 9), height=st.integers(1, 12), width=st.integers(1, 12))
def test_a_ramp_stays_straight_and_in_place(factor: int, height: int, width: int) -> None:
    def ramp(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        return (2 * rows[:, None] - 3 * columns)[None, ..., None]

    coarse = [torch.arange(-MARGIN, n + MARGIN) + 0.5 for n in (height, width)]
    fine = [(torch.arange(n * factor) + 0.5) / factor for n in (height, width)]
    assert torch.allclose(enlarge(ramp(*coarse), MARGIN, factor), ramp(*fine), atol=1e-4)


@given(factor=st.integers(2, 9), seed=st.integers(0, 1000))
def test_values_stay_in_range_and_neighbours_join(factor: int, seed: int) -> None:
    pixels = torch.rand(1, 20, 12, 4, generator=torch.Generator().manual_seed(seed))
    whole = enlarge(pixels, MARGIN, factor)
    assert whole.min() >= 0
    assert whole.max() <= 1 + 1e-6
    upper, lower = (enlarge(pixels[:, a : a + 14], MARGIN, factor) for a in (0, 6))
    assert torch.allclose(torch.cat([upper, lower], dim=1), whole, atol=1e-6)
