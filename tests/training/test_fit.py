# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are killed, stopped, truncated and starved go on to the same curve, or say why not."""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aigc_blender.card import UNKNOWN_RIGHTS, Style
from aigc_blender.generator.checkpoint import load_model
from aigc_blender.generator.sampler import Sampler
from aigc_blender.recipe import Recipe
from tests.models import tiny_model
from training.__main__ import main
from training.errors import RunFailedError, TrainingError
from training.export import Label
from training.fit import Limits, fit
from training.footage.clips import Footage
from training.objectives import OBJECTIVES
from training.run.monitor import Intervals
from training.run.state import load_state, save_state, state_files
from training.trainer import Config
from training.warm import warm_network

SMALL = Config(size=32, frames=3, batch=2, alone=1)
STEPS = 6


def waves(name: str = "waves", seed: int = 0, frames: int = 12) -> Footage:
    """Two clips of moving stripes."""
    rng = np.random.default_rng(seed)
    t, x = np.arange(frames)[:, None, None, None], np.arange(40)[:, None]
    film = 128 + 100 * np.sin((x + 2 * t) / 5 + rng.random((2, 1, 1, 1, 4)) * 6)
    clips = np.broadcast_to(film, (2, frames, 32, 40, 4)).astype(np.uint8)
    return Footage(Style(name, max_height=64), {32: clips}, np.zeros((2, 0), np.float32))


def run(folder: Path, steps: int = STEPS, config: Config = SMALL, **options: Any) -> bool:
    """Train from the tiny model in ``folder`` to ``folder/out.safetensors``."""
    options = {"footage": [waves()], "start": load_model(folder / "tiny.safetensors"), **options}
    return fit(
        config=config,
        limits=Limits(steps),
        out=folder / "out.safetensors",
        label=Label("Waves"),
        device=torch.device("cpu"),
        **{"intervals": Intervals(log=1, sheet=0, save_minutes=0), **options},
    )


def folder_of_run(folder: Path) -> Path:
    return folder / "out.safetensors.run"


def states_of_run(folder: Path) -> list[Path]:
    """Of a run's folder, the newest first."""
    return state_files(folder_of_run(folder) / "states")


def newest_state(folder: Path) -> dict[str, Any]:
    state = load_state(folder_of_run(folder) / "states")
    assert state is not None
    return state


