# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenery: what stands still in front of a fixed camera, drawn where it stands."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from aigc_blender.card import Card, Style
from aigc_blender.generator.architecture import Architecture, architecture_from_dict
from aigc_blender.generator.checkpoint import Model, load_model, save_model
from aigc_blender.generator.network import Generator, Placement
from aigc_blender.generator.sampler import Sampler
from aigc_blender.recipe import Recipe
from tests.models import FINE, TINY

TALL, WIDE = 64, 80
STYLES = (Style("pot", anchored=("x", "y")), Style("flames", anchored=("y",)))


def placement(base: tuple[float, float], height: float, style: int = 0, anchored: float = 1) -> Placement:
    return Placement(
        torch.tensor([base]), torch.tensor([height]), torch.tensor([[anchored, 1.0]]), torch.tensor([style])
    )


@pytest.fixture(scope="module", params=[TINY, FINE], ids=["usual", "fine"])
def network(request: pytest.FixtureRequest) -> Generator:
    torch.manual_seed(0)
    network = Generator(replace(request.param, styles=2, controls=0, scenery=(TALL, WIDE)))
    with torch.no_grad():
        network.scenery.normal_(std=0.2)
        network.to_pixels.weight.mul_(0.3)  # so that little is clipped
    return network


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, network: Generator) -> Model:
    path = tmp_path_factory.mktemp("models") / "pot.safetensors"
    save_model(path, Card("Pot", STYLES, network.architecture.to_dict()), network)
    return load_model(path)


def shown(network: Generator, rows: tuple[int, int], columns: tuple[int, int], where: Placement) -> torch.Tensor:
    """The pixels (H, W, 4) of what stands in the spans of pixels, which are multiples of 8."""
    cell = network.architecture.trunk[-1].stride
    with torch.no_grad():
        scene = network.scene((rows[0] // cell, rows[1] // cell), (columns[0] // cell, columns[1] // cell), where)
    assert scene is not None
    picture = torch.nn.functional.pixel_shuffle(scene.still[0].permute(0, 3, 1, 2), 2)[0]
    return picture.permute(1, 2, 0)[8:-8, 8:-8]  # the head reads 4 of its cells more on every side


def test_every_pixel_stands_where_it_was_put(network: Generator) -> None:
    """Top row first, the anchor below it and in its middle."""
    assert torch.allclose(shown(network, (0, 64), (0, 80), placement((40, 64), 64)), network.scenery[0], atol=1e-5)


def test_it_grows_with_the_element_and_moves_with_its_base(network: Generator) -> None:
    own = shown(network, (0, 64), (0, 80), placement((40, 64), 64))
    assert torch.equal(shown(network, (16, 80), (-24, 56), placement((16, 80), 64)), own)
    half = shown(network, (0, 32), (0, 40), placement((20, 32), 32))
    smooth = torch.nn.functional.avg_pool2d(own.permute(2, 0, 1)[None], 2)[0].permute(1, 2, 0)
    # Of white noise, a tent of four pixels and a box of two correlate by 0.9.
    assert np.corrcoef(half.ravel(), smooth.ravel())[0, 1] > 0.85
    double = shown(network, (0, 128), (0, 160), placement((80, 128), 128))
    again = torch.nn.functional.avg_pool2d(double.permute(2, 0, 1)[None], 2)[0].permute(1, 2, 0)
    assert np.corrcoef(again.ravel(), own.ravel())[0, 1] > 0.9


def test_beyond_its_edge_it_goes_on(network: Generator) -> None:
    beyond = shown(network, (0, 64), (-80, 0), placement((40, 64), 64))
    assert torch.allclose(beyond, network.scenery[0, :, :1].expand_as(beyond), atol=1e-5)


def test_along_a_free_axis_it_is_its_mean(network: Generator) -> None:
    """Otherwise what tiles would have places of its own."""
    free_x = shown(network, (0, 64), (0, 80), placement((40, 64), 64, style=1, anchored=0))
    mean = network.scenery[1].mean(1, keepdim=True)
    assert torch.allclose(free_x, mean.expand_as(free_x), atol=1e-5)
    assert torch.equal(free_x, shown(network, (0, 64), (0, 80), placement((7, 64), 64, style=1, anchored=0)))


def test_a_frame_with_scenery_is_the_same_alone_and_as_part_of_a_larger_one(model: Model) -> None:
    """Wider than a block, so that cells are drawn in different blocks."""
    recipe = Recipe("pot", seed=3, width=300, height=64)
    frames = {n: frame.copy() for n, frame in Sampler(model, threads=2).frames(recipe, [4, 5, 6])}
    ((_, alone),) = Sampler(model, threads=1).frames(recipe, [5])
    assert np.array_equal(frames[5], alone)
    part = replace(recipe, width=100, origin=(20, 0))
    ((_, crop),) = Sampler(model, threads=1).frames(part, [5])
    assert np.array_equal(crop, alone[:, 150 - 50 + 20 : 150 + 50 + 20])


def test_scenery_is_of_its_own_style(model: Model) -> None:
    bare = Model(model.file, copy.deepcopy(model.network))
    bare.network.scenery[0].zero_()
    for style, same in (("pot", False), ("flames", True)):
        recipe = Recipe(style, width=64, height=64)
        (_, one), (_, other) = (next(iter(Sampler(m).frames(recipe, [3]))) for m in (model, bare))
        assert np.array_equal(one, other) == same


def test_motion_before_it_has_the_contrast_of_its_style(model: Model) -> None:
    faint = Model(model.file, copy.deepcopy(model.network))
    faint.network.contrast[0] = 0.25
    for style, share in (("pot", 0.25), ("flames", 1.0)):
        films = []
        for m in (model, faint):
            frames = Sampler(m).frames(Recipe(style, width=64, height=64), range(0, 96, 8))
            films.append(np.stack([frame for _, frame in frames])[..., :3])
        moves = [(film - film.mean(0)).std() for film in films]
        assert moves[1] / moves[0] == pytest.approx(share, rel=0.1)


def test_cards_from_before_have_none() -> None:
    raw = TINY.to_dict()
    del raw["scenery"]
    architecture = architecture_from_dict(raw)
    assert architecture.scenery == (0, 0)
    assert not any("scenery" in name for name in Generator(architecture).state_dict())


@pytest.mark.parametrize("scenery", [(1, 0), (0, 9), (513, 8), (-1, 8)])
def test_impossible_scenery_is_refused(scenery: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="scenery"):
        Architecture(styles=1, controls=0, scenery=scenery)
