# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that goes on from its exported state goes on as it would have done, to the precision of halves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from aigc_blender.generator.checkpoint import load_model
from tests.models import tiny_model
from tests.training.test_fit import SMALL, assert_same_run, curve, folder_of_run, newest_state, run, waves
from training.__main__ import main
from training.errors import TrainingError
from training.files import replacing
from training.run import exported as exports
from training.run.exported import INDEX, NETWORKS, OPTIMISERS, Exported, export_state, read_exported
from training.run.monitor import Intervals
from training.run.state import save_state

BEFORE, AFTER = 30, 4  # steps
CONFIG = replace(SMALL, alone=0, batch=2)
RARELY = Intervals(log=1, sheet=0)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of some steps and its exported state, which must not be changed."""
    path = tmp_path_factory.mktemp("done")
    tiny_model(path)
    assert run(path, BEFORE, CONFIG, intervals=RARELY)
    assert main(["export", str(path / "out.safetensors"), "--to", str(path / "state")]) == 0
    return path


@pytest.fixture(scope="module")
def exact(done: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run gone on with."""
    path = shutil.copytree(done, tmp_path_factory.mktemp("exact"), dirs_exist_ok=True)
    assert run(path, BEFORE + AFTER, CONFIG, intervals=RARELY)
    return path


@pytest.fixture
def elsewhere(done: Path, tmp_path: Path) -> Path:
    """A folder with the exported state and the model beside it, but without the run."""
    tiny_model(tmp_path)
    shutil.copytree(done / "state", tmp_path / "state")
    shutil.copy(done / "out.safetensors", tmp_path / "state.safetensors")
    return tmp_path


def go_on(folder: Path, **options: Any) -> list[str]:
    """Go on from the exported state; what was reported."""
    lines: list[str] = []
    options = {
        "resume": read_exported(folder / "state"),
        "config": CONFIG,
        "start": None,
        "intervals": RARELY,
        **options,
    }
    assert run(folder, BEFORE + AFTER, report=lines.append, **options)
    return lines


def deviation(folder: Path, other: Path) -> float:
    """Of the losses of the steps after the export, relative."""
    ours, theirs = curve(folder), curve(other)
    return max(
        abs(ours[step][name] - theirs[step][name]) / abs(theirs[step][name])
        for step in range(BEFORE + 1, BEFORE + AFTER + 1)
        for name in ("discriminator", "generator", "margin")
    )


def test_losses_go_on_as_if_nothing_had_happened(elsewhere: Path, exact: Path) -> None:
    lines = go_on(elsewhere)
    assert lines == [f"Going on from {elsewhere / 'state'} at step {BEFORE}."]
    assert min(curve(elsewhere)) == BEFORE + 1
    assert deviation(elsewhere, exact) < 0.02
    ours, theirs = newest_state(elsewhere), newest_state(exact)
    for name in ("steps", "augment", "config"):
        assert ours[name] == theirs[name]
    assert ours["run"]["origin"] == theirs["run"]["origin"]
    assert ours["run"]["seconds"] > newest_state(exact)["run"]["seconds"] / 2


