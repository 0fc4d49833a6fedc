# SPDX-License-Identifier: GPL-3.0-or-later
"""A preview is the picture that Generate draws, small."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aigc_blender.errors import RecipeError
from aigc_blender.generator.checkpoint import load_model
from aigc_blender.generator.sampler import Sampler
from aigc_blender.library import BUNDLED
from aigc_blender.preview import Painter, Picture
from aigc_blender.recipe import Recipe, Track
from aigc_blender.worker.buffer import PREVIEW_PIXELS
from tests.models import FINE, TINY, tiny_model

DRIFT = ((-0.03, 0.06), (0.02, -0.05))
ALIKE = 2e-4  # other blocks, other rounding


@pytest.fixture(
    scope="module",
    params=[TINY, replace(TINY, drift=DRIFT), replace(FINE, drift=DRIFT)],
    ids=["still", "drifting", "fine and drifting"],
)
def sampler(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sampler:
    """Of a model whose lattice stands still, and of such whose lattice follows what moves, each style another way."""
    path = tiny_model(tmp_path_factory.mktemp("model"), architecture=request.param)
    return Sampler(load_model(path), "cpu", 2)


@pytest.fixture
def painter(sampler: Sampler) -> Iterator[Painter]:
    painter = Painter(sampler.model)
    yield painter
    painter.close()


def drawn(painter: Painter, recipe: Recipe, number: int, limit: int = PREVIEW_PIXELS) -> Picture:
    picture = painter.draw(recipe, number, limit)
    assert picture is not None
    return picture


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("fire", seed=3, width=96, height=128, loop=20, tile="x"),
        Recipe("fire", seed=4, width=77, height=101, element_height=90, origin=(13, 5), controls={"height": 0.2}),
        Recipe("caustics", seed=5, width=64, height=64, tile="xy", fps=Fraction(30), origin=(-7, 9)),
        Recipe("caustics", seed=5, width=50, height=70, controls={"scale": Track(3, (0.1, 0.2, 0.9))}),
        Recipe("fire", seed=1, width=64, height=64, loop=24, speed=Track(0, (1.0, 3.0, 0.5)), seed_b=9, seed_blend=0.4),
        Recipe("caustics", seed=2, width=64, height=64, tile="x", pan=(Track(0, (0.0, 3.3, 7.1)), 0.25)),
        Recipe("fire", seed=1, width=48, height=64, style_b="caustics", style_blend=Track(0, (0.0, 0.6))),
    ],
    ids=["loop and tile", "part of a fire", "tiled plate", "keyed plate", "speed", "pan", "blend"],
)
def test_it_is_the_generated_frame_in_any_order_and_whatever_was_drawn_before(
    sampler: Sampler, painter: Painter, recipe: Recipe
) -> None:
    numbers = [5, 6, 7, 8, 30, 29, 19, 20, 21, 0, 5, 4, 3]
    generated = dict(sampler.frames(recipe, sorted(set(numbers))))
    for number in numbers:
        picture = drawn(painter, recipe, number)
        assert picture.exact
        np.testing.assert_allclose(picture.pixels, generated[number], atol=ALIKE)
        painter.look_ahead()


def test_an_enlarged_element_is_previewed_as_the_network_draws_it(sampler: Sampler, painter: Painter) -> None:
    recipe = Recipe("fire", seed=3, width=300, height=384)  # three times 128, which is all that the model knows
    _, generated = next(sampler.frames(recipe, [9]))
    picture = drawn(painter, recipe, 9)
    pixels = picture.pixels
    assert picture.exact
    assert pixels.shape == (128, 100, 4)
    middle = generated.reshape(128, 3, 100, 3, 4).mean((1, 3))
    # The enlargement smooths: what is left must be the same picture, up to its finest detail.
    ours, theirs = pixels - pixels.mean(), middle - middle.mean()
    assert (ours * theirs).sum() / np.sqrt((ours**2).sum() * (theirs**2).sum()) > 0.95


def test_a_canvas_too_large_is_drawn_anew_within_the_limit_and_said_to_be(painter: Painter) -> None:
    for recipe in (
        Recipe("fire", width=16384, height=128, tile="x"),
        Recipe("fire", width=30, height=16384, element_height=100),
        Recipe("caustics", width=4096, height=4096, element_height=128, tile="xy"),
        Recipe("caustics", width=2000, height=1000, element_height=100, origin=(-900, 300)),
    ):
        picture = drawn(painter, recipe, 4, 64 * 64)
        height, width, _ = picture.pixels.shape
        assert height * width <= 64 * 64
        assert not picture.exact
        for axis, size in (("x", width), ("y", height)):
            assert axis not in recipe.tile or size % painter.model.architecture.cell == 0
    with pytest.raises(RecipeError, match="too small"):
        painter.draw(Recipe("fire"), 1, 10)


def test_a_canvas_is_within_the_limit_with_the_rows_and_columns_that_it_begins(painter: Painter) -> None:
    picture = drawn(painter, Recipe("fire", width=257, height=256, element_height=256), 4, 128 * 128)  # 128.5 columns
    height, width, _ = picture.pixels.shape
    assert height * width <= 128 * 128


def test_playing_needs_the_head_alone_and_a_change_of_settings_does_not(
    painter: Painter, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe("fire", seed=3, width=64, height=64, loop=64)
    asked: list[int] = []
    trunk = painter.network.trunk

    def counted(*given: Any) -> Any:
        asked.append(given[2].cells)
        return trunk(*given)

    monkeypatch.setattr(painter.network, "trunk", counted)
    for number in range(3 * 64):
        drawn(painter, recipe, number)
        painter.look_ahead()
    # Each of the loop's blocks once and, at most, a few knots before the first was there; the three kept ones go round.
    first_round = len(asked)
    drawn(painter, Recipe("fire", seed=4, width=64, height=64, loop=64), 5)
    assert len(asked) == first_round + 1
    assert asked[-1] < max(asked)
    drawn(painter, recipe, 191)  # what was drawn before is still there
    assert len(asked) == first_round + 1


def test_of_large_pictures_fewer_settings_are_kept(painter: Painter, monkeypatch: pytest.MonkeyPatch) -> None:
    recipes = [Recipe("fire", seed=seed, width=64, height=64) for seed in range(4)]
    for recipe in recipes:
        drawn(painter, recipe, 5)
    room = sum(stream.size for stream in painter._streams[:2])
    monkeypatch.setattr("aigc_blender.preview.SPARE", room)
    drawn(painter, recipes[-1], 5)
    assert [stream.job.recipe.seed for stream in painter._streams] == [1, 2, 3]
    monkeypatch.setattr("aigc_blender.preview.SPARE", 0)
    drawn(painter, recipes[-1], 5)
    assert [stream.job.recipe.seed for stream in painter._streams] == [3]


@pytest.mark.parametrize("path", sorted(BUNDLED.glob("*.safetensors")), ids=lambda path: path.stem)
def test_what_a_bundled_model_draws_of_usual_frames_is_previewed_as_it_will_be(path: Path) -> None:
    model = load_model(path)
    painter = Painter(model)
    for style in model.card.styles:
        for width, height in ((256, 256), (1920, 1080)):
            recipe = Recipe(style.name, model=model.file.digest, width=width, height=height)
            assert drawn(painter, recipe, 1).exact, (style.name, width, height)
    painter.close()


def test_what_is_given_up_is_not_lost(painter: Painter) -> None:
    recipe = Recipe("fire", seed=3, width=64, height=64)
    assert painter.draw(recipe, 7, PREVIEW_PIXELS, newer=lambda: True) is None
    assert painter.draw(recipe, 7, PREVIEW_PIXELS, newer=lambda: True) is not None  # its features were there


def test_pixels_for_blender_are_light_from_the_bottom_up() -> None:
    encoded = np.zeros((2, 1, 4), np.float32)
    encoded[0, 0] = 0.5, 0.25, 0.0, 0.4
    premultiplied = Picture(encoded, 1.0, exact=True).light(straight=False)
    assert not premultiplied[0].any()
    np.testing.assert_allclose(premultiplied[1, 0], [0.21404, 0.05088, 0, 0.4], atol=1e-4)
    divided = Picture(encoded, 8.0, exact=True).light(straight=True)
    np.testing.assert_allclose(divided[1, 0], [0.53510, 0.12720, 0, 0.4], atol=1e-4)
    assert Picture(np.ones((1, 1, 4), np.float32), 8.0, exact=True).light(straight=False)[0, 0, 0] == pytest.approx(8)
