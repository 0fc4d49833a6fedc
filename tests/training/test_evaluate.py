# SPDX-License-Identifier: GPL-3.0-or-later
"""The evaluation from model file to table, on a model and a protocol small enough for a test."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from aigc_blender.card import Card, Control, Rights, Style
from aigc_blender.generator.checkpoint import Model, load_model, save_model
from aigc_blender.generator.network import Generator
from tests.models import STYLES, TINY, tiny_model
from training.__main__ import main
from training.artist import Artist
from training.evaluate import Finding, _Drawing, _sweeps, evaluate
from training.footage.procedural import ELEMENTS
from training.imprint import Grid
from training.metrics.comparison import shuffle
from training.metrics.distances import Score
from training.metrics.report import EvaluationError, Report, as_table, write_json
from training.reference import Protocol, Reference, simulations
from training.trials import Trials, draw, measured, slope

SMALL = Protocol(
    clips=4,
    frames=12,
    instants=2,
    stretch=24,
    loop=16,
    few=2,
    loops=2,
    tiles=2,
    sweep=5,
    seeds=1,
    searched=12,
    trials=6,
    trial=4,
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def water(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model whose caustics have the project's controls."""
    torch.manual_seed(0)
    style = replace(STYLES[1], controls=ELEMENTS["caustics"].controls, native_height=32, max_height=32)
    card = Card(name="Water", styles=(style,), architecture={}, rights=Rights("made by the tests"))
    network = Generator(replace(TINY, styles=1, controls=len(ELEMENTS["caustics"].controls)))
    path = tmp_path_factory.mktemp("model") / "water.safetensors"
    save_model(path, replace(card, architecture=network.architecture.to_dict()), network)
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("footage")


def _evaluate(model: Model, cache: Path) -> Report:
    return _found(model, cache, SMALL).report


def _found(model: Model, cache: Path, protocol: Protocol) -> Finding:
    references = simulations(model.card, [], protocol, cache, CPU, lambda _: None)
    return evaluate(model, references, protocol, None, None, CPU, lambda _: None)[0]


@pytest.mark.slow
def test_an_untrained_model_is_far_and_the_same_evaluation_gives_the_same_numbers(water: Path, cache: Path) -> None:
    model = load_model(water)
    report = _evaluate(model, cache)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    assert report == _evaluate(model, cache)
    assert torch.get_num_threads() == threads + 1
    torch.set_num_threads(threads)
    scores = report.scores
    assert set(scores) == {
        "patches, frames",
        "patches, lag 1",
        "spectrum, dB",
        "loop seam",
        "tile seam x",
        "tile seam y",
        "repeat",
        "imprint",
    }
    for name in ("patches, frames", "patches, lag 1", "spectrum, dB"):
        assert scores[name].generated > 2 * scores[name].floor, name
    for name in ("patches, lag 1", "spectrum, dB"):
        shuffled = scores[name].shuffled
        assert shuffled is not None
        assert shuffled > scores[name].floor, name
    assert set(report.sliders) == {"scale", "sharpness"}
    for slider in report.sliders.values():
        assert slider.real is not None
        assert slider.real > 0
    assert all(-1 <= slider.rank <= 1 for slider in report.sliders.values())


@pytest.mark.slow
def test_nothing_but_the_slider_moves_in_a_sweep(water: Path, cache: Path) -> None:
    model = load_model(water)
    with torch.no_grad():
        model.network.control.zero_()
    still = _found(model, cache, replace(SMALL, seeds=2)).sweeps["scale"].drawn
    assert still.shape == (2, 9, 2)
    assert (still[:, :, 0] == np.linspace(0, 1, 9)).all()
    assert (np.ptp(still[:, :, 1], axis=1) == 0).all()
    assert still[0, 0, 1] != still[1, 0, 1]


@pytest.mark.slow
def test_slopes_are_taken_of_the_trials_and_not_of_the_few_compared_clips(water: Path, cache: Path) -> None:
    model = load_model(water)
    found = _found(model, cache, SMALL)
    trials = found.reference.trials
    assert trials is not None
    assert trials.clips.shape[:2] == (SMALL.trials, SMALL.trial)
    expected = [slope(trials, "scale", measured(trials, c)["scale"]) for c in (draw(model, trials, CPU), trials.clips)]
    slider = found.report.sliders["scale"]
    assert [slider.generated, slider.real] == expected
    assert (found.sweeps["scale"].real[:, 0] == trials.controls[:, 0]).all()


