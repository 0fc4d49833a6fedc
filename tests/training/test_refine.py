# SPDX-License-Identifier: GPL-3.0-or-later
"""A network that draws at twice the size begins with what it knew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from aigc_blender.generator.architecture import MOST_STEPS
from aigc_blender.generator.checkpoint import Model, load_model
from aigc_blender.generator.network import Generator
from aigc_blender.generator.sampler import Sampler
from aigc_blender.recipe import Recipe
from tests.models import TINY, tiny_model
from training.refine import refined

DRIFT = ((-0.03, 0.0625), (0.03125, -0.0625))


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return load_model(tiny_model(tmp_path, architecture=replace(TINY, drift=DRIFT)))


def film(model: Model, network: Generator, height: int, seed: int, control: float) -> np.ndarray:
    recipe = Recipe("fire", seed=seed, width=height, height=height, controls={"height": control})
    frames = Sampler(Model(model.file, network), threads=1).frames(recipe, range(0, 30, 5))
    return np.stack([pixels for _, pixels in frames])


@pytest.mark.parametrize(("seed", "control"), [(3, 0.1), (4, 0.9)])
def test_at_twice_the_height_it_draws_and_moves_the_same(model: Model, seed: int, control: float) -> None:
    fine = refined(model.network)
    assert (fine.architecture.cell, fine.architecture.knot) == (2 * TINY.cell, TINY.knot)
    with torch.no_grad():
        for network in (model.network, fine):  # of noise as fine as a pixel nothing is left in what is softer
            network.noise_gain[-1].zero_()
    own = film(model, model.network, 64, seed, control)
    twice = film(model, fine, 128, seed, control)
    half = twice.reshape(len(twice), 64, 2, 64, 2, 4).mean((2, 4))
    for channel in range(4):
        assert np.corrcoef(half[..., channel].ravel(), own[..., channel].ravel())[0, 1] > 0.9


def test_the_network_itself_stays_as_it_is(model: Model) -> None:
    before = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    refined(model.network)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.network.state_dict().items())


def test_it_is_the_same_in_every_process(model: Model) -> None:
    torch.manual_seed(1)
    one = refined(model.network).state_dict()
    torch.manual_seed(2)
    assert all(torch.equal(tensor, one[name]) for name, tensor in refined(model.network).state_dict().items())


def test_scenery_is_refused() -> None:
    with pytest.raises(ValueError, match="scenery"):
        refined(Generator(replace(TINY, scenery=(8, 8))))


def test_a_head_has_so_many_steps_and_no_more(model: Model) -> None:
    network = model.network
    for _ in range(MOST_STEPS - 2):
        network = refined(network)
    with pytest.raises(ValueError, match=f"2 to {MOST_STEPS} steps"):
        refined(network)


def test_the_trunk_ends_where_the_head_begins() -> None:
    with pytest.raises(ValueError, match="stride 8 before a head of 3 steps"):
        replace(TINY, head=(8, 8, 8))
