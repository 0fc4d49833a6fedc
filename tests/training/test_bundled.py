# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of bundled models, what is made by it, and the folder that makes it on a bare machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import imageio.v3 as iio
import pytest
import torch

from aigc_blender.card import read_model_file
from training import bundle
from training.__main__ import main
from training.bundle import write_bundle
from training.bundled import GAMMA_FALL, MODELS, STATES, TABLE, chosen, read_table
from training.errors import TrainingError
from training.footage.procedural import ELEMENTS
from training.make import Place, config_of, make, steps_done
from training.run.exported import INDEX, NETWORKS, read_exported
from training.run.run import MAY_CHANGE, states_folder
from training.run.state import load_state
from training.trainer import Config, Trainer

ROOT = Path(__file__).parents[2]
ABSENT = ("bpy", "av", "cv2", "scenedetect", "OpenImageIO", "tensorboard", "torch.utils.tensorboard")
ENTRY = """
[tiny]
name = "Tiny Aurora"
styles = ["aurora"]
steps = 1
size = 32
heights = [32]
batch = 2
rate = 4e-4
gamma = 24.0
clips = 2
frames = 24
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(ENTRY)
    return path


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine that has little more than torch."""
    (tmp_path / "site").mkdir()
    code = f"import sys\nsys.modules |= dict.fromkeys({ABSENT!r})\n"
    (tmp_path / "site" / "sitecustomize.py").write_text(code)
    return {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PYTHON": sys.executable}


def test_every_model_of_the_table_can_be_trained() -> None:
    models = read_table()
    assert models
    for model in models:
        assert set(model.styles) <= ELEMENTS.keys()
        assert not model.start or (MODELS / f"{model.start}.safetensors").is_file()
    drawn = [style for model in models for style in model.styles]
    assert sorted(drawn) == sorted(ELEMENTS), "each element has one model"
    assert chosen(models, models[-1].file) == models[-1:]
    with pytest.raises(TrainingError, match="'soup' is not in the table; choose from"):
        chosen(models, "soup")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[tiny]", "[tiny", "not TOML"),
        ("[tiny]", '["Tiny!"]', "headed by"),
        ("steps = 1", "", "steps"),
        ("steps = 1", "step = 3", "step is not known"),
        ("steps = 1", "steps = 0", "above 0"),
        ("steps = 1", 'steps = "3"', "tiny: "),
        ("steps = 1", "steps = 1\ntempo = 0", "above 0"),
        ("steps = 1", "steps = 1\ndrift = [[0.0]]", "two numbers"),
        ("steps = 1", "steps = 1\ndrift = [[0.0, 1.5]]", "at most 0.5"),
        ("steps = 1", "steps = 1\ndrift = [[0.0, 0.1], [0.0, 0.1]]", "for each style"),
        ("steps = 1", "steps = 1\ndrift = [0.0]", "tiny: "),
        ("size = 32", "size = 48", "32, 64 or 128"),
        ("heights = [32]", "heights = [64, 96]", "divide the greatest"),
        ("heights = [32]", "heights = [16]", "the size or more"),
        ("heights = [32]", "heights = [32]\ncompared = 64", "one of the heights"),
        ('["aurora"]', "[]", "must be given"),
        ("size = 32", "size = 32\nwindows = [1, 2]", "no more than the greatest height"),
        ("size = 32", "size = 32\nwindows = []", "must be given"),
        ("steps = 1", "steps = 1\nchannels = [8, 8, 8]", "there is no start"),
        ("steps = 1", "steps = 1\nhead = 3", "there is no start"),
        ("steps = 1", "steps = 1\nrate_end = 1e-3", "no greater than rate"),
        ("steps = 1", "steps = 1\nrate_end = 0", "no greater than rate"),
        ("steps = 1", "steps = 1\ngamma_end = 30", "no greater than rate"),
    ],
)
def test_a_wrong_table_is_one_sentence(old: str, new: str, words: str, table: Path) -> None:
    assert old in ENTRY
    table.write_text(ENTRY.replace(old, new))
    with pytest.raises(TrainingError, match=words) as refused:
        read_table(table)
    assert str(table) in str(refused.value)


def test_figures_stay_comparable_when_elements_are_seen_taller(table: Path) -> None:
    assert read_table(table)[0].measured == 32
    table.write_text(ENTRY.replace("heights = [32]", "heights = [64, 128, 256]"))
    assert read_table(table)[0].measured == 128
    table.write_text(ENTRY.replace("heights = [32]", "heights = [64, 128, 256]\ncompared = 256"))
    assert read_table(table)[0].measured == 256


