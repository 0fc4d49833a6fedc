# SPDX-License-Identifier: GPL-3.0-or-later
"""From recipe to frames: the same pixels in any split, resumed, cancelled."""

import re
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aigc_blender.card import read_model_file
from aigc_blender.errors import AigcError, DeviceError, ModelError, RecipeError, SequenceError
from aigc_blender.library import BUNDLED
from aigc_blender.produce import Result, choose_model, produce
from aigc_blender.produce import _sampler as sampler_of
from aigc_blender.recipe import Recipe, Track
from aigc_blender.sequence.metadata import read_metadata
from aigc_blender.sequence.sidecar import read_recipe
from tests.models import tiny_model

FIRE = Recipe("fire", seed=7, width=48, height=40, loop=24, controls={"height": 0.8})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models"))


def frames(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".png", ".exr")}


def draw(recipe: Recipe, numbers: range, folder: Path, model: Path, **options: Any) -> Result:
    return produce(recipe, numbers, folder, device="cpu", model=model, **options)


@pytest.mark.parametrize("fmt", ["png", "png16", "exr"])
def test_any_split_gives_the_same_files(tmp_path: Path, model: Path, fmt: str) -> None:
    draw(FIRE, range(1, 25), tmp_path / "whole", model, fmt=fmt)
    for numbers in (range(13, 25), range(2, 13, 2), range(1, 13)):
        draw(FIRE, numbers, tmp_path / "parts", model, fmt=fmt, threads=1)
    assert len(frames(tmp_path / "whole")) == 24
    assert frames(tmp_path / "parts") == frames(tmp_path / "whole")


def test_what_is_there_is_skipped(tmp_path: Path, model: Path) -> None:
    first = draw(FIRE, range(1, 7), tmp_path, model)
    assert (first.written, first.skipped, first.cancelled) == (6, 0, False)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    told: list[dict[str, Any]] = []
    second = draw(FIRE, range(1, 9), tmp_path, model, on_event=told.append)
    assert (second.written, second.skipped) == (2, 6)
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert [(e["number"], e["skipped"]) for e in told if e["type"] == "frame"] == [
        *((n, True) for n in range(1, 7)),
        (7, False),
        (8, False),
    ]
    last = [e for e in told if e["type"] == "progress"][-1]
    assert (last["done"], last["total"], last["eta_s"]) == (8, 8, 0)


def test_alpha_only_where_the_style_has_it(tmp_path: Path, model: Path) -> None:
    draw(FIRE, range(1, 2), tmp_path, model)
    draw(Recipe("caustics", width=32, height=16), range(1, 2), tmp_path, model)
    assert iio.imread(tmp_path / "fire.0001.png").shape == (40, 48, 4)
    assert iio.imread(tmp_path / "caustics.0001.png").shape == (16, 32, 3)


@pytest.mark.parametrize("fmt", ["png", "png16"])
def test_white_that_is_enlarged_has_no_holes(tmp_path: Path, model: Path, fmt: str) -> None:
    """By three, weights add up to a last bit more than 1."""
    draw(Recipe("fire", width=128, height=96, element_height=384), range(1, 2), tmp_path, model, fmt=fmt)
    pixels = iio.imread(tmp_path / "fire.0001.png")
    lit = pixels[..., :3].max(axis=2) == np.iinfo(pixels.dtype).max
    assert lit.any()
    assert pixels[lit, 3].all()


@pytest.mark.parametrize("number", [3, 27])
def test_a_frame_is_drawn_again_from_its_own_metadata(tmp_path: Path, model: Path, number: int) -> None:
    keyed = replace(FIRE, controls={"height": Track(1, tuple(n / 24 for n in range(24)))})
    draw(keyed, range(number, number + 1), tmp_path / "a", model)
    draw(read_recipe(tmp_path / "a" / f"fire.{number:04d}.png"), range(number, number + 1), tmp_path / "b", model)
    assert frames(tmp_path / "a") == frames(tmp_path / "b")


def test_a_keyed_loop_that_starts_anywhere_repeats(tmp_path: Path, model: Path) -> None:
    keyed = replace(FIRE, controls={"height": Track(1001, tuple(n / 24 for n in range(24)))})
    draw(keyed, range(1001, 1049), tmp_path, model)
    pixels = [iio.imread(tmp_path / f"fire.{n}.png") for n in range(1001, 1049)]
    assert all((a == b).all() for a, b in zip(pixels[:24], pixels[24:], strict=True))
    values = [read_metadata(tmp_path / f"fire.{n}.png")["inputs"]["controls"]["height"] for n in range(1001, 1025)]  # type: ignore[index]
    assert values == [n / 24 for n in range(24)]


