# SPDX-License-Identifier: GPL-3.0-or-later
"""A slider that does too much or too little is scaled to do what real clips do; what was not learnt is left alone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from aigc_blender.card import Control
from aigc_blender.generator.checkpoint import Model, load_model, save_model
from tests.models import TINY, tiny_model
from tests.training.test_fit import SMALL, run, waves
from training.__main__ import main
from training.calibrate import MOST, calibrate, save_calibrated
from training.footage.procedural import ELEMENTS
from training.run.exported import read_exported
from training.trials import Trials, draw, likely_share, measured, slope
from training.warm import warm_network

CPU = torch.device("cpu")
STYLE = "fire"
WIDTH, LATENT = TINY.width, TINY.latent


def model_of(folder: Path, effect: float) -> Model:
    """A tiny model whose fire has a density, ``effect`` times as strong as it was made."""
    model = load_model(tiny_model(folder, seed=7))
    style = replace(model.card.styles[0], controls=(Control("density"),))
    card = replace(model.card, styles=(style, model.card.styles[1]))
    with torch.no_grad():
        model.network.control[0] *= effect
        # Seeds change little, so that a few clips tell the slope.
        model.network.state_dict()["mapping_layers.0.weight"][:, WIDTH : WIDTH + LATENT] = 0
        for gain in model.network.noise_gain:
            gain *= 0.1
    return replace(model, file=replace(model.file, card=card))


def trials_of(model: Model) -> Trials:
    """What a model draws, as if it were real."""
    controls = np.linspace(0, 1, 12, dtype=np.float32)[:, None]
    style = model.card.styles[0]
    blank = Trials(style, 64, style.fps, np.zeros((12, 2, 64, 64, 4), np.uint8), controls)
    return replace(blank, clips=draw(model, blank, CPU))


def share(model: Model, trials: Trials) -> float:
    """The model's slope, in that of the trials."""
    drawn, real = measured(trials, draw(model, trials, CPU)), measured(trials, trials.clips)
    return slope(trials, "density", drawn["density"]) / slope(trials, "density", real["density"])


@pytest.mark.parametrize("effect", [0.75, 1.35])
def test_a_slider_comes_to_do_what_the_real_one_does(effect: float, tmp_path: Path) -> None:
    real, model = trials_of(model_of(tmp_path, 1.0)), model_of(tmp_path, effect)
    others = {name: tensor.clone() for name, tensor in model.network.state_dict().items() if name != "control"}
    second = model.network.control[1].clone()
    before = share(model, real)
    assert abs(before - 1) > 0.15
    found = calibrate(model, [real], CPU, lambda _: None)
    assert found[STYLE]["density"] == pytest.approx(1 / effect, rel=0.15)
    assert abs(share(model, real) - 1) <= 0.1
    assert all(
        torch.equal(tensor, others[name]) for name, tensor in model.network.state_dict().items() if name in others
    )
    assert torch.equal(model.network.control[1], second)


@pytest.mark.parametrize("effect", [-1.0, 0.05])
def test_what_was_not_learnt_is_left_alone(effect: float, tmp_path: Path) -> None:
    real, model = trials_of(model_of(tmp_path, 1.0)), model_of(tmp_path, effect)
    before = model.network.control.clone()
    assert calibrate(model, [real], CPU, lambda _: None) == {STYLE: {"density": 1.0}}
    assert torch.equal(model.network.control, before)


def test_where_the_trials_show_nothing_nothing_is_scaled(tmp_path: Path) -> None:
    model = model_of(tmp_path, 1.0)
    real = trials_of(model)
    nothing = replace(real, clips=np.zeros_like(real.clips))
    told: list[str] = []
    assert calibrate(model, [nothing], CPU, told.append) == {STYLE: {"density": 1.0}}
    assert told == ["fire: density shows nothing."]
    held = replace(real, controls=np.full_like(real.controls, 0.5))
    assert calibrate(model, [held], CPU, told.append) == {STYLE: {"density": 1.0}}
    assert told[1:] == ["fire: density shows nothing."]


def test_no_effect_grows_beyond_what_the_network_has_seen(tmp_path: Path) -> None:
    real, model = trials_of(model_of(tmp_path, 2.0)), model_of(tmp_path, 1.0)
    assert calibrate(model, [real], CPU, lambda _: None)[STYLE]["density"] == MOST


def test_a_factor_that_is_chosen_is_used_whatever_the_trials_show(tmp_path: Path) -> None:
    real, model = trials_of(model_of(tmp_path, 1.0)), model_of(tmp_path, 0.05)
    before = model.network.control.clone()
    assert calibrate(model, [real], CPU, lambda _: None, {STYLE: {"density": 20.0}}) == {STYLE: {"density": 20.0}}
    torch.testing.assert_close(model.network.control[0, 0], before[0, 0] * 20)
    assert abs(share(model, real) - 1) <= 0.1


