# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left of a model and of its run when another model draws one of its styles: all that was learnt of the others."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aigc_blender.card import Control
from aigc_blender.generator.checkpoint import load_model, save_model
from tests.models import tiny_model
from tests.training.test_fit import SMALL, run, waves
from training.__main__ import main
from training.errors import TrainingError
from training.footage.clips import Footage
from training.leave_out import leave_out
from training.run.exported import read_exported
from training.trainer import Config, Trainer

NAMES = ("calm", "swell", "surf")
DRIFTING = replace(SMALL, alone=0, batch=3, imprint=1.0, drift=((0.0, 0.0), (0.0625, 0.0), (0.0, 0.125)))


def footage_of(name: str) -> Footage:
    plain = waves(name, seed=NAMES.index(name))
    style = replace(plain.style, controls=(Control("height"), Control("wind"))[: 1 + (name != "calm")])
    controls = np.array([[0.2, 0.4], [0.8, 0.1]], np.float32)[:, : len(style.controls)]
    return replace(plain, style=style, controls=controls)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of three styles and, in ``states``, the exported state of its run."""
    path = tmp_path_factory.mktemp("trained")
    tiny_model(path)
    assert run(path, 8, DRIFTING, footage=[footage_of(name) for name in NAMES])
    assert main(["export", str(path / "out.safetensors"), "--to", str(path / "states" / "out")]) == 0
    return path


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    shutil.copyfile(trained / "out.safetensors", tmp_path / "out.safetensors")
    shutil.copytree(trained / "states", tmp_path / "states")
    return tmp_path


def trainer_of(folder: Path) -> tuple[Trainer, dict[str, Any]]:
    """A trainer that goes on from the exported state of ``out.safetensors``, and that state."""
    exported = read_exported(folder / "states" / "out", [folder / "out.safetensors"])
    state = exported.state()
    trainer = Trainer(Config(**state["config"]), exported.architecture, [])
    for name in ("generator_optimiser", "discriminator_optimiser"):
        state[name]["param_groups"] = getattr(trainer, name).state_dict()["param_groups"]
    trainer.load_state(state)
    return trainer, state


def test_nothing_is_forgotten_of_the_styles_that_stay(copy: Path) -> None:
    before, old = trainer_of(copy)
    rest = leave_out({"swell"}, copy / "out.safetensors", copy / "states")
    assert rest is not None
    rest.write()
    after, new = trainer_of(copy)

    assert [style.name for style in load_model(copy / "out.safetensors").card.styles] == ["calm", "surf"]
    for name in ("lead", "imprint"):
        assert new[name] == [old[name][0], old[name][2]]
    assert new["config"]["drift"] == [[0.0, 0.0], [0.0, 0.125]]
    assert new["run"]["origin"]["styles"] == ["calm", "surf"]
    per_style = {"style", "control", "style.weight"}
    for network in ("generator", "average", "discriminator"):
        mine = dict(getattr(after, network).named_parameters())
        for name, parameter in getattr(before, network).named_parameters():
            if name == "claim.0.weight":  # told of each style's sliders: tested with the discriminator
                continue
            optimiser = f"{'discriminator' if network == 'discriminator' else 'generator'}_optimiser"
            moments = getattr(before, optimiser).state.get(parameter), getattr(after, optimiser).state.get(mine[name])
            pairs = [(parameter, mine[name])]
            if network != "average":
                assert moments[0] is not None
                assert moments[1] is not None
                assert moments[0]["step"] == moments[1]["step"] > 0
                pairs.append((moments[0]["exp_avg_sq"], moments[1]["exp_avg_sq"]))
            for was, is_now in pairs:
                expected = was[[0, 2]] if name in per_style else was
                torch.testing.assert_close(is_now, expected, rtol=2e-3, atol=0)


def test_the_run_goes_on_with_those_that_stay(copy: Path) -> None:
    rest = leave_out({"swell"}, copy / "out.safetensors", copy / "states")
    assert rest is not None
    rest.write()
    config = replace(DRIFTING, drift=(DRIFTING.drift[0], DRIFTING.drift[2]))
    exported = read_exported(copy / "states" / "out", [copy / "out.safetensors"])
    target = copy / "on"
    target.mkdir()
    tiny_model(target)
    footage = [footage_of("calm"), footage_of("surf")]
    assert run(target, 10, config, footage=footage, start=None, resume=exported)
    assert load_model(target / "out.safetensors").card.training["steps"] == 10


def test_the_card_names_the_calibration_of_those_that_stay_alone(copy: Path) -> None:
    path = copy / "out.safetensors"
    model = load_model(path)
    factors = {"calm": {"height": 1.2}, "swell": {"wind": 0.8}}
    save_model(path, replace(model.card, training={**model.card.training, "calibrated": factors}), model.network)
    rest = leave_out({"swell"}, path, copy / "nowhere")
    assert rest is not None
    assert rest.card is not None
    assert rest.card.training == {**model.card.training, "calibrated": {"calm": {"height": 1.2}}}


def test_nothing_is_written_before_it_is_told_to(copy: Path) -> None:
    names = ("out.safetensors", "states/out/state.json")
    before = [(copy / name).read_bytes() for name in names]
    assert leave_out({"swell"}, copy / "out.safetensors", copy / "states") is not None
    assert leave_out({"fire"}, copy / "out.safetensors", copy / "states") is None
    assert [(copy / name).read_bytes() for name in names] == before


def test_a_file_that_draws_nothing_any_more_goes(copy: Path) -> None:
    rest = leave_out(set(NAMES), copy / "out.safetensors", copy / "states")
    assert rest is not None
    rest.write()
    assert not (copy / "out.safetensors").exists()


def test_the_state_of_another_model_is_refused(copy: Path) -> None:
    tiny_model(copy, name="out")
    with pytest.raises(TrainingError, match="not found"):
        leave_out({"fire"}, copy / "out.safetensors", copy / "states")
