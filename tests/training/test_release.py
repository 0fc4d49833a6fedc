# SPDX-License-Identifier: GPL-3.0-or-later
"""What training brought home becomes what ships: with its figures, and never a worse model for a better one by accident."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from aigc_blender.card import read_model_file
from aigc_blender.generator.architecture import Architecture, Drift
from aigc_blender.generator.checkpoint import load_model, save_model
from aigc_blender.generator.sampler import Sampler
from aigc_blender.recipe import Recipe
from tests.models import TINY, tiny_model
from training.__main__ import main
from training.errors import TrainingError
from training.footage.procedural import ELEMENTS
from training.metrics.distances import Score
from training.metrics.report import Report, Slider, write_json
from training.release import release, standing
from training.warm import warm_network


def home(folder: Path, seed: int, distance: float, architecture: Architecture = TINY) -> Path:
    """A folder as training leaves it: a model, figures of it and a state."""
    folder.mkdir()
    model = tiny_model(folder, seed=seed, architecture=architecture)
    scores = {name: Score(distance, 0.5) for name in ("patches, frames", "patches, lag 1", "kernel, frames")}
    scores |= {
        "spectrum, dB": Score(3, 1),
        "loop seam": Score(1, 1),
        "tile seam x": Score(1.1, 1),
        "repeat": Score(0, 0),
    }
    reports = [Report(style, scores, {"height": Slider("height", 0.9, 0.4, 0.5)}) for style in ("fire", "caustics")]
    about = {"digest": read_model_file(model).digest, "protocol": {"clips": 4, "size": 64}}
    write_json(folder / "tiny.json", about, reports)
    (folder / "tiny").mkdir()
    (folder / "tiny" / "state.json").write_text(str(seed))
    return folder


def keep_fire_alone(folder: Path) -> None:
    """Make of the folder's model one named fresh that draws fire only."""
    model, figures = load_model(folder / "tiny.safetensors"), json.loads((folder / "tiny.json").read_text())
    styles = model.card.styles[:1]
    network = warm_network(model, styles)
    card = replace(model.card, styles=styles, architecture=network.architecture.to_dict())
    save_model(folder / "fresh.safetensors", card, network)
    (folder / "tiny.safetensors").unlink()
    figures["styles"].pop("caustics")
    figures["digest"] = read_model_file(folder / "fresh.safetensors").digest
    (folder / "fresh.json").write_text(json.dumps(figures))


def run(folder: Path, shipped: Path, *options: str) -> int:
    places = ["--models", str(shipped), "--states", str(shipped / "states"), "--page", str(shipped / "figures.md")]
    return main(["release", str(folder), *places, *options])


def test_figures_go_onto_the_card_and_into_the_tables(tmp_path: Path) -> None:
    folder, shipped = home(tmp_path / "home", 0, 1.0), tmp_path / "shipped"
    shipped.mkdir()
    assert run(folder, shipped) == 0
    card = read_model_file(shipped / "tiny.safetensors").card
    assert card.metrics["styles"]["fire"]["scores"]["patches, frames"] == [1.0, 0.5]
    assert standing(card.metrics["styles"]["fire"]["scores"]) == pytest.approx(2)
    nearer = {"patches, frames": [0.1, 0.5], "kernel, frames": [2.0, 0.5]}
    assert standing(nearer) == pytest.approx(2)  # nearer than real to real makes up for nothing
    rows = [line for line in (shipped / "figures.md").read_text().splitlines() if line.startswith("| fire |")]
    assert "| 64 | 2.0 | 2.0 | 2.0 |" in rows[0]
    assert "| height | height | 0.90 | 0.400 | 0.500 |" in rows[1]
    assert (shipped / "states" / "tiny" / "state.json").read_text() == "0"


def test_a_better_model_takes_the_place_and_a_worse_one_only_when_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    for seed, distance in ((0, 1.0), (1, 0.8)):
        assert run(home(tmp_path / f"{seed}", seed, distance), shipped) == 0
    best = read_model_file(shipped / "tiny.safetensors").digest
    worse = home(tmp_path / "2", 2, 0.9)
    assert run(worse, shipped) == 2
    assert "--even-if-worse" in capsys.readouterr().err
    assert read_model_file(shipped / "tiny.safetensors").digest == best
    assert (shipped / "states" / "tiny" / "state.json").read_text() == "1"
    assert run(worse, shipped, "--even-if-worse") == 0
    assert read_model_file(shipped / "tiny.safetensors").digest != best


