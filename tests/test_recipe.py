# SPDX-License-Identifier: GPL-3.0-or-later
"""Recipes: JSON there and back, refusals that name the thing, digests that change when pixels do."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_blender.card import Control, Style
from aigc_blender.errors import RecipeError
from aigc_blender.recipe import MAX_SIZE, Recipe, Track, check_style, recipe_from_dict, recipe_from_json, zoom

FIRE = Style("fire", anchored=("y",), controls=(Control("height", 0.6), Control("wind", 0.25)))
SEA = Style("sea")

numbers = st.floats(0, 1)
tracks = st.builds(
    lambda first, values: Track(first, tuple(values)), st.integers(-100, 100), st.lists(numbers, min_size=1, max_size=8)
)
either = numbers | tracks
moves = st.floats(-500, 500) | st.builds(
    lambda first, values: Track(first, tuple(values)),
    st.integers(-100, 100),
    st.lists(st.floats(-500, 500), min_size=1, max_size=8),
)
speeds = st.floats(-8, 8) | st.builds(
    lambda first, values: Track(first, tuple(values)),
    st.integers(-100, 100),
    st.lists(st.floats(-8, 8), min_size=1, max_size=8),
)
recipes = st.builds(
    Recipe,
    style=st.sampled_from(["fire", "sea"]),
    model=st.text("0123456789abcdef", max_size=64),
    seed=st.integers(0, 2**32 - 1),
    width=st.integers(1, MAX_SIZE),
    height=st.integers(1, MAX_SIZE),
    fps=st.fractions(Fraction(1, 10), 1000, max_denominator=1001),
    loop=st.none() | st.integers(1, 10_000),
    tile=st.sampled_from(["", "x", "y", "xy"]),
    element_height=st.none() | st.integers(1, MAX_SIZE),
    origin=st.tuples(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6)),
    controls=st.dictionaries(st.sampled_from(["height", "wind"]), either),
    speed=st.just(1.0) | speeds,
    pan=st.just((0.0, 0.0)) | st.tuples(moves, moves),
    seed_b=st.just(5),
    seed_blend=st.just(0.0) | either,
    style_b=st.just("sea"),
    style_blend=st.just(0.0) | either,
    shutter=st.just(0.0) | numbers,
    shutter_samples=st.integers(2, 64),
)


@given(recipes)
def test_json_there_and_back(recipe: Recipe) -> None:
    assert recipe_from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"size": [0, 64]}, "width 0"),
        ({"size": [64, MAX_SIZE + 1]}, str(MAX_SIZE)),
        ({"size": [64]}, "recipe"),
        ({"size": "64x64"}, "recipe"),
        ({"loop": 0}, "Loop 0"),
        ({"loop": 2.5}, "2.5"),
        ({"seed": -1}, "Seed -1"),
        ({"seed": 2**32}, "Seed"),
        ({"seed": True}, "True"),
        ({"fps": 0}, "Frame rate 0"),
        ({"fps": "fast"}, "fast"),
        ({"fps": "1/0"}, "1/0"),
        ({"fps": "0.00000000000000000000000001"}, "Frame rate 1/1"),
        ({"tile": "z"}, "'z'"),
        ({"tile": 3}, "tile"),
        ({"controls": {"height": 1.01}}, "height"),
        ({"controls": {"height": float("nan")}}, "height"),
        ({"controls": {"height": "tall"}}, "tall"),
        ({"controls": {"height": {"first": 1, "values": []}}}, "no values"),
        ({"controls": {"height": {"first": 1, "values": [0.5, 7]}}}, "height"),
        ({"controls": ["height"]}, "recipe"),
        ({"generator": 99}, "99"),
        ({"origin": [1]}, "recipe"),
        ({"origin": [10**25, 0]}, "Origin = 1"),
        ({"origin": [0, -(10**400)]}, "Origin = -1"),
        ({"colour": "blue"}, "colour"),
        ({"style": 5}, "style"),
        ({"speed": 8.5}, "Speed = 8.5"),
        ({"speed": {"first": 1, "values": [1, -9]}}, "Speed = -9"),
        ({"speed": "fast"}, "fast"),
        ({"speed": 10**400}, "speed"),
        ({"speed": {"first": 10**30, "values": [1, 2]}}, "Speed's first frame"),
        ({"controls": {"height": 10**400}}, "control"),
        ({"pan": [0, float("inf")]}, "Pan up"),
        ({"pan": 3}, "recipe"),
        ({"seed_b": -1}, "Second seed -1"),
        ({"seed_blend": 0.5}, "seed_b"),
        ({"seed_b": 1, "seed_blend": 1.5}, "Seed blend = 1.5"),
        ({"style_blend": {"first": 0, "values": [0.5]}}, "style_b"),
        ({"style_b": 3}, "style_b"),
        ({"shutter": 1.5}, "Shutter = 1.5"),
        ({"shutter_samples": 1}, "Shutter samples 1"),
        ({"time": ["1e9999", "0"]}, "time"),
        ({"time": ["1/0", "0"]}, "1/0"),
        ({"time": ["0", "1" + 40 * "0"]}, "Time = 1"),
    ],
)
def test_a_value_out_of_bounds_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(RecipeError) as refusal:
        recipe_from_dict({"style": "fire", **change})
    assert named in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "3", "[" * 100_000, '{"seed": 1}'])
def test_what_is_no_recipe_is_refused(text: str) -> None:
    with pytest.raises(RecipeError):
        recipe_from_json(text)


def test_controls_fill_in_defaults_in_the_cards_order() -> None:
    assert Recipe("fire").controls_at(1, FIRE) == (0.6, 0.25)
    assert Recipe("fire", controls={"wind": 1.0}).controls_at(1, FIRE) == (0.6, 1.0)


@given(tracks, st.integers(-200, 200))
def test_a_track_holds_at_both_ends(track: Track, frame: int) -> None:
    last = track.first + len(track.values) - 1
    assert track.at(frame) == track.values[min(max(frame, track.first), last) - track.first]


@given(st.integers(-300, 300), st.integers(1, 60), tracks)
def test_controls_repeat_with_the_loop(frame: int, period: int, track: Track) -> None:
    recipe = Recipe("fire", loop=period, controls={"height": track})
    assert recipe.controls_at(frame, FIRE) == recipe.controls_at(frame + period, FIRE)


@given(recipes, st.integers(0, 500))
def test_a_frames_digest_changes_with_what_it_depends_on(recipe: Recipe, frame: int) -> None:
    digest = recipe.frame_digest(frame, "png")
    assert digest == recipe_from_json(recipe.to_json()).frame_digest(frame, "png")
    assert digest != recipe.frame_digest(frame, "exr")
    assert digest != recipe.frame_digest(frame + 1, "png")
    assert digest != replace(recipe, seed=recipe.seed ^ 1).frame_digest(frame, "png")
    assert digest != replace(recipe, model=recipe.model + "0").frame_digest(frame, "png")


def test_a_late_keyframe_leaves_earlier_frames_valid() -> None:
    before = Recipe("fire", controls={"height": Track(1, (0.1, 0.2, 0.3))})
    after = Recipe("fire", controls={"height": Track(1, (0.1, 0.2, 0.9))})
    assert before.frame_digest(2, "png") == after.frame_digest(2, "png")
    assert before.frame_digest(3, "png") != after.frame_digest(3, "png")


@pytest.mark.parametrize(
    ("recipe", "style", "named"),
    [
        (Recipe("fire", controls={"depth": 0.5}), FIRE, ["depth", "height", "wind"]),
        (Recipe("sea", controls={"depth": 0.5}), SEA, ["depth", "none"]),
        (Recipe("fire", tile="y", height=64), FIRE, ["y", "tile x only"]),
        (Recipe("sea", tile="x", width=100, height=64), SEA, ["100", "96 or 128"]),
        (Recipe("sea", tile="x", width=100, height=256), SEA, ["100", "128"]),
        (Recipe("sea", tile="x", width=10, height=64), SEA, ["10", "32"]),
        (Recipe("sea", tile="xy", width=64, height=65), SEA, ["65", "64 or 96"]),
    ],
)
def test_a_style_refuses_what_it_cannot_draw(recipe: Recipe, style: Style, named: list[str]) -> None:
    with pytest.raises(RecipeError) as refusal:
        check_style(recipe, style, cell=32)
    assert all(word in str(refusal.value) for word in named)


@given(recipes, st.integers(20, 200), st.integers(1, 4))
def test_elements_are_drawn_at_heights_the_model_knows(recipe: Recipe, native: int, octaves: int) -> None:
    style = Style("sea", native_height=native, max_height=native * 2**octaves)
    try:
        factor = zoom(recipe, style, cell=32)
    except RecipeError:
        assert recipe.tile
        return
    height = recipe.element_height or recipe.height
    if height >= native:
        assert native <= height / factor <= style.max_height
    else:
        assert factor == 1
    tiled = [size for axis, size in (("x", recipe.width), ("y", recipe.height)) if axis in recipe.tile]
    assert all(size % (32 * factor) == 0 for size in tiled)
    # A smaller factor would have drawn more detail.
    for smaller in range(1, factor):
        assert height / smaller > style.max_height or any(size % (32 * smaller) for size in tiled)


def test_what_a_style_can_draw_passes() -> None:
    check_style(Recipe("fire", tile="x", width=96, height=50, controls={"wind": 1.0}), FIRE, cell=32)
    check_style(Recipe("sea", tile="xy", width=96, height=64), SEA, cell=32)


def test_json_is_plain() -> None:
    raw = json.loads(Recipe("fire", controls={"height": Track(3, (0.5, 0.25))}).to_json())
    assert raw["controls"]["height"] == {"first": 3, "values": [0.5, 0.25]}
    assert raw["fps"] == "24"


def test_recipes_of_before_motion_keep_their_digests() -> None:
    """Literal digests: a change would draw every sequence on disk again."""
    keyed = Recipe("fire", "ab" * 32, 7, width=48, height=40, loop=24, controls={"height": Track(3, (0.5, 0.25, 0.75))})
    plate = Recipe("sea", fps=Fraction(30000, 1001), tile="xy", origin=(-3, 9), element_height=64)
    assert keyed.frame_digest(4, "png") == "adbc823f8ed69ce498416d48a2ef758a"
    assert keyed.frame_digest(29, "exr") == "72f3c32479afce0e9b8e0db1a35d59be"
    assert plate.frame_digest(0, "png16") == "f3e0d905cf24dc1bab332b6fc5bc4408"
    assert (
        set(plate.to_dict())
        == set(keyed.to_dict())
        == {
            *(
                "generator",
                "model",
                "style",
                "seed",
                "size",
                "fps",
                "loop",
                "tile",
                "element_height",
                "origin",
                "controls",
            )
        }
    )
