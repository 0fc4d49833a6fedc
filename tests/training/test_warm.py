# SPDX-License-Identifier: GPL-3.0-or-later
"""A warm start: what a model knew, its other successor still knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from aigc_blender.card import Control, Style
from aigc_blender.generator.checkpoint import Model, load_model
from aigc_blender.generator.network import Generator
from tests.models import TINY, tiny_model
from training.warm import learned_drift, learned_tempo, warm_network

NEW = Style("waves")
Z = torch.randn(1, 4, generator=torch.Generator().manual_seed(0))


FINEST_GAIN = "noise_gain.2"  # of the tiny model, whose finest level has no noise


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_model(tiny_model(tmp_path_factory.mktemp("models")))


def w(network: Generator, style: int, controls: Sequence[float]) -> torch.Tensor:
    mapped: torch.Tensor = network.mapping(
        Z, torch.tensor([style]), torch.tensor([list(controls)]), torch.tensor([64.0])
    )
    return mapped


def test_a_known_style_keeps_its_look_and_its_controls_by_name(model: Model) -> None:
    fire = model.card.styles[0]
    more = replace(fire, controls=(Control("smoke"), *fire.controls))
    network = warm_network(model, [NEW, more])
    for setting in (0.0, 0.3, 1.0):
        for new_control in (0.0, 1.0):  # without effect yet
            torch.testing.assert_close(w(network, 1, [new_control, setting]), w(model.network, 0, [setting]))


def test_a_lattice_drifts_on_where_the_style_is_known(tmp_path: Path) -> None:
    rising = (0.0, 0.03)
    model = load_model(tiny_model(tmp_path, architecture=replace(TINY, drift=(rising, (0.0, 0.0)))))
    fire, water = model.card.styles
    assert learned_drift(model, [NEW, fire]) == ((0, 0), rising)
    assert learned_drift(model, [NEW, water]) == ()
    assert warm_network(model, [NEW]).architecture.drift == ()
    assert warm_network(model, [fire], drift=(rising,)).architecture.drift == (rising,)


def test_styles_keep_the_tempo_at_which_they_were_learned(model: Model) -> None:
    fire, water = model.card.styles
    assert learned_tempo(model, [NEW]) == 1
    assert learned_tempo(model, [NEW, fire]) == 1
    assert learned_tempo(model, [replace(water, fps=water.fps / 1.98), fire]) == 2
    assert learned_tempo(model, [replace(fire, fps=3 * fire.fps)]) == 1


def test_a_control_that_is_gone_stands_at_its_default(model: Model) -> None:
    fire = model.card.styles[0]
    network = warm_network(model, [replace(fire, controls=())])
    torch.testing.assert_close(w(network, 0, [0.9]), w(model.network, 0, [fire.controls[0].default]))


def test_a_new_style_starts_between_the_old_ones(model: Model) -> None:
    network = warm_network(model, [NEW])
    rows = [
        model.network.style[i] + (2 * s.controls[0].default - 1) * model.network.control[i, 0]
        for i, s in enumerate(model.card.styles)
    ]
    torch.testing.assert_close(network.style[0], torch.stack(rows).mean(0))


def test_what_is_fresh_is_the_same_every_time(model: Model) -> None:
    networks = [warm_network(model, [NEW], (64, 80)).state_dict() for _ in range(2)]
    assert all(torch.equal(networks[0][name], networks[1][name]) for name in networks[0])


def test_new_styles_start_apart_around_the_same_place(model: Model) -> None:
    alone = warm_network(model, [NEW]).style[0]
    rows = warm_network(model, [NEW, model.card.styles[0], replace(NEW, name="other")]).style[::2]
    torch.testing.assert_close(rows.mean(0), alone)
    assert (rows[0] - rows[1]).std() > 0.3


def test_a_finest_level_without_noise_is_given_some(model: Model) -> None:
    finest = len(model.architecture.trunk) - 1
    assert model.architecture.trunk[finest].noise == 0
    network = warm_network(model, model.card.styles)
    assert network.architecture.trunk[finest].noise > 0
    assert network.noise_gain[finest] > 0


@pytest.mark.parametrize("scenery", [(0, 0), (64, 80)])
def test_all_else_is_the_models(model: Model, scenery: tuple[int, int]) -> None:
    network = warm_network(model, [NEW, *model.card.styles], scenery)
    assert network.architecture.scenery == scenery
    shared = network.state_dict()
    for name, tensor in model.network.state_dict().items():
        assert name in ("style", "control", FINEST_GAIN) or torch.equal(shared[name], tensor)


def test_scenery_of_another_size_begins_anew(model: Model) -> None:
    once = warm_network(model, [NEW], (64, 80))
    twice = warm_network(Model(model.file, once), [NEW], (32, 32))
    assert twice.scenery.shape == (1, 32, 32, 4)