def curve(folder: Path) -> dict[int, dict[str, float]]:
    """Losses by step."""
    lines = (folder_of_run(folder) / "events.jsonl").read_text().splitlines()
    events = [event for event in map(json.loads, lines) if "discriminator" in event]
    assert [e["step"] for e in events] == sorted({e["step"] for e in events}), "each step once"
    return {e.pop("step"): {name: value for name, value in e.items() if name != "seconds"} for e in events}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny_model(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing happened to."""
    path = tmp_path_factory.mktemp("undisturbed")
    tiny_model(path)
    assert run(path)
    return path


def undisturbed_run(folder: Path, steps: int) -> Path:
    """The folder of a run of so many steps beside another one, from the same model."""
    path = folder / "undisturbed"
    path.mkdir()
    tiny_model(path)
    assert run(path, steps)
    return path


def assert_same_run(folder: Path, other: Path) -> None:
    assert curve(folder) == curve(other)
    weights, expected = (load_model(f / "out.safetensors").network.state_dict() for f in (folder, other))
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_a_run_logs_every_step_and_its_model_draws(undisturbed: Path) -> None:
    losses = curve(undisturbed)
    assert list(losses) == list(range(1, STEPS + 1))
    assert all(np.isfinite(list(event.values())).all() for event in losses.values())
    model = load_model(undisturbed / "out.safetensors")
    assert [s.name for s in model.card.styles] == ["waves"]
    assert model.card.rights.statement == UNKNOWN_RIGHTS
    assert model.card.training["steps"] == STEPS
    assert model.card.training["from"] == load_model(undisturbed / "tiny.safetensors").file.digest
    ((_, frame),) = Sampler(model).frames(Recipe("waves", width=48, height=32), [7])
    assert frame.shape == (32, 48, 4)
    assert frame[..., :3].std() > 0


def test_signals_are_as_before_after_a_run(undisturbed: Path) -> None:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert curve(undisturbed)


@pytest.fixture(scope="module")
def half_done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("half")
    tiny_model(path)
    assert run(path, STEPS // 2)
    return path


@pytest.fixture
def half(half_done: Path, tmp_path: Path) -> Path:
    """The folder of a run that has done half of its steps."""
    return shutil.copytree(half_done, tmp_path, dirs_exist_ok=True)


@pytest.mark.parametrize("damage", ["cut to nothing", "cut", "a wrong bit"])
def test_a_damaged_state_falls_back_to_the_one_before(damage: str, undisturbed: Path, half: Path) -> None:
    newest, *others = states_of_run(half)
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes({"cut to nothing": b"", "cut": bytes(data[:-100]), "a wrong bit": bytes(data)}[damage])
    lines: list[str] = []
    assert run(half, report=lines.append)
    assert lines == [f"{newest}: damaged; it is not used."]
    assert_same_run(half, undisturbed)
    assert len(states_of_run(half)) == len(others) + 1 == 3


def test_damaged_states_alone_are_an_error_and_stay_where_they_are(half: Path) -> None:
    for path in states_of_run(half):
        path.write_bytes(b"PK\x03\x04 no state")
    before = states_of_run(half)
    with pytest.raises(TrainingError, match="damaged"):
        run(half)
    assert states_of_run(half) == before
    assert before[0].read_bytes() == b"PK\x03\x04 no state"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"config": replace(SMALL, seed=1)}, "seed 0, not 1"),
        ({"config": replace(SMALL, batch=3)}, "batch 2, not 3"),
        ({"footage": [waves("other")]}, "styles"),
        ({"footage": [waves(frames=13)]}, "clips"),
        ({"start": None}, "from"),
    ],
)
def test_another_run_is_refused_by_the_name_of_what_differs(change: dict[str, Any], field: str, half: Path) -> None:
    before = states_of_run(half)
    with pytest.raises(TrainingError, match=field):
        run(half, **change)
    assert states_of_run(half) == before


@pytest.mark.parametrize("lost", ["rollbacks", "average", "generator_optimiser", "steps", "run", "beta"])
def test_a_state_of_another_version_is_refused_whole(lost: str, half: Path) -> None:
    state = newest_state(half)
    del next(part for part in (state, state["run"], state["config"]) if lost in part)[lost]
    save_state(folder_of_run(half) / "states", state)
    before = states_of_run(half), curve(half), (half / "out.safetensors").read_bytes()
    with pytest.raises(TrainingError, match="another version"):
        run(half)
    assert (states_of_run(half), curve(half), (half / "out.safetensors").read_bytes()) == before


def test_a_run_of_the_first_version_is_refused(folder: Path) -> None:
    folder_of_run(folder).mkdir()
    (folder_of_run(folder) / "state.pt").write_bytes(b"as it was then")
    with pytest.raises(TrainingError, match="another version"):
        run(folder)


def test_a_run_may_become_longer(half: Path) -> None:
    lines: list[str] = []
    assert run(half, STEPS, replace(SMALL, horizon_clips=9), report=lines.append)
    assert len(curve(half)) == STEPS
    assert len(lines) == 1


def test_losses_that_cease_to_be_numbers_go_back_to_the_last_state_at_half_the_rate(folder: Path) -> None:
    wild = replace(SMALL, rate=1e4, rate_end=1e4)
    lines: list[str] = []
    with pytest.raises(RunFailedError, match="not finite"):
        run(folder, config=wild, report=lines.append)
    assert len(lines) == 3
    assert all("half the rate" in line for line in lines)
    state = newest_state(folder)
    assert state["run"]["rollbacks"] == 3, "kept for when the run is started again"
    for name in ("generator", "average", "discriminator"):
        assert all(torch.isfinite(tensor).all() for tensor in state[name].values())
    if (folder / "out.safetensors").exists():  # written with the first state of a step, if there was one
        assert load_model(folder / "out.safetensors").card.training["steps"] == state["steps"]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_trains_from_scratch(objective: str, folder: Path) -> None:
    assert run(folder, 2, replace(SMALL, objective=objective, alone=0), start=None)
    assert len(curve(folder)) == 2
    assert load_model(folder / "out.safetensors").card.training["config"]["objective"] == objective


def test_the_generator_rests_while_the_discriminator_is_alone(folder: Path) -> None:
    begun = warm_network(load_model(folder / "tiny.safetensors"), [waves().style]).state_dict()

    def generator(steps: int) -> dict[str, torch.Tensor]:
        assert run(folder, steps, replace(SMALL, alone=3))
        weights: dict[str, torch.Tensor] = newest_state(folder)["generator"]
        return weights

    rested = generator(3)
    assert all(torch.equal(rested[name], begun[name]) for name in begun)
    assert not torch.equal(generator(4)["style"], begun["style"])


def test_footage_that_is_too_short_is_refused(folder: Path) -> None:
    with pytest.raises(TrainingError, match="9 are needed"):
        run(folder, footage=[waves(frames=8)])
    assert not folder_of_run(folder).exists()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A folder with a video of 30 frames."""
    import imageio.v3 as iio

    path = tmp_path / "Small Waves"
    path.mkdir()
    t, x = np.arange(30)[:, None, None, None], np.arange(40)[:, None]
    clip = np.broadcast_to(128 + 100 * np.sin((x + t) / 5), (30, 32, 40, 3)).astype(np.uint8)
    iio.imwrite(
        path / "a.mkv", clip, plugin="pyav", codec="ffv1", fps=12, in_pixel_format="rgb24", out_pixel_format="bgr0"
    )
    return path


def command(tmp_path: Path, *arguments: str) -> int:
    common = ["--size", "32", "--batch", "2", "--device", "cpu", "--cache", str(tmp_path / "cache")]
    return main(["fit", *arguments, *common, "--out", str(tmp_path / "out.safetensors")])


def test_the_command_trains_on_a_folder_of_footage(
    folder: Path, film: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (film / "notes.txt").write_text("not a film")
    (film / "broken.mp4").write_text("not a film")
    warm = ["--from", str(folder / "tiny.safetensors"), "--anchored", "y", "--rights", "Filmed by us."]
    assert command(folder, str(film), *warm, "--steps", "2") == 0
    assert "broken.mp4" in capsys.readouterr().out
    card = load_model(folder / "out.safetensors").card
    (style,) = card.styles
    assert (style.name, style.fps, style.anchored, style.native_height) == ("small_waves", 12, ("y",), 32)
    assert card.name == "Small Waves"
    start = load_model(folder / "tiny.safetensors").card
    assert card.rights.statement == f"Filmed by us; begun with {start.name}: {start.rights.statement}"
    assert card.rights.sources == ("a.mkv",)
    assert command(folder, str(film), *warm, "--steps", "3") == 0
    assert load_model(folder / "out.safetensors").card.training["steps"] == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "either footage"),
        (["--procedural", "film.mp4"], "either footage"),
        (["film.txt"], "None of the footage"),
        (["missing.mp4"], "None of the footage"),
        (["{film}", "--style", "Fire!"], "cannot be a name"),
        (["{film}", "--minutes", "0"], "--minutes"),
        (["{film}", "--steps", "0"], "--steps"),
        (["{film}", "--from", "missing.safetensors"], "missing.safetensors"),
        (["{film}", "--size", "48"], "Size 48"),
        (["--procedural", "--style", "soup"], "soup"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    arguments: list[str], words: str, tmp_path: Path, film: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "film.txt").write_text("not a film")
    filled = [a.format(film=film) for a in arguments]
    out = ["--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "out.safetensors")]
    assert main(["fit", *filled, *out]) == 2
    error = capsys.readouterr().err.strip()
    assert words in error
    assert "\n" not in error
    assert not list(tmp_path.glob("out*"))


def test_a_run_does_not_write_over_the_model_it_begins_with(
    tmp_path: Path, film: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = tiny_model(tmp_path)
    before = start.read_bytes()
    again = tmp_path / "sub" / ".." / start.name
    (tmp_path / "sub").mkdir()
    arguments = [str(film), "--from", str(again), "--out", str(start), "--cache", str(tmp_path / "cache")]
    assert main(["fit", *arguments, "--size", "32", "--batch", "2", "--steps", "1", "--device", "cpu"]) == 2
    assert "would be overwritten" in capsys.readouterr().err
    assert start.read_bytes() == before


@pytest.mark.slow
def test_minutes_limit_a_call_and_steps_the_run(folder: Path, film: Path) -> None:
    arguments = [str(film), "--from", str(folder / "tiny.safetensors"), "--steps", "100000", "--minutes"]
    done = []
    for minutes in ("0.02", "0.03"):
        assert command(folder, *arguments, minutes) == 0
        done.append(load_model(folder / "out.safetensors").card.training["steps"])
    assert 0 < done[0] < done[1] < 100000