@pytest.mark.parametrize(("name", "value", "code"), [("loops", 3, 2), ("size", 128, 0)])
def test_what_the_judged_distances_depend_on_makes_figures_comparable(
    name: str, value: int, code: int, tmp_path: Path
) -> None:
    """Worse ones are refused though seams were taken of more loops; of another size they are others."""
    shipped, worse = tmp_path / "shipped", home(tmp_path / "worse", 1, 1.5)
    shipped.mkdir()
    assert run(home(tmp_path / "first", 0, 1.0), shipped) == 0
    figures = json.loads((worse / "tiny.json").read_text())
    figures["protocol"][name] = value
    (worse / "tiny.json").write_text(json.dumps(figures))
    assert run(worse, shipped) == code


def test_of_several_models_none_is_written_where_one_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped, folder = tmp_path / "shipped", home(tmp_path / "home", 0, 1.0)
    shipped.mkdir()
    shutil.copy(folder / "tiny.safetensors", folder / "unmeasured.safetensors")
    assert run(folder, shipped) == 2
    assert "unmeasured.json: no figures" in capsys.readouterr().err
    assert not list(shipped.iterdir())


@pytest.mark.parametrize("drift", [(), ((0.0, 0.125), (0.0625, 0.0))])
def test_a_style_moves_to_the_model_that_draws_it_better(tmp_path: Path, drift: Drift) -> None:
    shipped, folder = tmp_path / "shipped", home(tmp_path / "alone", 1, 0.9)
    shipped.mkdir()
    whole = home(tmp_path / "both", 0, 1.0, replace(TINY, drift=drift))
    shutil.rmtree(whole / "tiny")
    assert run(whole, shipped) == 0
    both = load_model(shipped / "tiny.safetensors")
    keep_fire_alone(folder)
    assert run(folder, shipped) == 0

    left = load_model(shipped / "tiny.safetensors")
    assert [style.name for style in left.card.styles] == list(left.card.metrics["styles"]) == ["caustics"]
    assert [style.name for style in read_model_file(shipped / "fresh.safetensors").card.styles] == ["fire"]
    recipe = Recipe("caustics", seed=3, width=64, height=64)
    before, after = ([f for _, f in Sampler(m, threads=1).frames(recipe, [2, 9])] for m in (both, left))
    np.testing.assert_allclose(after, before, atol=1e-5)
    assert np.std(before) > 0.01


def test_figures_of_other_weights_are_refused(tmp_path: Path) -> None:
    folder = home(tmp_path / "home", 0, 1.0)
    figures = folder / "tiny.json"
    figures.write_text(json.dumps({**json.loads(figures.read_text()), "digest": "0" * 64}))
    with pytest.raises(TrainingError, match="evaluate the model again"):
        release(folder / "tiny.safetensors", figures, tmp_path, tmp_path / "states")
    figures.write_text("[]")
    with pytest.raises(TrainingError, match="no figures"):
        release(folder / "tiny.safetensors", figures, tmp_path, tmp_path / "states")
    assert not (tmp_path / "tiny.safetensors").exists()


def test_elements_shine_as_their_table_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Weights, and all else on the card, stay as they are; a style of another name or without light of its own too."""
    path = tiny_model(tmp_path)
    before = load_model(path)
    assert main(["release", "--glow", "--models", str(tmp_path)]) == 0
    after = load_model(path)
    fire, caustics = after.file.card.styles
    assert fire.glow == ELEMENTS["fire"].glow > 1
    assert (caustics.glow, replace(fire, glow=1.0)) == (1.0, before.file.card.styles[0])
    assert replace(after.file.card, styles=()) == replace(before.file.card, styles=())
    for name, tensor in before.network.state_dict().items():
        assert torch.equal(tensor, after.network.state_dict()[name])
    assert main(["release", "--glow", "--models", str(tmp_path)]) == 0
    assert "already" in capsys.readouterr().out
    assert read_model_file(path).digest == after.file.digest != before.file.digest
    assert main(["release", "--models", str(tmp_path)]) == 2


def test_a_released_model_shines_too(tmp_path: Path) -> None:
    folder, shipped = home(tmp_path / "home", 0, 1.0), tmp_path / "shipped"
    shipped.mkdir()
    assert run(folder, shipped) == 0
    assert read_model_file(shipped / "tiny.safetensors").card.styles[0].glow == ELEMENTS["fire"].glow