def test_rate_and_gamma_fall_as_far_as_the_table_says(table: Path) -> None:
    (usual,) = read_table(table)
    table.write_text(ENTRY + "rate_end = 2e-5\ngamma_end = 6.0\n")
    (told,) = read_table(table)
    ends = [(c.rate_end, c.gamma_end) for c in (config_of(m, alone=0, half=False) for m in (usual, told))]
    assert ends == [(Config().rate_end, 24 * GAMMA_FALL), (2e-5, 6.0)]


def test_an_element_that_is_not_known_is_said(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table.write_text(ENTRY.replace("aurora", "soup"))
    assert main(["make", "--table", str(table), "--runs", str(tmp_path / "runs"), "--device", "cpu"]) == 2
    assert "'soup'" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fit_on_elements_needs_little_more_than_torch(tmp_path: Path, bare: dict[str, str]) -> None:
    out = tmp_path / "out.safetensors"
    few = ["--size", "32", "--batch", "2", "--clips", "2", "--steps", "1", "--device", "cpu"]
    command = [sys.executable, "-m", "training", "fit", "--procedural", "--style", "aurora", *few]
    where = ["--cache", str(tmp_path / "cache"), "--out", str(out)]
    done = subprocess.run([*command, *where], cwd=ROOT, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "TensorBoard is not installed" in done.stdout + done.stderr
    assert read_model_file(out).card.training["steps"] == 1
    assert [path.suffix for path in (tmp_path / "out.safetensors.run" / "videos").iterdir()] == [".webp"]


def call(folder: Path, env: dict[str, str], *options: str) -> str:
    done = subprocess.run(
        [str(folder / "run"), *options, "--device", "cpu"], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def steps_at(folder: Path) -> tuple[int, int]:
    """Of the model and of the exported state in a folder that was taken home."""
    model, state = folder / "tiny.safetensors", read_exported(folder / "tiny")
    state.state()
    return read_model_file(model).card.training["steps"], state.plain["steps"]


def test_a_slice_whose_time_is_up_saves_what_it_has(table: Path, tmp_path: Path) -> None:
    (model,) = read_table(table)
    place = Place(tmp_path / "runs", tmp_path / "cache", tmp_path / "states", torch.device("cpu"), half=False)
    assert make(model, place, time.monotonic(), lambda _: None)
    assert place.begun(model)
    assert steps_done(model, place) == 0
    assert read_model_file(place.out(model)).card.name == "Tiny Aurora"


def test_a_model_that_begins_with_another_has_its_judge_too(table: Path, tmp_path: Path) -> None:
    table.write_text(ENTRY.replace("32", "64") + 'start = "sky"\n')
    (model,) = read_table(table)
    place = Place(tmp_path / "runs", tmp_path / "cache", None, torch.device("cpu"), half=False)
    make(model, place, time.monotonic(), lambda _: None)
    state = load_state(states_folder(place.out(model)))
    assert state is not None
    exported = read_exported(STATES / "sky", [MODELS / "sky.safetensors"]).state()
    assert torch.equal(state["discriminator"]["stem.weight"], exported["discriminator"]["stem.weight"])


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_a_bundle_trains_in_slices_and_what_it_gives_goes_on_elsewhere(
    table: Path, tmp_path: Path, bare: dict[str, str]
) -> None:
    first, home = tmp_path / "first bundle", tmp_path / "home"
    assert main(["bundle", str(first), "--table", str(table), "--states", str(tmp_path)]) == 0
    assert not list((first / "aigc_blender" / "models").iterdir())
    assert "1 of 1 steps, finished" in call(first, {**bare, "OUT": str(home)}, "9", "--clips", "4", "--trials", "6")
    assert steps_at(home) == (1, 1)
    figures = json.loads((home / "tiny.json").read_text())
    assert set(figures["styles"]) == {"aurora"}
    assert (figures["protocol"]["clips"], figures["protocol"]["trials"]) == (4, 6)
    assert iio.imread(home / "tiny.png").std() > 0

    table.write_text(ENTRY.replace("steps = 1", "steps = 2"))
    second, elsewhere = tmp_path / "second", tmp_path / "elsewhere"
    assert main(["bundle", str(second), "--table", str(table), "--states", str(home)]) == 0
    output = call(second, {**bare, "OUT": str(elsewhere)}, "9", "--no-evaluate")
    assert "at step 1." in output
    assert "now fall over 4 clips" in output
    assert steps_at(elsewhere) == (2, 2)

    # The next slice there, by the command that its script gives.
    table.write_text(ENTRY.replace("steps = 1", "steps = 3"))
    where = ["--runs", second / "runs", "--cache", second / "runs" / "footage", "--to", elsewhere]
    slice_of = ["make", "--resume", second / "training" / "states", "--table", table, "--device", "cpu"]
    assert main([str(option) for option in (*slice_of, *where)]) == 0
    assert steps_at(elsewhere) == (3, 3)


def test_a_bundle_holds_the_code_and_no_model_that_is_not_needed(table: Path, tmp_path: Path) -> None:
    features, others = tmp_path / "network.safetensors", tmp_path / "bundle.tmp"
    features.write_bytes(b"weights")
    others.mkdir()
    size = write_bundle(tmp_path / "bundle", read_table(table), table, tmp_path, features)
    assert size < 4 * 2**20
    for package in ("aigc_blender", "training"):
        code = {p.relative_to(ROOT) for p in (ROOT / package).rglob("*.py")}
        assert code == {p.relative_to(tmp_path / "bundle") for p in (tmp_path / "bundle" / package).rglob("*.py")}
    assert (tmp_path / "bundle" / "training" / "bundled.toml").read_text() == ENTRY
    assert "--features features.safetensors" in (tmp_path / "bundle" / "run").read_text()
    assert not list((tmp_path / "bundle").rglob("*.safetensors.tmp"))
    assert {path.name for path in tmp_path.iterdir()} == {table.name, features.name, others.name, "bundle"}
    with pytest.raises(TrainingError, match="is there already"):
        write_bundle(tmp_path / "bundle", read_table(table), table, tmp_path, None)


def test_a_bundle_holds_the_model_that_another_begins_with(table: Path, tmp_path: Path) -> None:
    table.write_text(ENTRY + 'start = "water"\n')
    write_bundle(tmp_path / "bundle", read_table(table), table, tmp_path, None)
    kept = [path.name for path in (tmp_path / "bundle" / "aigc_blender" / "models").iterdir()]
    assert kept == ["water.safetensors"]


def test_a_bundle_that_is_too_large_is_not_written(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "MOST_BYTES", 1000)
    with pytest.raises(TrainingError, match="make several with --only"):
        write_bundle(tmp_path / "bundle", read_table(table), table, tmp_path, None)
    assert {path.name for path in tmp_path.iterdir()} == {table.name}


@pytest.mark.parametrize("state", sorted(STATES.glob("*")) if STATES.is_dir() else [], ids=lambda path: path.name)
def test_states_in_the_repository_are_whole_and_fit_this_version(state: Path) -> None:
    (model,) = chosen(read_table(), state.name)
    exported = read_exported(state, [MODELS / f"{state.name}.safetensors"])
    assert {path.name for path in state.iterdir()} == {INDEX, *exported.shards}
    assert exported.plain["run"]["origin"]["styles"] == list(model.styles)
    for clips in exported.plain["run"]["origin"]["clips"]:
        assert {int(height): shape[:2] for height, shape in clips.items()} == {
            height: [model.clips, model.frames] for height in model.heights
        }
    config = asdict(config_of(model, alone=exported.alone, half=False))
    begun = {**asdict(Config()), **exported.plain["config"]}
    told = {name: json.loads(json.dumps(value)) for name, value in config.items() if name not in MAY_CHANGE}
    assert told == {name: begun[name] for name in told}  # so that ``make --resume`` goes on with it
    found = exported.state()
    assert found["steps"] <= model.steps
    trainer = Trainer(Config(**found["config"]), exported.architecture, [])
    for name in NETWORKS:
        network = getattr(trainer, name)
        network.load_state_dict(found[name])
        moments = found[f"{name}_optimiser"]["state"]
        shapes = {index: parameter.shape for index, parameter in enumerate(network.parameters())}
        assert {index: shapes[index] for index in moments} == {i: m["exp_avg_sq"].shape for i, m in moments.items()}


def test_makefile_and_documentation_leave_figures_to_the_table() -> None:
    assert "-m training make" in (ROOT / "Makefile").read_text()
    assert TABLE.relative_to(ROOT).as_posix() in (ROOT / "docs" / "bundled-models.md").read_text()