MOVING = Recipe(
    "caustics",
    seed=7,
    width=96,
    height=32,
    element_height=64,
    speed=Track(3, (1.0, 2.0, 0.0, -1.5, 0.5, 1.0)),
    pan=(Track(2, (0.0, 4.3, 8.1, 90.0)), Track(1, (0.5, -20.0))),
    seed_b=8,
    seed_blend=Track(1, (0.0, 0.3, 1.0, 0.7)),
    style_b="fire",
    style_blend=0.0,
    shutter=0.5,
    shutter_samples=3,
)


@pytest.mark.parametrize(
    "recipe",
    [
        replace(MOVING, style_b=""),
        replace(MOVING, style_b="", loop=6, tile="x"),
        replace(MOVING, style_b="", shutter=0.0),
        replace(MOVING, pan=(MOVING.pan[0], 0.0), style_blend=Track(1, (0.0, 0.5, 1.0, 0.25)), loop=7),
        replace(MOVING, pan=(MOVING.pan[0], 0.0), style_blend=Track(1, (0.0, 0.5, 1.0, 0.25))),
    ],
)
def test_moving_frames_are_drawn_again_from_their_own_metadata(tmp_path: Path, model: Path, recipe: Recipe) -> None:
    draw(recipe, range(1, 9), tmp_path / "a", model)
    for number in range(1, 9):
        alone = read_recipe(tmp_path / "a" / f"caustics.{number:04d}.png")
        draw(alone, range(number, number + 1), tmp_path / "b", model, threads=1)
    assert frames(tmp_path / "a") == frames(tmp_path / "b")
    assert len(set(frames(tmp_path / "a").values())) == 8 if recipe.loop is None else True


def test_a_late_key_of_speed_redraws_what_follows_it_alone(tmp_path: Path, model: Path) -> None:
    ramp = replace(FIRE, loop=None, speed=Track(1, (1.0, 0.5, 0.5, 0.5, 0.0, 0.0)))
    draw(ramp, range(1, 9), tmp_path, model)
    later = replace(ramp, speed=Track(1, (1.0, 0.5, 0.5, 0.5, 2.0, 1.0)))
    assert draw(later, range(1, 9), tmp_path, model).written == 4


def test_what_does_not_come_back_at_the_end_of_a_loop_is_told(tmp_path: Path, model: Path) -> None:
    loop = replace(MOVING, style_b="", speed=1.0, shutter=0.0, pan=(0.0, 0.0), seed_blend=0.0, loop=16, tile="x")

    def told(recipe: Recipe) -> list[str]:
        texts: list[str] = []
        events = lambda e: texts.append(e["text"]) if e["type"] == "warning" else None  # noqa: E731
        draw(recipe, range(1, 2), tmp_path / "out", model, on_event=events)
        return texts

    assert told(loop) == []
    ramp = lambda end: Track(1, tuple(end * n / 16 for n in range(17)))  # noqa: E731
    assert told(replace(loop, pan=(ramp(2 * 96.0), 0.0))) == []
    assert told(replace(loop, speed=Track(1, (0.5, *(1.0,) * 7, 1.5, *(1.0,) * 7, 0.5)))) == []
    for change, name in (
        ({"pan": (ramp(50.0), 0.0)}, "Pan right .*multiple of 96"),
        ({"pan": (0.0, ramp(96.0))}, "Pan up .*tile y"),
        ({"seed_blend": ramp(1.0)}, "Seed blend"),
        ({"speed": Track(1, (0.0, *(1.0,) * 15, 2.0))}, "Speed"),
    ):
        texts = told(replace(loop, **change))
        assert any(re.match(name, text) for text in texts), texts


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(after=st.integers(0, 12))
def test_cancelling_leaves_whole_frames_and_resumes(
    tmp_path_factory: pytest.TempPathFactory, model: Path, after: int
) -> None:
    folder = tmp_path_factory.mktemp("cancelled")
    written: list[int] = []

    def on_event(event: dict[str, Any]) -> None:
        if event["type"] == "frame":
            written.append(event["number"])

    result = draw(FIRE, range(1, 25), folder, model, on_event=on_event, cancelled=lambda: len(written) >= after)
    assert result.cancelled == (len(written) < 24)
    assert result.written == len(written) == len(frames(folder))
    assert not list(folder.glob(".*"))
    again = draw(FIRE, range(1, 25), folder, model)
    assert (again.skipped, again.written) == (len(written), 24 - len(written))


