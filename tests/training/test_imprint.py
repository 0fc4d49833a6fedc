# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lattice leaves in pictures is seen, told from what is only there, and unlearnt."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.training.test_trainer import CONFIG, trainer
from training.imprint import Grid, Imprint, imprint, swings

CELL, KNOT = 32, 16
GRID = Grid(CELL, KNOT)
WAVES = GRID.waves()
TIMES = [3.0, 4.0, 5.0]
FREE = torch.ones(1, 2, dtype=torch.bool)


def clip(strength: torch.Tensor | float, corner: int, width: int = 64, shift: float = 0.0) -> torch.Tensor:
    """Noise whose brightness swings once a cell along x, from pixel ``corner`` of the lattice on."""
    places = corner + torch.arange(width) + 0.5
    light = 0.4 * (1 + strength * torch.cos(2 * math.pi * (places / CELL - shift)))
    noise = 0.02 * torch.rand(3, 48, width) - 0.01
    return ((light + noise) * 2 - 1)[None, ..., None].expand(1, 3, 48, width, 4)


def seen(own: Imprint, count: int, strength: float, *, fixed: bool = True, width: int = 64) -> torch.Tensor:
    """The strengths of ``count`` clips of style 0, whose swing stands in the lattice or anywhere."""
    torch.manual_seed(0)
    for _ in range(count):
        corner = int(torch.randint(CELL, ()))
        shift = 0.0 if fixed else float(torch.rand(()))
        seen = swings(clip(strength, corner, width, shift), (7, corner), TIMES, GRID, FREE)
        own.take(seen, torch.zeros(1, dtype=torch.int64))
    return own.strengths()[0]


@pytest.mark.parametrize("width", [64, 77])
def test_a_swing_that_stands_in_the_lattice_is_measured(width: int) -> None:
    """In the statistic, along the axis, with the strength and the wave that it has, wherever crops begin and end."""
    strengths = seen(Imprint(2, GRID, torch.device("cpu")), 200, 0.3, width=width)
    along_x, along_y, in_time = strengths[:, 0]
    assert along_x[WAVES.index(1)] == pytest.approx(0.3, abs=0.02)
    others = torch.cat([along_x[1:], along_y, in_time])
    assert others.abs().max() < 0.02
    change = strengths[0, 1]  # the slope is steep midway up and down, twice a cell
    assert change.abs()[WAVES.index(2)] == change.abs().max()
    assert change.abs().max() > 0.1


def test_steps_within_and_between_pairs_of_pixels_are_told_apart() -> None:
    """As they are drawn two by two: within a pair a step is 0.9 of the mean, between two pairs 1.1."""
    steps = torch.where(torch.arange(64) % 2 == 0, 0.09, 0.11) * torch.tensor([1.0, -1.0]).repeat_interleave(2).repeat(
        16
    )
    picture = (steps.cumsum(0) - 0.5)[None, None, None, :, None].expand(1, 3, 48, 64, 4)
    own, style = Imprint(1, GRID, torch.device("cpu")), torch.zeros(1, dtype=torch.int64)
    own.take(swings(picture, (0, 0), TIMES, GRID, FREE), style)
    along_x = own.strengths()[0, 0, 1]
    assert along_x[len(WAVES) - 1].abs() < 0.01
    assert along_x[-1].abs() == pytest.approx(0.1, abs=0.01)  # the amplitude, with no second wave beside it


@pytest.mark.parametrize("stride", [1.0, 2.0])
def test_motion_that_swells_with_the_knots_is_measured(stride: float) -> None:
    """A quarter of a knot is a swing; what swells at any time is none."""
    torch.manual_seed(0)
    instants = [[phase + stride * i for i in range(6)] for phase in (torch.rand(300) * KNOT).tolist()]

    def wave_of_motion(*, fixed: bool) -> torch.Tensor:
        own, style = Imprint(1, GRID, torch.device("cpu")), torch.zeros(1, dtype=torch.int64)
        for times in instants:
            turns = torch.tensor(times) / KNOT * 4 + (0.0 if fixed else float(torch.rand(())))
            at = torch.tensor(times) + 0.3 * KNOT / (4 * 2 * math.pi) * torch.sin(2 * math.pi * turns)
            # Stripes that pass by, on the whole a hundredth of their way a frame.
            light = 0.3 * torch.sin(2 * math.pi * (torch.arange(64) / 16 - at[:, None] / 100))
            own.take(swings(light[None, :, None, :, None].expand(1, 6, 8, 64, 4), (0, 0), times, GRID, FREE), style)
        return own.strengths()[0, 2, 3]

    at_knots, anywhere = wave_of_motion(fixed=True), wave_of_motion(fixed=False)
    assert at_knots.abs().argmax() == WAVES.index(4)
    expected = 0.3 * math.sin(math.pi * stride / 4) / (math.pi * stride / 4)  # a step is a mean over its time
    assert at_knots[WAVES.index(4)] == pytest.approx(expected, rel=0.25)
    assert anywhere.abs().max() < 0.05


