# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``fit`` makes of its options: the defaults by footage, elements beside it, what a run before had learned."""

from __future__ import annotations

import shutil
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch

from aigc_blender.generator.checkpoint import load_model
from training.__main__ import main
from training.bundled import MODELS
from training.run.monitor import Monitor
from training.run.state import load_state


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A fixed camera's view of a bright corner, with noise that moves."""
    rng = np.random.default_rng(0)
    clip = rng.integers(0, 60, (30, 32, 40, 3)).astype(np.uint8)
    clip[:, :16, :20] += 150
    path = tmp_path / "corner.mkv"
    iio.imwrite(path, clip, plugin="pyav", codec="ffv1", fps=12, in_pixel_format="rgb24", out_pixel_format="bgr0")
    return path


def another(film: Path) -> Path:
    """A film of the same scene beside it, as long and as large."""
    path = film.with_name("other.mkv")
    clip = np.random.default_rng(1).integers(0, 200, (30, 32, 40, 3)).astype(np.uint8)
    iio.imwrite(path, clip, plugin="pyav", codec="ffv1", fps=12, in_pixel_format="rgb24", out_pixel_format="bgr0")
    return path


@pytest.fixture(autouse=True)
def unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sheets or videos, which take longer than a step and are tested elsewhere."""
    monkeypatch.setattr(Monitor, "look", lambda _: None)


def fit(film: Path, out: str, *options: str, anchored: str = "xy") -> int:
    folder = film.parent
    where = ["--anchored", anchored, "--crop", "none", "--cache", str(folder / "cache"), "--out", str(folder / out)]
    return main(["fit", str(film), *where, "--size", "32", "--batch", "2", "--device", "cpu", *options])


def weights(film: Path, out: str, network: str = "discriminator") -> dict[str, torch.Tensor]:
    state = load_state(film.parent / f"{out}.run" / "states")
    assert state is not None
    found: dict[str, torch.Tensor] = state[network]
    return found


def test_footage_is_augmented_and_opaque_footage_held_tighter(film: Path) -> None:
    assert fit(film, "a.safetensors", "--steps", "1") == 0
    config = load_model(film.parent / "a.safetensors").card.training["config"]
    assert [config[name] for name in ("augment", "gamma", "rate", "imprint")] == [0.4, 16, 4e-4, 0]
    told = ["--augment", "0", "--gamma", "3", "--rate", "1e-3", "--imprint", "2"]
    assert fit(film, "b.safetensors", "--steps", "1", *told) == 0
    config = load_model(film.parent / "b.safetensors").card.training["config"]
    assert [config[name] for name in ("augment", "gamma", "rate", "imprint")] == [0, 3, 1e-3, 2]


def test_a_models_time_may_run_faster_than_the_footages(film: Path) -> None:
    assert fit(film, "a.safetensors", "--steps", "1") == 0
    assert fit(film, "b.safetensors", "--steps", "1", "--tempo", "2") == 0
    usual, quick = (load_model(film.parent / name).card for name in ("a.safetensors", "b.safetensors"))
    assert quick.styles[0].fps == 2 * usual.styles[0].fps
    assert quick.training["config"]["tempo"] == 2


def test_scenery_begins_as_what_the_footage_always_shows(film: Path) -> None:
    assert fit(film, "a.safetensors", "--steps", "1") == 0
    scenery = load_model(film.parent / "a.safetensors").network.scenery[0, ..., :3]
    assert scenery[2:14, 2:18].mean() > scenery[18:, 22:].mean() + 0.8
    assert fit(film, "b.safetensors", "--steps", "1", anchored="y") == 0
    assert load_model(film.parent / "b.safetensors").architecture.scenery == (32, 1)
    shapes = [load_model(film.parent / name).card.styles[0].aspect for name in ("a.safetensors", "b.safetensors")]
    assert shapes == [40 / 32, 0]  # how wide it is matters where x is anchored


@pytest.mark.slow
def test_elements_beside_footage_are_learned_too(film: Path) -> None:
    assert fit(film, "a.safetensors", "--steps", "1", "--beside", "caustics", "--clips", "2") == 0
    card = load_model(film.parent / "a.safetensors").card
    assert [style.name for style in card.styles] == ["corner", "caustics"]
    assert [control.name for control in card.styles[1].controls] == ["scale", "sharpness"]
    assert "training/footage/procedural" in card.rights.sources
    assert any("corner" in source for source in card.rights.sources)


def test_frozen_layers_stay_as_the_run_before_left_them(film: Path) -> None:
    assert fit(film, "a.safetensors", "--steps", "2") == 0
    before = weights(film, "a.safetensors")
    start = str(film.parent / "a.safetensors")
    assert fit(film, "b.safetensors", "--steps", "2", "--from", start, "--freeze", "2") == 0
    after = weights(film, "b.safetensors")
    same = {name for name in before if torch.equal(before[name], after[name])}
    frozen = {name for name in before if name.startswith(("stem.", "blocks.0."))}
    assert same - {"score.bias"} == frozen  # which cancels in pairs
    assert load_model(film.parent / "b.safetensors").card.training["config"]["alone"] == 0


def test_what_a_model_began_with_stays_on_its_card(film: Path) -> None:
    """Whose footage it was, what that permits, and that it cannot be held out."""
    start, other = str(film.parent / "a.safetensors"), another(film)
    assert fit(film, "a.safetensors", "--steps", "1", "--rights", "stock of X, not for distribution") == 0
    card = load_model(Path(start)).card
    options = ["--from", start, "--rights", "ours"]
    assert fit(other, "b.safetensors", "--steps", "1", *options) == 0
    tuned = load_model(film.parent / "b.safetensors").card
    assert tuned.rights.statement == f"ours; begun with {card.name}: stock of X, not for distribution"
    assert tuned.rights.sources == ("other.mkv", "corner.mkv")
    assert set(tuned.rights.digests) > set(card.rights.digests)
    assert main(["export", str(film.parent / "b.safetensors"), "--to", str(film.parent / "c")]) == 0
    (film.parent / "b.safetensors").rename(film.parent / "c.safetensors")
    for steps in ("2", "3"):  # from the exported state, and from its own
        went_on = ["--resume", str(film.parent / "c"), "--rights", "ours", "--steps", steps]
        assert fit(other, "d.safetensors", *went_on) == 0
        assert load_model(film.parent / "d.safetensors").card.rights == tuned.rights


def test_the_licence_of_what_a_model_began_with_holds(film: Path) -> None:
    assert fit(film, "a.safetensors", "--steps", "1", "--from", str(MODELS / "sky.safetensors")) == 0
    card = load_model(film.parent / "a.safetensors").card
    assert card.licence == "GPL-3.0-or-later"
    assert card.rights.sources == ("corner.mkv", "training/footage/procedural")


def test_a_run_goes_on_with_the_films_it_began_with(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fit(film, "a.safetensors", "--steps", "1") == 0
    model = (film.parent / "a.safetensors").read_bytes()
    another(film).replace(film)
    assert fit(film, "a.safetensors", "--steps", "2") == 2
    assert "holds a run with footage '1 files" in capsys.readouterr().err
    assert (film.parent / "a.safetensors").read_bytes() == model


def test_a_run_goes_on_as_it_began_whatever_became_of_what_it_began_with(film: Path) -> None:
    start, other = str(film.parent / "a.safetensors"), another(film)
    assert fit(film, "a.safetensors", "--steps", "1") == 0
    options = ["--from", start, "--freeze", "1"]
    assert fit(other, "b.safetensors", "--steps", "1", *options) == 0
    shutil.rmtree(film.parent / "a.safetensors.run")
    assert fit(other, "b.safetensors", "--steps", "2", *options) == 0
    config = load_model(film.parent / "b.safetensors").card.training["config"]
    assert config["alone"] == 0


@pytest.mark.slow
def test_a_drift_that_was_learned_goes_on_from_an_exported_state(tmp_path: Path) -> None:
    def train(folder: str, *options: str) -> int:
        out = tmp_path / folder / "fire.safetensors"
        out.parent.mkdir(exist_ok=True)
        where = ["--cache", str(tmp_path / "cache"), "--out", str(out), "--device", "cpu"]
        return main(
            ["fit", "--procedural", "--style", "fire", "--size", "32", "--clips", "2", "--batch", "2", *where, *options]
        )

    assert train("a", "--steps", "1", "--from", str(MODELS / "fire-and-smoke.safetensors")) == 0
    model = tmp_path / "a" / "fire.safetensors"
    assert load_model(model).card.training["config"]["drift"]
    assert main(["export", str(model), "--to", str(tmp_path / "state")]) == 0
    shutil.copy(model, tmp_path / "state.safetensors")
    assert train("b", "--steps", "2", "--resume", str(tmp_path / "state")) == 0
    assert load_model(tmp_path / "b" / "fire.safetensors").card.training["steps"] == 2


def test_options_that_contradict_are_one_sentence(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, words in (
        (["--freeze", "2"], "--freeze"),
        (["--freeze", "-1"], "--freeze is -1"),
        (["--imprint", "-1"], "--imprint is -1.0"),
        (["--augment", "0.9"], "--augment is 0.9"),
        (["--beside", "soup"], "soup"),
        (["--beside", "caustics", "--style", "caustics", "--clips", "1"], "another --style"),
    ):
        assert fit(film, "a.safetensors", *options) == 2
        error = capsys.readouterr().err.strip()
        assert words in error
        assert "\n" not in error
    assert not (film.parent / "a.safetensors").exists()
