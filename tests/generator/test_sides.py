# SPDX-License-Identifier: GPL-3.0-or-later
"""Beside an element that was seen only so wide there is nothing."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aigc_blender.card import Style
from aigc_blender.generator.checkpoint import Model, load_model
from aigc_blender.generator.sampler import Sampler
from aigc_blender.preview import Painter
from aigc_blender.recipe import Recipe
from tests.models import tiny_model

TORCH = Style("fire", anchored=("x", "y"), max_height=128, alpha=True, emissive=True, aspect=1.5)
OTHER = Style("caustics", anchored=("y",), max_height=128, alpha=True)
WIDE = Recipe("fire", seed=2, width=600, height=128)
SEEN = slice(300 - 96, 300 + 96)
FADED = 104  # from the middle, where the last of it is gone


def model(folder: Path, torch: Style = TORCH, other: Style = OTHER) -> Model:
    """The tiny model, with these two styles in place of its own."""
    made = load_model(tiny_model(folder))
    return Model(replace(made.file, card=replace(made.file.card, styles=(torch, other))), made.network)


def drawn(model: Model, recipe: Recipe, **changes: Any) -> np.ndarray:
    """Its fifth frame: (H, W, 4)."""
    ((_, frame),) = Sampler(model, threads=1).frames(replace(recipe, **changes), [5])
    return frame


def test_it_is_whole_where_it_was_seen_and_gone_soon_after(tmp_path: Path) -> None:
    free = drawn(model(tmp_path, replace(TORCH, aspect=0)), WIDE)
    bound = drawn(model(tmp_path), WIDE)
    assert np.array_equal(bound[:, SEEN], free[:, SEEN])
    assert free[:, : 300 - FADED].max() > 0.5 < free[:, 300 + FADED :].max()
    assert bound[:, : 300 - FADED].max() == 0 == bound[:, 300 + FADED :].max()
    half = bound[:, 299 + 96 + 4] / np.maximum(free[:, 299 + 96 + 4], 1e-9)
    assert half[free[:, 299 + 96 + 4] > 0.1] == pytest.approx(
        1 - 3.5 / 8
    )  # a pixel's middle, of eight that it fades in


@pytest.mark.parametrize("changes", [{"alpha": False}, {"anchored": ("y",)}], ids=["opaque", "free"])
def test_what_fills_the_frame_or_has_no_place_goes_on(tmp_path: Path, changes: dict[str, Any]) -> None:
    kinds = (replace(TORCH, aspect=aspect, **changes) for aspect in (0, 1.5))
    one, other = (drawn(model(tmp_path, kind), WIDE) for kind in kinds)
    assert np.array_equal(one, other)
    assert other[:, 300 + FADED :, :3].max() > 0.5


def test_it_moves_and_grows_with_the_element(tmp_path: Path) -> None:
    torch = model(tmp_path)
    whole = drawn(torch, WIDE)
    assert np.array_equal(drawn(torch, WIDE, width=200, origin=(60, 0)), whole[:, 260:460])
    large = drawn(torch, WIDE, width=1200, height=256)
    assert large[:, 600 + 2 * FADED :].max() == 0 < large[:, 600 + 2 * 96 - 8].max()


def test_of_a_blend_its_share_goes(tmp_path: Path) -> None:
    blend = replace(WIDE, style_b="caustics", style_blend=0.25)
    bound, free = (drawn(model(tmp_path, replace(TORCH, aspect=aspect)), blend) for aspect in (1.5, 0))
    assert np.array_equal(bound[:, SEEN], free[:, SEEN])
    np.testing.assert_allclose(bound[:, 300 + FADED :], free[:, 300 + FADED :] * 0.25, atol=1e-6)


def test_the_preview_shows_it_so(tmp_path: Path) -> None:
    painter = Painter(model(tmp_path))
    try:
        for recipe in (WIDE, replace(WIDE, origin=(64, 0), fps=Fraction(30))):
            picture = painter.draw(recipe, 5, 600 * 128)
            assert picture is not None
            np.testing.assert_allclose(picture.pixels, drawn(painter.model, recipe), atol=1e-5)
        small = painter.draw(WIDE, 5, 300 * 64)
        assert small is not None
        assert small.pixels[:, 150 + FADED // 2 + 1 :].max() == 0 < small.pixels[:, 150 + 40].max()
    finally:
        painter.close()
