# SPDX-License-Identifier: GPL-3.0-or-later
"""Time as the exact integral of a keyed speed, and frames that hold all that they depend on."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_blender.recipe import Recipe, Track, recipe_from_dict
from aigc_blender.track import Frame, Integral

frames = st.integers(-40, 60)
loops = st.none() | st.integers(1, 30)


def tracks(least: float, most: float, first: st.SearchStrategy[int] | None = None) -> st.SearchStrategy[Track]:
    values = st.lists(st.floats(least, most, width=32), min_size=1, max_size=40).map(tuple)
    return st.builds(Track, first or st.integers(-20, 20), values)


@st.composite
def recipes(draw: st.DrawFn, loop: st.SearchStrategy[int | None] = loops) -> Recipe:
    return Recipe(
        "fire",
        loop=draw(loop),
        controls={"height": draw(tracks(0, 1))},
        speed=draw(st.floats(-8, 8) | tracks(-8, 8)),
        pan=(draw(st.floats(-90, 90) | tracks(-90, 90)), draw(tracks(-90, 90))),
        seed_b=3,
        seed_blend=draw(st.floats(0, 1) | tracks(0, 1)),
        style_b="smoke",
        style_blend=draw(st.floats(0, 1) | tracks(0, 1)),
        shutter=draw(st.sampled_from([0.0, 0.5, 1.0])),
    )


def state(recipe: Recipe, at: Frame) -> tuple[object, ...]:
    values = (*recipe.controls.values(), *recipe.pan, recipe.seed_blend, recipe.style_blend)
    return *(recipe.value_at(v, at) for v in values), *(clock.at(at) for clock in recipe.clocks)


@given(recipes(), frames)
def test_a_frames_inputs_are_a_recipe_that_draws_it(recipe: Recipe, frame: int) -> None:
    inputs = recipe.frame_inputs(frame)
    alone = recipe_from_dict({key: value for key, value in inputs.items() if key != "frame"})
    assert alone.frame_inputs(frame) == inputs
    offsets = [Fraction(k, 7) * Fraction(recipe.shutter) / 2 for k in range(-7, 8)]
    for offset in offsets:
        assert state(alone, frame + offset) == state(recipe, frame + offset)


@given(recipes(st.none()), st.data())
def test_a_later_key_leaves_the_frames_before_it_alone(recipe: Recipe, data: st.DataObject) -> None:
    """A key reaches back one frame: to what lies between it and the frame before."""
    speed = Track(0, tuple(data.draw(st.lists(st.floats(-8, 8), min_size=30, max_size=30))))
    changed = data.draw(st.integers(1, 29))
    later = replace(speed, values=(*speed.values[:changed], *data.draw(tracks(-8, 8)).values))
    before, after = replace(recipe, speed=speed), replace(recipe, speed=later)
    reach = 2 if recipe.shutter else 1
    for number in range(changed - 5, changed - reach + 1):
        assert before.frame_digest(number, "png") == after.frame_digest(number, "png")


@given(st.integers(-50, 50), st.lists(st.integers(-9, 9), min_size=1, max_size=20), st.fractions(-80, 80))
def test_an_integral_is_the_area_under_straight_lines(first: int, values: list[int], at: Fraction) -> None:
    integral = Integral(first, values)
    track = Track(first, tuple(float(v) for v in values))

    def area(a: Fraction, b: Fraction) -> Fraction:  # exact between two instants with no frame between them
        return (b - a) * (Fraction(track.at(a)) + Fraction(track.at(b))) / 2

    low, high = sorted([Fraction(first), at])
    steps = [low, *(Fraction(n) for n in range(-90, 91) if low < n < high), high]
    total = sum((area(a, b) for a, b in pairwise(steps)), Fraction(0))
    assert float(integral.at(at)) == pytest.approx(float(total if at >= first else -total), abs=1e-6)
    assert integral.at(first) == 0


@given(st.floats(-8, 8), frames)
def test_a_constant_speed_is_that_many_frames_a_frame(speed: float, frame: int) -> None:
    own, other = Recipe("fire", speed=speed).clocks
    assert own.at(frame) == Fraction(round(speed * 1_000_000), 1_000_000) * frame
    assert other.at(frame) == 0


@given(recipes(), frames)
def test_a_blend_splits_the_time_that_passes(recipe: Recipe, frame: int) -> None:
    whole = replace(recipe, style_b="", style_blend=0.0)
    (own, other), (alone, _) = recipe.clocks, whole.clocks

    def passed(frame: int) -> Fraction:
        return own.at(frame + 1) - own.at(frame) + other.at(frame + 1) - other.at(frame)

    closes = recipe.loop and (frame + 1 - own.pace.anchor) % recipe.loop == 0
    if recipe.loop is None or (own.pace.anchor == alone.pace.anchor and not closes):
        assert passed(frame) == alone.at(frame + 1) - alone.at(frame)


def test_a_ramp_starts_where_it_would_be_without_speed_and_holds_where_speed_is_nought() -> None:
    own, _ = Recipe("fire", speed=Track(101, (1.0, 1.0, 0.0, 0.0, 0.0, 1.0))).clocks
    assert [own.at(n) for n in (100, 101, 102)] == [100, 101, 102]
    assert own.at(103) == own.at(104) == own.at(105) == Fraction(205, 2)
    assert own.at(206) == Fraction(205, 2) + Fraction(1, 2) + 100


def test_a_hundred_thousand_frames_are_exact_and_cheap() -> None:
    recipe = Recipe("fire", speed=Track(1, tuple(0.1 for _ in range(100_000))))
    assert recipe.clocks[0].at(100_001) == 10_001
    assert len({recipe.frame_digest(n, "png") for n in range(1, 100_000, 20)}) == 5000