@pytest.mark.parametrize("lost", ["exp_avg_sq", "both"])
def test_without_second_moments_losses_would_leap(
    lost: str, elsewhere: Path, exact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Exported._moments

    def forgetful(self: Exported, *arguments: Any) -> dict[str, Any]:
        moments = known(self, *arguments)
        for values in moments["state"].values():
            values["exp_avg_sq"].zero_()
            if lost == "both":
                values["step"].zero_()
        return moments

    monkeypatch.setattr(Exported, "_moments", forgetful)
    go_on(elsewhere)
    assert deviation(elsewhere, exact) > 0.2


def test_first_moments_change_nothing(done: Path, exact: Path, tmp_path: Path) -> None:
    shutil.copytree(done, tmp_path, dirs_exist_ok=True)
    state = newest_state(tmp_path)
    for name in OPTIMISERS:
        for moments in state[name]["state"].values():
            moments["exp_avg"].zero_()
    save_state(folder_of_run(tmp_path) / "states", state)
    assert run(tmp_path, BEFORE + AFTER, CONFIG, intervals=RARELY)
    assert_same_run(tmp_path, exact)


def test_all_of_a_state_is_in_the_export_in_half_precision(done: Path) -> None:
    state, found = newest_state(done), read_exported(done / "state", [done / "out.safetensors"]).state()
    assert found.keys() == state.keys()
    for network in (*NETWORKS, "average"):
        assert found[network].keys() == state[network].keys()
        for name, tensor in state[network].items():
            assert torch.equal(found[network][name], tensor.half().float())
    for name in OPTIMISERS:
        assert found[name]["state"].keys() == state[name]["state"].keys()
        for index, moments in state[name]["state"].items():
            again = found[name]["state"][index]
            assert float(again["step"]) == float(moments["step"])
            torch.testing.assert_close(again["exp_avg_sq"], moments["exp_avg_sq"], rtol=2e-3, atol=1e-20)


def test_tiny_and_huge_moments_survive_half_precision(done: Path, tmp_path: Path) -> None:
    state, model = newest_state(done), load_model(done / "out.safetensors")
    for index, moments in state["generator_optimiser"]["state"].items():
        moments["exp_avg_sq"].mul_(1e-24 if index % 2 else 1e12)
    export_state(state, model, tmp_path / "state")
    found = read_exported(tmp_path / "state", [done / "out.safetensors"]).state()
    for index, moments in state["generator_optimiser"]["state"].items():
        again = found["generator_optimiser"]["state"][index]["exp_avg_sq"]
        torch.testing.assert_close(again, moments["exp_avg_sq"], rtol=2e-3, atol=0)


def test_the_average_is_what_the_model_file_holds(done: Path) -> None:
    folder, path = done / "state", done / "out.safetensors"
    names = {name.partition(".")[0] for shard in folder.glob("*.safetensors") for name in load_file(shard)}
    assert names == {*NETWORKS, *OPTIMISERS}
    held = load_file(path)
    for name, tensor in newest_state(done)["average"].items():
        assert torch.equal(held[name], tensor.half())
    assert read_exported(folder, [path]).model_file() == path


def test_the_model_is_found_by_its_weights_whatever_its_card_says(done: Path, elsewhere: Path) -> None:
    from aigc_blender.generator.checkpoint import save_model

    model = load_model(done / "out.safetensors")
    save_model(elsewhere / "state.safetensors", replace(model.card, name="Other", metrics={"fire": 1.0}), model.network)
    assert len(go_on(elsewhere)) == 1


def test_the_average_goes_along_where_the_model_is_of_another_moment(done: Path, elsewhere: Path, exact: Path) -> None:
    later = load_model(exact / "out.safetensors")
    exported = export_state(newest_state(done), later, elsewhere / "state")
    assert exported.model_file() is None
    (elsewhere / "state.safetensors").unlink()
    go_on(elsewhere)
    assert deviation(elsewhere, exact) < 0.02


def test_shards_keep_to_their_limit(done: Path, tmp_path: Path) -> None:
    limit, path = 600_000, done / "out.safetensors"
    exported = export_state(newest_state(done), load_model(path), tmp_path / "state", limit)
    sizes = [(tmp_path / "state" / name).stat().st_size for name in exported.shards]
    assert len(sizes) > 3
    assert all(limit / 4 < size <= limit for size in sizes[:-1]), sizes
    assert sizes[-1] <= limit
    whole = read_exported(done / "state", [path]).state()
    parts = read_exported(tmp_path / "state", [path]).state()
    for name in (*NETWORKS, "average"):
        assert all(torch.equal(parts[name][n], tensor) for n, tensor in whole[name].items())


def test_an_export_replaces_the_one_before_and_leaves_nothing_else(done: Path, exact: Path, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    for path, steps in ((done, BEFORE), (exact, BEFORE + AFTER)):
        exported = export_state(newest_state(path), load_model(path / "out.safetensors"), folder)
        assert exported.plain["steps"] == steps
        assert {p.name for p in folder.iterdir()} == {INDEX, *exported.shards}


@pytest.mark.parametrize("before", [False, True])
def test_an_export_that_fails_leaves_what_was_there(
    before: bool, done: Path, exact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, model = tmp_path / "state", load_model(exact / "out.safetensors")
    if before:
        shutil.copytree(done / "state", folder)
    held = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(path: Path) -> Any:
        if path.name == INDEX:
            raise OSError(28, "No space left on device")
        return replacing(path)

    monkeypatch.setattr(exports, "replacing", full)
    with pytest.raises(TrainingError, match="No space left"):
        export_state(newest_state(exact), model, folder)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == held
    assert folder.exists() == before


def test_a_folder_of_other_things_is_not_written_to(done: Path, tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("Dear")
    with pytest.raises(TrainingError, match="something else"):
        export_state(newest_state(done), load_model(done / "out.safetensors"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def shard_of(folder: Path) -> Path:
    return next((folder / "state").glob("*.safetensors"))


def index(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "state" / INDEX
    raw = json.loads(path.read_text())
    change(raw)
    path.write_text(json.dumps(raw))


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda f: shutil.rmtree(f / "state"), "holds no exported state"),
        (lambda f: (f / "state" / INDEX).write_text("{"), "is not JSON"),
        (lambda f: (f / "state" / INDEX).write_text("[]"), "another program"),
        (lambda f: index(f, lambda raw: raw.update(format="aigc training state 9")), "another version"),
        (lambda f: index(f, lambda raw: raw.pop("steps")), "damaged or incomplete"),
        (lambda f: index(f, lambda raw: raw.update(shards={"../secret": ""})), "no shards"),
        (lambda f: shard_of(f).unlink(), "damaged or incomplete"),
        (lambda f: shard_of(f).write_bytes(shard_of(f).read_bytes()[:-1]), "not the file that was exported"),
        (lambda f: (f / "state.safetensors").unlink(), "put that file to"),
        (lambda f: shutil.copy(f / "tiny.safetensors", f / "state.safetensors"), "put that file to"),
        (lambda f: index(f, lambda raw: raw["state"]["config"].update(seed=7)), "seed 7, not 0"),
        (lambda f: index(f, lambda raw: raw["architecture"].update(width=16)), "other networks"),
        (lambda f: index(f, lambda raw: raw["steps"].update(generator_optimiser=[1])), "damaged or incomplete"),
    ],
)
def test_damaged_and_foreign_states_are_refused(harm: Callable[[Path], object], words: str, elsewhere: Path) -> None:
    harm(elsewhere)
    with pytest.raises(TrainingError, match=words) as refused:
        go_on(elsewhere)
    assert "\n" not in str(refused.value)
    assert not (elsewhere / "out.safetensors").exists()


def test_another_run_is_refused_by_the_name_of_what_differs(elsewhere: Path) -> None:
    with pytest.raises(TrainingError, match="leave --resume out"):
        go_on(elsewhere, footage=[waves("other")])


def test_states_of_its_own_win(elsewhere: Path) -> None:
    go_on(elsewhere)
    before = newest_state(elsewhere)["steps"]
    lines: list[str] = []
    resume = read_exported(elsewhere / "state")
    (elsewhere / "state.safetensors").unlink()  # it is not needed any more
    assert run(elsewhere, before + 1, CONFIG, intervals=RARELY, start=None, resume=resume, report=lines.append)
    assert lines == [f"{folder_of_run(elsewhere)} has states of its own; {elsewhere / 'state'} is not used."]
    assert list(curve(elsewhere)) == list(range(BEFORE + 1, before + 2))


def test_a_model_without_its_run_is_not_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tiny_model(tmp_path)), "--to", str(tmp_path / "state")]) == 2
    assert "the run that made it is not beside it" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()