def test_another_lattice_has_other_waves_and_its_imprint_is_no_help() -> None:
    own, fine = Imprint(1, GRID, torch.device("cpu")), Imprint(1, Grid(64, KNOT), torch.device("cpu"))
    seen(own, 5, 0.3)
    fine.load(own.of.tolist())
    assert fine.of.abs().max() == 0
    twin = Imprint(1, GRID, torch.device("cpu"))
    twin.load(own.of.tolist())
    assert torch.equal(twin.of, own.of)


def test_what_stands_anywhere_is_no_imprint() -> None:
    strengths = seen(Imprint(2, GRID, torch.device("cpu")), 400, 0.3, fixed=False)
    assert strengths.abs().max() < 0.05


def test_anchored_axes_and_empty_pictures_have_none() -> None:
    own, style = Imprint(1, GRID, torch.device("cpu")), torch.zeros(1, dtype=torch.int64)
    seen = swings(clip(0.3, 0), (0, 0), TIMES, GRID, torch.tensor([[False, True]]))
    own.take(seen, style)
    assert own.strengths()[0, 0].abs().max() == 0
    black = swings(-torch.ones(1, 3, 48, 64, 4), (0, 0), TIMES, GRID, FREE)
    own.take(black, style)
    assert torch.isfinite(own.loss(black, style))


def test_descent_takes_out_the_imprint_and_nothing_else() -> None:
    """A generator that may choose how much stands in its lattice, and how much stands anywhere, gives up the first."""
    torch.manual_seed(0)
    own, style = Imprint(1, GRID, torch.device("cpu")), torch.zeros(8, dtype=torch.int64)
    fixed, loose = torch.tensor(0.4, requires_grad=True), torch.tensor(0.4, requires_grad=True)
    optimiser = torch.optim.SGD([fixed, loose], lr=0.1)
    for _ in range(100):
        corner, shifts = int(torch.randint(CELL, ())), torch.rand(8).tolist()
        picture = torch.cat([(clip(fixed, corner) + clip(loose, corner, shift=shift)) / 2 for shift in shifts])
        seen = swings(picture, (0, corner), TIMES, GRID, FREE)
        loss = own.loss(seen, style)
        own.take(seen, style)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert abs(fixed.item()) < 0.1
    assert loose.item() == pytest.approx(0.4, abs=0.1)


def test_styles_have_imprints_of_their_own() -> None:
    own = Imprint(2, GRID, torch.device("cpu"))
    seen(own, 50, 0.3)
    assert own.strengths()[1].abs().max() == 0
    assert own.loss(swings(clip(0.3, 0), (0, 0), TIMES, GRID, FREE), torch.ones(1, dtype=torch.int64)) == 0


def test_a_run_knows_its_imprints_and_goes_on_with_them() -> None:
    config = replace(CONFIG, imprint=1.0)
    run, other, without = trainer(config), trainer(config), trainer()
    losses = [run.step() for _ in range(3)]
    assert all(math.isfinite(step["imprint"]) for step in losses)
    assert run.imprint.of[:, 0].sum() == pytest.approx(3 * CONFIG.batch, rel=0.1)
    other.load_state(copy.deepcopy(run.state()))
    assert other.step() == run.step()
    for _ in range(3):
        assert "imprint" not in without.step()
    assert not torch.equal(run.generator.control, without.generator.control)


def test_a_lattice_that_moves_leaves_none_along_its_way() -> None:
    """``bands`` is anchored upwards; ``flat`` is free both ways, and its lattice rises."""
    run = trainer(replace(CONFIG, imprint=1.0, drift=((0.0, 0.0), (0.0, 0.0625))))
    run.generator.architecture = replace(run.generator.architecture, drift=run.config.drift)
    for _ in range(4):
        run.step()
    means = run.imprint.of[:, 1:].unflatten(1, (3, -1))
    assert means[0, 0].abs().max() > 0
    assert means[0, 1].abs().max() == 0
    assert means[1, 0].abs().max() > 0
    assert means[1, 1].abs().max() == 0


def test_the_imprint_of_clips_is_what_they_have_in_common() -> None:
    torch.manual_seed(0)

    def drawn(strength: float, *, fixed: bool) -> NDArray[np.uint8]:
        shifts = [0.2 if fixed else i / 8 for i in range(8)]
        clips = torch.cat([clip(strength, 0, shift=shift) for shift in shifts])
        return ((clips + 1) * 127.5).round().numpy().astype(np.uint8)

    assert (
        0.1 < imprint(drawn(0.1, fixed=True), TIMES, GRID, ("y",)) < 0.3
    )  # the change from column to column swings more
    assert imprint(drawn(0.0, fixed=True), TIMES, GRID, ()) < 0.02
    loose = drawn(0.3, fixed=False)  # a whole turn of shifts: none in common
    assert imprint(loose, TIMES, GRID, ()) < 0.5 * imprint(drawn(0.3, fixed=True), TIMES, GRID, ())
    assert imprint(drawn(0.3, fixed=True), TIMES, GRID, ("x",)) < 0.02
    assert imprint(drawn(0.3, fixed=True), TIMES, GRID, ("x", "y")) < 0.02  # time is left
