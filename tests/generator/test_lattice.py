# SPDX-License-Identifier: GPL-3.0-or-later
"""Window arithmetic and the layers that it describes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aigc_blender.generator.lattice import Window, after_upsampling, before_upsampling
from aigc_blender.generator.resampling import knot_span, spline, upsample

starts = st.integers(-100, 100)


@given(start=starts, size=st.integers(1, 50))
def test_upsampling_reads_enough_and_no_more(start: int, size: int) -> None:
    wanted = (start, start + size)
    a, b = before_upsampling(wanted)
    low, high = after_upsampling((a, b))
    assert low <= wanted[0]
    assert high >= wanted[1]
    assert after_upsampling((a + 1, b))[0] > wanted[0]
    assert after_upsampling((a, b - 1))[1] < wanted[1]


@given(t=starts, y=starts, x=starts)
def test_upsampling_keeps_a_ramp_straight_and_in_place(t: int, y: int, x: int) -> None:
    """A field that is linear in space and time stays the same function of the centred positions."""
    wanted = Window((t, t + 5), (y, y + 4), (x, x + 6))
    given_window = wanted.before_upsampling()

    def ramp(window: Window, stride: int) -> torch.Tensor:
        t, y, x = (
            (torch.arange(*span, dtype=torch.float64) + 0.5) * stride
            for span in (window.knots, window.rows, window.columns)
        )
        return (3 * t[:, None, None] + 5 * y[None, :, None] - 2 * x)[None, ..., None]

    assert torch.allclose(upsample(ramp(given_window, 2), given_window, wanted), ramp(wanted, 1))


@given(instants=st.lists(st.floats(-50, 50), min_size=1, max_size=5))
def test_the_spline_reads_its_span_and_reproduces_a_ramp(instants: list[float]) -> None:
    knots = knot_span(instants, 2)
    x = ((torch.arange(*knots, dtype=torch.float64) + 0.5) * 2)[None, :, None, None, None]
    assert spline(x, knots, instants, 2).flatten().tolist() == pytest.approx(instants, abs=1e-9)


def test_the_spline_is_smooth_across_knots() -> None:
    """Value, first and second difference are continuous where one segment ends and the next begins."""
    knots = (-2, 8)
    x = torch.randn(1, 10, 1, 1, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    step = 1e-3
    for corner in (3.0, 5.0, 7.0):  # knots stand at odd model times
        values = spline(x, knots, [corner + i * step for i in (-2, -1, 0, 1, 2)], 2).flatten()
        curvature = (values[2:] - 2 * values[1:-1] + values[:-2]) / step**2
        assert (curvature - curvature.mean()).abs().max() < 0.05