def test_no_slope_is_given_of_what_all_clips_share() -> None:
    rng = np.random.default_rng(0)
    style = Style("pool", controls=(Control("scale"), Control("hue")))
    film = rng.integers(0, 255, (6, 4, 16, 16, 4), np.uint8)
    controls = np.column_stack([rng.random(6), np.full(6, 0.9)]).astype(np.float32)
    reference = Reference(style, 16, 24.0, film, film, controls, Trials(style, 16, 24.0, film, controls))
    drawing = _Drawing(film, Grid(16, 16), 1.0, film, {}, None, film, {}, dict.fromkeys(("scale", "hue"), film), film)
    sweeps = _sweeps(drawing, reference)
    assert sweeps["scale"].slopes is not None
    assert sweeps["hue"].slopes is None
    assert not len(sweeps["hue"].real)


@pytest.mark.slow
def test_clips_are_compared_at_the_footages_frame_rate(water: Path, cache: Path) -> None:
    model = load_model(water)
    card = replace(model.card, styles=(replace(model.card.styles[0], fps=48.0),))
    quick = replace(model, file=replace(model.file, card=card))
    found = _found(quick, cache, SMALL)
    assert found.reference.fps == ELEMENTS["caustics"].fps == 24
    artist = Artist(quick, card.styles[0], CPU, 32, (32, 32), 48.0)
    settings = [dict(zip(("scale", "sharpness"), row, strict=True)) for row in found.reference.controls]
    assert (artist.clips(settings, range(0, 2 * SMALL.frames, 2)) == found.generated).all()


@pytest.mark.slow
def test_table_and_file_hold_every_number(water: Path, cache: Path, tmp_path: Path) -> None:
    report = _evaluate(load_model(water), cache)
    table = as_table([report])
    for name, found in report.scores.items():
        assert re.search(rf"caustics +{re.escape(name)} +{found.generated:.4f} +{found.floor:.4f}", table)
    assert "correlation length" in table
    path = tmp_path / "new" / "numbers.json"
    write_json(path, {"model": "Water"}, [report])
    stored = json.loads(path.read_text())["styles"]["caustics"]
    assert stored["scores"]["loop seam"]["generated"] == report.scores["loop seam"].generated
    assert stored["controls"]["scale"]["rank"] == report.sliders["scale"].rank
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_what_is_no_distance_has_no_ratio() -> None:
    """A repeat of -0.07 where real clips have -0.06 is not 1.2 times as far."""
    scores = {"repeat": Score(-0.07, -0.06, distance=False), "patches": Score(2.0, 1.0)}
    repeat_row, patches_row = as_table([Report("fire", scores, {})]).splitlines()[1:3]
    assert repeat_row.split() == ["fire", "repeat", "-0.0700", "-0.0600"]
    assert patches_row.split() == ["fire", "patches", "2.0000", "1.0000", "2.00"]


def test_a_table_warns_of_metrics_that_are_blind_to_order() -> None:

    table = as_table([Report("fire", {"kernel, lag 1": Score(2.0, 1.0, 0.9), "patches": Score(2.0, 1.0, 1.1)}, {})])
    assert [line for line in table.splitlines() if "no worse" in line] == [
        "fire: kernel, lag 1: shuffled frames score no worse than real ones; compare more clips."
    ]


def test_shuffled_clips_keep_their_frames() -> None:
    clips = np.random.default_rng(0).integers(0, 255, (3, 10, 4, 4, 4), dtype=np.uint8)
    shuffled = shuffle(clips)
    assert (shuffled != clips).any()
    for before, after in zip(clips, shuffled, strict=True):
        assert sorted(f.tobytes() for f in before) == sorted(f.tobytes() for f in after)


def test_what_cannot_be_compared_is_refused_with_a_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tiny_model(tmp_path)
    for arguments, remedy in (
        (["--procedural", "--style", "lava"], "give styles that the model and the project have: fire, caustics"),
        (["--procedural", "--size", "96"], "give a --size that divides 128"),
        (["--procedural", "--clips", "5"], "give an even number"),
        (["--procedural", "--trials", "5"], "give 6 or more"),
        (["--procedural", "--features", str(tmp_path / "none")], "give the weights of SqueezeNet"),
        ([], "Give either footage"),
        (["film.avi", "--procedural"], "Give either footage"),
        (["--procedural", "--page", "page.pdf"], "must end in .html"),
        (["--procedural", "--i3d", str(tmp_path / "none")], "torch.jit.save"),
    ):
        assert main(["evaluate", str(path), *arguments, "--cache", str(tmp_path / "cache")]) == 2
        assert remedy in capsys.readouterr().err
    assert not (tmp_path / "cache").exists()


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EvaluationError, match="numbers"):
        write_json(tmp_path / "file" / "numbers.json", {}, [])