def test_what_is_cancelled_before_its_turn_leaves_nothing(tmp_path: Path, model: Path) -> None:
    assert draw(FIRE, range(1, 25), tmp_path / "fire", model, cancelled=lambda: True).cancelled
    assert not list(tmp_path.iterdir())


def test_a_loop_that_stretches_says_so(tmp_path: Path, model: Path) -> None:
    told: list[str] = []

    def on_event(event: dict[str, Any]) -> None:
        if event["type"] == "warning":
            told.append(event["text"])

    assert draw(FIRE, range(1, 2), tmp_path, model, fmt="exr", on_event=on_event).stretch == 1
    assert told == []
    result = draw(replace(FIRE, loop=20), range(1, 2), tmp_path, model, fmt="exr", on_event=on_event)
    assert result.stretch == pytest.approx(20 / 24) or result.stretch == pytest.approx(20 / 16)
    assert len(told) == 1
    assert "20 frames" in told[0]


BAD: list[tuple[Recipe, dict[str, Any], type[AigcError]]] = [
    (replace(FIRE, style="fog"), {}, RecipeError),
    (replace(FIRE, controls={"heat": 0.5}), {}, RecipeError),
    (replace(FIRE, tile="y"), {}, RecipeError),
    (replace(FIRE, tile="x", width=50), {}, RecipeError),
    (replace(FIRE, model="ab" * 32), {}, ModelError),
    (FIRE, {"fmt": "gif"}, SequenceError),
    (FIRE, {"stem": "a/b"}, SequenceError),
    (FIRE, {"model": Path("none.safetensors")}, ModelError),
    (FIRE, {"device": "mps"}, DeviceError),
    (FIRE, {"device": "abacus"}, DeviceError),
]


@pytest.mark.parametrize(("recipe", "options", "error"), BAD)
def test_bad_input_writes_nothing(
    tmp_path: Path, model: Path, recipe: Recipe, options: dict[str, Any], error: type[AigcError]
) -> None:
    with pytest.raises(error):
        produce(recipe, [1], tmp_path / "out", **{"device": "cpu", "model": model, **options})
    assert not (tmp_path / "out").exists()


NO_MEMORY = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nSee the documentation."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:116] data. DefaultCPUAllocator: not enough memory: you tried"
    ),  # Windows
    RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("std::bad_alloc"),
]


@pytest.mark.parametrize("error", NO_MEMORY, ids=range(len(NO_MEMORY)))
@pytest.mark.parametrize("part", ["load_model", "Sampler", "encode_frame"])
def test_where_memory_runs_out_it_is_told_in_one_sentence(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, part: str, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    sampler_of.cache_clear()
    monkeypatch.setattr(f"aigc_blender.{'sequence.writer' if part == 'encode_frame' else 'produce'}.{part}", fail)
    with pytest.raises(AigcError, match=r"Memory ran out at 48x40 pixels; .* smaller size") as caught:
        draw(FIRE, range(1, 3), tmp_path / "out", model)
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    assert draw(FIRE, range(1, 3), tmp_path / "out", model).written == 2


def test_another_fault_is_not_taken_for_a_lack_of_memory(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr("aigc_blender.sequence.writer.encode_frame", fail)
    with pytest.raises(RuntimeError, match="mat1"):
        draw(FIRE, range(1, 3), tmp_path / "out", model)


def test_models_are_found_by_style_and_by_digest(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_MODEL_PATH", str(model.parent))
    wanted = replace(FIRE, fps=Fraction(25))
    recipe, file = choose_model(wanted)
    assert file.path.parent == BUNDLED  # searched before the folders that are named
    assert recipe.model == file.digest
    assert choose_model(recipe) == (recipe, file)
    recipe, file = choose_model(replace(wanted, model=read_model_file(model).digest))
    assert file.path == model
    with pytest.raises(ModelError):
        choose_model(replace(FIRE, model="ab" * 32))


def test_a_lack_of_threads_is_told_as_such(tmp_path: Path, model: Path) -> None:
    threading.stack_size(2**46)  # bytes, for which no system has the room
    try:
        with pytest.raises(AigcError, match="no more threads"):
            draw(FIRE, range(1, 3), tmp_path, model)
    finally:
        threading.stack_size(0)
    assert draw(FIRE, range(1, 3), tmp_path, model).written == 2
