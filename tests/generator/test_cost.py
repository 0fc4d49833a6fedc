# SPDX-License-Identifier: GPL-3.0-or-later
"""Arithmetic is a promise: what a pixel costs with its halo, counted and bounded."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from aigc_blender.generator.architecture import Architecture
from aigc_blender.generator.cost import block_flop, block_window, flop_per_pixel
from aigc_blender.generator.network import Generator, Placement, Wrap
from aigc_blender.generator.resampling import spline

CELLS, FRAMES = 32, 16
USUAL = Architecture(styles=2, controls=2)
FINE = replace(
    USUAL, trunk=tuple(replace(level, stride=2 * level.stride) for level in USUAL.trunk), head=(*USUAL.head, 32)
)
BUDGET = 60_000  # FLOP a pixel with halo: twice what a first design needed


def test_the_default_architecture_stays_within_its_budget() -> None:
    assert flop_per_pixel(Architecture(styles=4, controls=4), CELLS) < BUDGET


def test_a_step_more_in_the_head_makes_a_pixel_cheaper() -> None:
    """What lies before it is drawn for half as many cells along each axis."""
    assert flop_per_pixel(FINE, CELLS) < 0.6 * flop_per_pixel(USUAL, CELLS)


@pytest.mark.parametrize("architecture", [USUAL, FINE], ids=["usual", "fine"])
def test_the_count_is_what_torch_counts(architecture: Architecture) -> None:
    """Convolutions as they run, beside the formula; 1x1 layers and noise are the small rest."""
    network = Generator(architecture)
    zero = torch.zeros(1, dtype=torch.int64)
    placement = Placement(torch.zeros(1, 2), torch.full((1,), 64.0), torch.zeros(1, 2), zero)
    window = block_window(architecture, CELLS)
    w = torch.zeros(1, architecture.width)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        features = network.trunk(zero, w, window, Wrap(zero, zero, zero), placement)
        instants = [float(i) for i in range(FRAMES)]
        network.head(spline(features, window.knots, instants, architecture.trunk[-1].knot_stride), w)
    by_operator = counter.get_flop_counts()["Global"]
    convolutions = sum(count for operator, count in by_operator.items() if "convolution" in str(operator))
    assert convolutions == block_flop(architecture, CELLS, FRAMES)
    assert counter.get_total_flops() < 1.1 * convolutions