def test_few_clips_prove_little(tmp_path: Path) -> None:
    style = model_of(tmp_path, 1.0).card.styles[0]
    rng = np.random.default_rng(0)

    def likely(clips: int) -> tuple[float, float]:
        controls = rng.random((clips, 1), np.float32)
        trials = Trials(style, 64, 24.0, np.zeros((clips, 1, 2, 2, 4), np.uint8), controls)
        real, drawn = (times * controls[:, 0] + 0.3 * rng.standard_normal(clips) for times in (1.0, 1.5))
        return likely_share(trials, "density", drawn, real)

    low, high = likely(600)
    assert 1.2 < low < 1.5 < high < 1.9
    few = likely(12)
    assert few[1] - few[0] > 2 * (high - low)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model that was trained and its exported state."""
    path = tmp_path_factory.mktemp("home")
    tiny_model(path)
    plain = waves()
    style = replace(plain.style, controls=(Control("density"),))
    footage = replace(plain, style=style, controls=np.array([[0.2], [0.8]], np.float32))
    assert run(path, 3, replace(SMALL, alone=0), footage=[footage])
    assert main(["export", str(path / "out.safetensors"), "--to", str(path / "out")]) == 0
    return path


def test_the_state_goes_on_from_the_scaled_model(home: Path, tmp_path: Path) -> None:
    model = load_model(home / "out.safetensors")
    (style,) = model.card.styles
    (control,) = style.controls
    before = read_exported(home / "out").state()
    with torch.no_grad():
        model.network.control[0, 0] *= 0.5
    path = tmp_path / "out.safetensors"
    save_calibrated(model, {style.name: {control.name: 0.5}}, read_exported(home / "out"), path)
    assert load_model(path).card.training["calibrated"] == {style.name: {control.name: 0.5}}
    after = read_exported(tmp_path / "out").state()
    assert after["steps"] == before["steps"]
    assert torch.equal(after["average"]["control"], load_model(path).network.control)
    assert torch.allclose(after["generator"]["control"], before["generator"]["control"] * 0.5, atol=1e-7)
    for network in ("generator", "discriminator"):
        for name, tensor in before[network].items():
            if (network, name) != ("generator", "control"):
                assert torch.equal(after[network][name], tensor), name
    for name in ("generator_optimiser", "discriminator_optimiser"):
        assert after[name]["state"].keys() == before[name]["state"].keys()
        for index, moments in before[name]["state"].items():
            assert torch.allclose(after[name]["state"][index]["exp_avg_sq"], moments["exp_avg_sq"], rtol=2e-3, atol=0)


def test_a_model_of_nothing_simulated_and_its_own_folder_are_refused(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    shutil.copy(home / "out.safetensors", here)
    cache = ["--cache", str(tmp_path / "cache")]
    assert main(["calibrate", str(here / "out.safetensors"), "--to", str(here), *cache]) == 2
    assert "choose another folder" in capsys.readouterr().err
    assert main(["calibrate", str(here / "out.safetensors"), "--to", str(tmp_path / "there"), *cache]) == 2
    assert "cannot be evaluated against simulations" in capsys.readouterr().err
    shutil.copytree(home / "out", tmp_path / "states" / "out")
    state = ["--state", str(tmp_path / "states" / "out"), "--to", str(tmp_path / "states")]
    assert main(["calibrate", str(here / "out.safetensors"), *state, *cache]) == 2
    assert "would be overwritten" in capsys.readouterr().err
    assert not (tmp_path / "states" / "out.safetensors").exists()
    assert main(["calibrate", str(here / "out.safetensors"), "--to", str(tmp_path / "there"), "--clips", "1"]) == 2
    assert "give 4 or more" in capsys.readouterr().err
    for factor in ("waves.size=2", "waves"):
        assert main(["calibrate", str(here / "out.safetensors"), "--to", str(tmp_path / "there"), "--by", factor]) == 2
        assert "names no slider" in capsys.readouterr().err
    assert not (tmp_path / "there").exists()


@pytest.mark.slow
def test_the_command_calibrates_by_simulations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = load_model(tiny_model(tmp_path))
    style = replace(model.card.styles[1], controls=ELEMENTS["caustics"].controls[:1], native_height=32, max_height=32)
    network = warm_network(model, [style])
    card = replace(model.card, styles=(style,), architecture=network.architecture.to_dict())
    save_model(tmp_path / "one.safetensors", card, network)
    there = tmp_path / "there"
    options = ["--to", str(there), "--clips", "4", "--size", "32", "--cache", str(tmp_path / "cache")]
    command = ["calibrate", str(tmp_path / "one.safetensors"), *options]
    for factor in ("0", "11", "nan", "much"):
        assert main([*command, "--by", f"caustics.scale={factor}"]) == 2
        assert f"caustics.scale={factor} has no factor" in capsys.readouterr().err
    assert main([*command, "--by", "caustics.scale=2.5"]) == 0
    assert load_model(there / "one.safetensors").card.training["calibrated"] == {"caustics": {"scale": 2.5}}
    capsys.readouterr()
    assert main(command) == 0
    assert f"Wrote {there / 'one.safetensors'}." in capsys.readouterr().out
    assert "scale" in load_model(there / "one.safetensors").card.training["calibrated"]["caustics"]
    assert [path.name for path in there.iterdir()] == ["one.safetensors"]
