# SPDX-License-Identifier: GPL-3.0-or-later
"""The four promises of the sampler, bit for bit: random access, loop, tile, canvas."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_blender.errors import RecipeError
from aigc_blender.generator.checkpoint import Model, load_model
from aigc_blender.generator.job import Frame
from aigc_blender.generator.sampler import Sampler
from aigc_blender.recipe import Recipe, Track
from tests.models import FINE, TINY, tiny_model

CELL, KNOT = TINY.cell, TINY.knot
DRIFT = ((-0.03, 0.06), (0.02, -0.05))
few = settings(max_examples=12)


@pytest.fixture(
    scope="module",
    params=[TINY, replace(TINY, drift=DRIFT), replace(FINE, drift=DRIFT)],
    ids=["still", "drifting", "fine and drifting"],
)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """One whose lattice stands still, and such whose lattice follows what moves, each style another way."""
    return load_model(tiny_model(tmp_path_factory.mktemp("models"), architecture=request.param))


def draw(model: Model, recipe: Recipe, numbers: list[int], threads: int = 2) -> dict[int, Frame]:
    return {n: frame.copy() for n, frame in Sampler(model, threads=threads).frames(recipe, numbers)}


@st.composite
def recipes(draw: st.DrawFn, style: str | None = None) -> Recipe:
    """Sizes that are no multiple of a block, rates that are no multiple of a knot, controls that move."""
    style = style or draw(st.sampled_from(["fire", "caustics"]))
    tile = draw(st.sampled_from(["", "x"] if style == "fire" else ["", "x", "y", "xy"]))
    # Element heights up to 240 are enlarged up to threefold; a tiled axis holds cells of any of these factors.
    width = CELL * 6 * draw(st.integers(1, 2)) if "x" in tile else draw(st.integers(1, 180))
    height = CELL * 6 * draw(st.integers(1, 2)) if "y" in tile else draw(st.integers(1, 180))
    name = "height" if style == "fire" else "scale"
    value = st.floats(0, 1, width=16)
    moving = st.builds(
        lambda first, values: Track(first, tuple(values)), st.integers(-5, 20), st.lists(value, min_size=1, max_size=30)
    )
    return Recipe(
        style=style,
        seed=draw(st.integers(0, 2**32 - 1)),
        width=width,
        height=height,
        fps=draw(st.sampled_from([Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60), Fraction(7)])),
        loop=draw(st.none() | st.integers(1, 50)),
        tile=tile,
        element_height=draw(st.none() | st.integers(16, 240)),
        origin=(draw(st.integers(-300, 300)), draw(st.integers(-300, 300))),
        controls=draw(st.just({}) | st.builds(lambda v: {name: v}, value | moving)),
    )


def keyed(least: float, most: float) -> st.SearchStrategy[float | Track]:
    value = st.floats(least, most, width=16)
    track = st.builds(Track, st.integers(-5, 20), st.lists(value, min_size=1, max_size=30).map(tuple))
    return value | track


@st.composite
def moving(draw: st.DrawFn) -> Recipe:
    """Recipes with speed, pans, blends and a shutter, each on or off."""
    recipe = draw(recipes())
    blend = draw(st.just(0.0) | keyed(0, 1))
    style_b = draw(
        st.sampled_from(["", "fire" if recipe.style == "caustics" and "y" not in recipe.tile else "caustics"])
    )
    anchored = ("y",) if "fire" in (recipe.style, style_b) else ()
    pan = st.just(0.0) | keyed(-40, 40)
    return replace(
        recipe,
        speed=draw(st.just(1.0) | keyed(-8, 8)),
        pan=(draw(pan), 0.0 if anchored else draw(pan)),
        seed_b=draw(st.integers(0, 2**32 - 1)) if blend != 0 else None,
        seed_blend=blend,
        style_b=style_b,
        style_blend=draw(keyed(0, 1)) if style_b else 0.0,
        shutter=draw(st.sampled_from([0.0, 0.0, 0.5, 1.0])),
        shutter_samples=draw(st.integers(2, 4)),
    )


@few
@given(recipe=recipes() | moving(), data=st.data())
def test_a_frame_is_the_same_in_any_company(model: Model, recipe: Recipe, data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.integers(0, 60), min_size=2, max_size=6, unique=True))
    together = draw(model, recipe, numbers, threads=3)
    for n in numbers[:3]:
        alone = draw(model, recipe, [n], threads=1)
        assert np.array_equal(together[n], alone[n])


@few
@given(recipe=recipes() | moving(), data=st.data())
def test_a_loop_closes_exactly(model: Model, recipe: Recipe, data: st.DataObject) -> None:
    period = data.draw(st.integers(1, 3 * KNOT + 1))
    first = data.draw(st.integers(0, 40))
    frames = draw(model, replace(recipe, loop=period), [first, first + period, first + 7 * period])
    assert np.array_equal(frames[first], frames[first + period])
    assert np.array_equal(frames[first], frames[first + 7 * period])


@pytest.mark.parametrize("period", [5, 12, 20, 48])
def test_a_loop_moves_and_its_seam_is_like_any_step(model: Model, period: int) -> None:
    recipe = Recipe("caustics", seed=4, width=96, height=96, loop=period, fps=Fraction(12))
    frames = list(draw(model, recipe, list(range(period + 1))).values())
    steps = [float(np.abs(a - b).mean()) for a, b in itertools.pairwise(frames)]
    assert min(steps) > 0
    assert steps[-1] < 3 * max(steps[:-1])


@few
@given(
    seed=st.integers(0, 2**32 - 1),
    cells=st.integers(1, 6),
    n=st.integers(0, 30),
    style=st.sampled_from(["fire", "caustics"]),
)
def test_a_tiled_axis_repeats_after_its_width(model: Model, seed: int, cells: int, n: int, style: str) -> None:
    """Drawn from another origin on the wrapped canvas, the frame is the same frame, rolled."""
    width = cells * CELL
    recipe = Recipe(style, seed=seed, width=width, height=64, tile="x")
    frame = draw(model, recipe, [n])[n]
    shifted = draw(model, replace(recipe, origin=(width, 0)), [n])[n]
    assert np.allclose(frame, shifted, atol=1e-5)
    # The lattice itself wraps exactly: neighbours across the seam come from one continuous picture.
    rolled = draw(model, replace(recipe, origin=(width // 2, 0)), [n])[n]
    assert np.allclose(np.roll(frame, -(width // 2), axis=1), rolled, atol=1e-5)


@few
@given(
    seed=st.integers(0, 2**32 - 1),
    element=st.sampled_from([64, 100, 192, 700]),
    x=st.integers(-200, 200),
    y=st.integers(-200, 200),
    n=st.integers(0, 30),
)
def test_a_crop_of_a_larger_canvas_is_the_region_alone(
    model: Model, seed: int, element: int, x: int, y: int, n: int
) -> None:
    large = Recipe("caustics", seed=seed, width=210, height=190, element_height=element, origin=(x, y))
    small = replace(large, width=70, height=50, origin=(x + 90, y + 77))
    whole, part = draw(model, large, [n])[n], draw(model, small, [n])[n]
    assert np.array_equal(whole[77:127, 90:160], part)


def test_a_taller_canvas_of_an_anchored_style_keeps_its_base(model: Model) -> None:
    tall = Recipe("fire", seed=9, width=100, height=200, element_height=80)
    low = replace(tall, height=90)
    assert np.array_equal(draw(model, tall, [3])[3][-90:], draw(model, low, [3])[3])


def test_position_matters_on_anchored_axes_only(model: Model) -> None:
    """The same fields without anchor are stationary: moving the base changes fire and not caustics."""
    fire = Recipe("fire", seed=1, width=64, height=64)
    assert not np.array_equal(draw(model, fire, [0])[0], draw(model, replace(fire, element_height=128), [0])[0])


def test_seeds_controls_and_styles_matter(model: Model) -> None:
    base = Recipe("fire", seed=1, width=48, height=48)
    others = [replace(base, seed=2), replace(base, controls={"height": 0.1}), replace(base, style="caustics")]
    frame = draw(model, base, [5])[5]
    for other in others:
        assert not np.allclose(frame, draw(model, other, [5])[5], atol=1e-3)


def test_memory_in_flight_does_not_change_pixels(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe("fire", seed=1, width=150, height=140)
    plenty = draw(model, recipe, list(range(10)))
    monkeypatch.setattr("aigc_blender.generator.sampler.GROUP_BYTES", 1)
    scarce = draw(model, recipe, list(range(10)))
    assert all(np.array_equal(plenty[n], scarce[n]) for n in plenty)


def test_closing_the_iterator_cancels(model: Model) -> None:
    frames = Sampler(model).frames(Recipe("fire", width=64, height=64), range(100_000))
    assert next(frames)[0] == 0
    frames.close()
    with pytest.raises(StopIteration):
        next(frames)


@pytest.mark.parametrize(
    ("recipe", "names"),
    [
        (Recipe("fire", width=70, height=64, tile="x"), ["70", "64", "80"]),
        (Recipe("fire", width=70, height=256, tile="x"), ["70", "64", "96"]),
        (Recipe("fire", width=64, height=64, tile="y"), ["y", "x"]),
        (Recipe("fire", controls={"heigth": 0.5}), ["heigth", "height"]),
        (Recipe("water"), ["water", "fire", "caustics"]),
    ],
)
def test_what_the_model_cannot_draw_is_refused_before_any_work(model: Model, recipe: Recipe, names: list[str]) -> None:
    with pytest.raises(RecipeError) as refusal:
        Sampler(model).frames(recipe, [0])
    assert all(name in str(refusal.value) for name in names)


def test_stretch_is_what_the_loop_does_to_motion(model: Model) -> None:
    """Twenty frames at the model's own rate hold two knots of eight: motion runs 25% slower."""
    sampler = Sampler(model)
    assert sampler.plan(Recipe("fire", loop=20)).stretch == pytest.approx(20 / 16)
    assert sampler.plan(Recipe("fire", loop=48)).stretch == 1
    assert sampler.plan(Recipe("fire")).stretch == 1


def test_pixels_are_in_range_and_opaque_styles_have_no_holes(model: Model) -> None:
    for style in ("fire", "caustics"):
        frame = draw(model, Recipe(style, width=40, height=30), [2])[2]
        assert frame.shape == (30, 40, 4)
        assert frame.dtype == np.float32
        assert 0 <= frame.min() <= frame.max() <= 1
        assert (frame[..., 3] == 1).all() == (style == "caustics")
