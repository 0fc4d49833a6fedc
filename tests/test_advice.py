# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told before drawing agrees with what drawing does."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aigc_blender.advice import Pace, cell, disk_bytes, fitting_sizes, memory_bytes, network_pixels
from aigc_blender.card import Card
from aigc_blender.errors import RecipeError
from aigc_blender.generator.checkpoint import load_model
from aigc_blender.generator.sampler import Sampler
from aigc_blender.recipe import Recipe, zoom
from tests.models import STYLES, TINY, tiny_model

CARD = Card("Tiny", STYLES, TINY.to_dict())
PIXELS = st.integers(1, 4000)
SIZES = st.builds(
    Recipe,
    st.just("caustics"),
    width=PIXELS,
    height=PIXELS,
    tile=st.sampled_from(["x", "y", "xy"]),
    element_height=st.none() | st.integers(1, 1000),
)


@given(SIZES)
def test_the_sizes_on_offer_tile_and_lie_on_both_sides(recipe: Recipe) -> None:
    style, offered = STYLES[1], fitting_sizes(recipe, STYLES[1], CARD)
    for width, height in offered:
        zoom(replace(recipe, width=width, height=height), style, cell(CARD))  # does not raise
        assert width == recipe.width or "x" in recipe.tile
        assert height == recipe.height or "y" in recipe.tile
    try:
        zoom(recipe, style, cell(CARD))
    except RecipeError:
        assert offered
        assert offered[-1][0] >= recipe.width
        assert offered[-1][1] >= recipe.height
    else:
        assert not offered


def test_memory_is_what_the_sampler_plans(tmp_path: Path) -> None:
    sampler = Sampler(load_model(tiny_model(tmp_path)), "cpu", 1)
    for recipe in (
        Recipe("fire"),
        Recipe("fire", width=4096, height=2160, loop=48),
        Recipe("caustics", width=7680, height=7680, fps=Fraction(60)),
        Recipe("caustics", width=100, height=90, fps=Fraction(24000, 1001), loop=7),
    ):
        style = CARD.style(recipe.style)
        assert style is not None
        assert memory_bytes(recipe, style, CARD) == sampler.plan(recipe).peak_bytes


@given(PIXELS, PIXELS, st.integers(1, 500))
def test_an_estimate_grows_with_the_work_and_repeats_what_was_measured(width: int, height: int, frames: int) -> None:
    style = STYLES[0]
    small = Recipe("fire", width=64, height=64)
    pace = Pace(0.25, 64 * 64, network_pixels(small, style, CARD))
    assert pace.estimate(small, style, CARD, 8) == pytest.approx(2.0)
    recipe = Recipe("fire", width=width, height=height)
    assert pace.estimate(recipe, style, CARD, frames) >= 0.25 * frames * width * height / 64**2 - 1e-9
    assume(frames > 1)
    assert pace.estimate(recipe, style, CARD, frames) > pace.estimate(recipe, style, CARD, frames - 1)


def test_disk_space_counts_channels_and_depth() -> None:
    fire, caustics = STYLES
    assert disk_bytes(Recipe("fire", width=10, height=10), fire, "exr", 3) == 3 * 100 * 4 * 2
    assert disk_bytes(Recipe("caustics", width=10, height=10), caustics, "png", 1) == 300
