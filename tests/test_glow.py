# SPDX-License-Identifier: GPL-3.0-or-later
"""Light above display white: from the model's card to the frames' files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO
import pytest
from numpy.typing import NDArray

from aigc_blender.card import Card, Style, card_from_json
from aigc_blender.errors import ModelError
from aigc_blender.generator.checkpoint import load_model, save_model
from aigc_blender.produce import produce
from aigc_blender.recipe import Recipe
from aigc_blender.sequence.metadata import read_metadata
from aigc_blender.transfer import expand_highlights
from tests.models import tiny_model

FIRE = Recipe("fire", seed=7, width=48, height=40)


def glowing(folder: Path, **glow: float) -> Path:
    """The tests' model with the given glow on its card."""
    folder.mkdir()
    path = tiny_model(folder)
    model = load_model(path)
    styles = tuple(replace(s, glow=glow.get(s.name, s.glow)) for s in model.card.styles)
    save_model(path, replace(model.card, styles=styles), model.network)
    return path


def light(folder: Path) -> NDArray[Any]:
    """The one frame in a folder, as its file holds it."""
    (path,) = folder.glob("*.exr")
    return np.asarray(OpenImageIO.ImageBuf(str(path)).get_pixels(OpenImageIO.FLOAT))


def draw(recipe: Recipe, folder: Path, model: Path, fmt: str = "exr") -> list[str]:
    """Draw frame 1; the warnings."""
    told: list[dict[str, Any]] = []
    produce(recipe, [1], folder, fmt, "cpu", told.append, stem="a", model=model)
    return [event["text"] for event in told if event["type"] == "warning"]


def test_white_is_as_bright_as_the_card_says(tmp_path: Path) -> None:
    dull, bright = glowing(tmp_path / "dull"), glowing(tmp_path / "bright", fire=6.0)
    for name, model in (("a", dull), ("b", bright)):
        draw(FIRE, tmp_path / name, model)
    shown, shining = light(tmp_path / "a"), light(tmp_path / "b")
    assert shown.max() <= 1 < shining.max() <= 6
    assert np.allclose(shining[..., :3], expand_highlights(shown[..., :3], 6.0), rtol=0.02)
    assert np.array_equal(shining[..., 3], shown[..., 3])
    digests = [(read_metadata(tmp_path / name / "a.0001.exr") or {})["digest"] for name in "ab"]
    assert digests[0] != digests[1]  # frames that are there already are drawn again


def test_a_blend_glows_by_as_much_as_it_has_of_both(tmp_path: Path) -> None:
    dull, bright = glowing(tmp_path / "dull"), glowing(tmp_path / "bright", fire=9.0)
    for share, glow in ((0.0, 9.0), (0.5, 3.0), (1.0, 1.0)):
        blend = replace(FIRE, style_b="caustics", style_blend=share)
        for name, model in (("a", dull), ("b", bright)):
            draw(blend, tmp_path / f"{name}{share}", model)
        expected = expand_highlights(light(tmp_path / f"a{share}")[..., :3], glow)
        assert np.allclose(light(tmp_path / f"b{share}")[..., :3], expected, rtol=0.02)


def test_png_is_the_same_and_warns(tmp_path: Path) -> None:
    model, plate = glowing(tmp_path / "model", fire=6.0), Recipe("caustics", width=32, height=32)
    assert any("glow of fire only over black" in text for text in draw(FIRE, tmp_path / "a", model, "png"))
    assert not draw(plate, tmp_path / "b", model, "png")
    lava = Style("lava", emissive=True)
    assert not lava.outshines_display
    assert replace(lava, glow=2.0).outshines_display
    assert replace(lava, alpha=True).outshines_display


def test_cards_keep_their_glow_and_older_ones_have_none() -> None:
    card = Card("A", (Style("fire", glow=6.0),), {})
    assert card_from_json(card.to_json(), "a").styles[0].glow == 6.0
    assert card_from_json(card.to_json().replace('"glow":6.0,', ""), "a").styles[0].glow == 1.0
    for wrong in ("0.5", "-1.0", "1e9", "NaN"):
        with pytest.raises(ModelError, match="glow"):
            card_from_json(card.to_json().replace("6.0", wrong), "a")
