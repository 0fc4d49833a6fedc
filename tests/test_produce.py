# SPDX-License-Identifier: GPL-3.0-or-later
"""From recipe to frames: the same pixels in any split, resumed, cancelled."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aigc_blender.card import read_model_file
from aigc_blender.errors import AigcError, DeviceError, ModelError, RecipeError, SequenceError
from aigc_blender.library import BUNDLED
from aigc_blender.produce import Result, choose_model, produce
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
