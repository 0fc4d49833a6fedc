# SPDX-License-Identifier: GPL-3.0-or-later
"""Fewer channels: those that go are those that brought nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aigc_blender.generator.checkpoint import Model, load_model
from aigc_blender.generator.network import Generator
from aigc_blender.generator.sampler import Sampler
from aigc_blender.recipe import Recipe
from tests.models import tiny_model
from training.narrow import narrowed

IDLE = (1, 4, 6)  # of the eight channels of the two coarser levels


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return load_model(tiny_model(tmp_path))


def frame(model: Model, network: Generator) -> torch.Tensor:
    recipe = Recipe("fire", seed=3, width=64, height=64)
    _, pixels = next(iter(Sampler(Model(model.file, network), threads=1).frames(recipe, [5])))
    return torch.from_numpy(pixels)


def test_what_brought_nothing_is_not_missed(model: Model) -> None:
    network = model.network
    with torch.no_grad():
        for level in range(2):
            network.get_parameter(f"up.{level}.weight")[:, IDLE] = 0
            first = network.get_parameter(f"trunk_blocks.{level}.first.weight").unflatten(1, (3, -1))
            first[:, :, IDLE] = 0
            network.get_parameter(f"trunk_blocks.{level}.second.weight")[:, IDLE] = 0
    narrow = narrowed(network, (5, 5))
    assert [level.channels for level in narrow.architecture.trunk] == [5, 5, 8]
    torch.testing.assert_close(frame(model, narrow), frame(model, network), atol=1e-4, rtol=0)
    assert not torch.allclose(frame(model, narrowed(network, (4, 5))), frame(model, network), atol=1e-2)


def test_the_network_itself_stays_as_it_is(model: Model) -> None:
    before = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    narrowed(model.network, (3, 2))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.network.state_dict().items())
    alike = narrowed(model.network, (8, 8)).state_dict()
    assert all(torch.equal(tensor, before[name]) for name, tensor in alike.items())


@pytest.mark.parametrize("channels", [(5,), (5, 5, 5), (0, 5), (9, 5)])
def test_channels_that_are_not_there_are_refused(model: Model, channels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="channels must be 2 numbers, of at most 8, 8"):
        narrowed(model.network, channels)
