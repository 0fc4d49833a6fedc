# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets: they come back as they were, say what is wrong in one sentence, and those that ship are sound."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_blender.errors import PresetError
from aigc_blender.library import BUNDLED, find_models
from aigc_blender.presets import (
    BUNDLED as BUNDLED_PRESETS,
)
from aigc_blender.presets import (
    FORMATS,
    MARK,
    VERSION,
    Preset,
    delete_preset,
    find_presets,
    preset_from_json,
    read_preset,
    rename_preset,
    save_preset,
)
from aigc_blender.recipe import MAX_ITEM_SEED, MAX_SIZE, TILES, Recipe, check_style

NAMES = st.from_regex(r"[a-z0-9_-]{1,32}", fullmatch=True)
PIXELS = st.integers(1, MAX_SIZE)
PRESETS = st.builds(
    Preset,
    name=st.from_regex(r"[A-Za-z0-9äßé][A-Za-z0-9äßé ]{0,20}[A-Za-z0-9]", fullmatch=True),
    style=NAMES,
    model=st.sampled_from(["", "ab" * 32]),
    controls=st.dictionaries(NAMES, st.floats(0, 1)),
    size=st.none() | st.tuples(PIXELS, PIXELS),
    element_height=st.integers(0, MAX_SIZE),
    loop=st.booleans(),
    tile=st.sampled_from(TILES),
    format=st.sampled_from(FORMATS),
    motion=st.dictionaries(NAMES, st.floats(-1e3, 1e3)),
    seed=st.none() | st.integers(0, MAX_ITEM_SEED),
)


@given(PRESETS)
def test_a_preset_comes_back_as_it_was(preset: Preset) -> None:
    assert preset_from_json(preset.to_json(), "x.json") == preset


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"colour": 1}, "colour"),
        ({MARK: 2}, "version 2"),
        ({"style": ""}, "style"),
        ({"controls": {"height": 1.5}}, "height"),
        ({"controls": {"height": "tall"}}, "height"),
        ({"controls": {"height": float("nan")}}, "height"),
        ({"controls": {"height": 10**400}}, "height"),
        ({"size": [0, 64]}, "size"),
        ({"size": "big"}, "size"),
        ({"tile": "z"}, "tile"),
        ({"format": "jpg"}, "format"),
        ({"loop": 1}, "loop"),
        ({"seed": -1}, "seed"),
        ({"motion": [1]}, "motion"),
        ({"motion": {"speed": -(10**400)}}, "speed"),
        ({"name": ["x"]}, "text"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(change: dict[str, object], why: str) -> None:
    good = {MARK: VERSION, "name": "Blaze", "style": "fire"}
    assert preset_from_json(json.dumps(good), "x.json").name == "Blaze"
    with pytest.raises(PresetError, match=why) as refused:
        preset_from_json(json.dumps(good | change), "x.json")
    assert str(refused.value).startswith("x.json")
    assert str(refused.value).endswith(".")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "import os", "[]", "{}", '{"style": "fire"}', "[" * 100_000])
def test_other_files_are_no_presets(text: str) -> None:
    with pytest.raises(PresetError, match=r"x\.json is not"):
        preset_from_json(text, "x.json")


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(Preset("Blaze", "fire").to_json(), encoding="utf-8-sig")
    assert read_preset(tmp_path / "x.json").preset == Preset("Blaze", "fire")


def test_a_missing_key_is_named() -> None:
    with pytest.raises(PresetError, match="'style' is missing"):
        preset_from_json(json.dumps({MARK: VERSION, "name": "x"}), "x.json")


def test_presets_are_saved_listed_and_deleted(tmp_path: Path) -> None:
    path = save_preset(Preset("My Fire / 2", "fire", seed=4), tmp_path)
    (tmp_path / "broken.json").write_text("{")
    found, faults = find_presets([tmp_path])
    assert [(f.path, f.preset.seed) for f in found if not f.bundled] == [(path, 4)]
    assert len(faults) == 1
    save_preset(Preset("My Fire / 2", "fire", seed=5), tmp_path)
    assert read_preset(path).preset.seed == 5  # the same name is the same preset
    other = save_preset(Preset("Other", "fire"), tmp_path)
    with pytest.raises(PresetError, match="already"):
        rename_preset(path, "other")
    path = rename_preset(path, "Blaze")
    assert (path.name, read_preset(path).preset.name, read_preset(path).preset.seed) == ("blaze.json", "Blaze", 5)
    delete_preset(other)
    delete_preset(path)
    assert [p.name for p in tmp_path.iterdir()] == ["broken.json"]
    with pytest.raises(PresetError, match="cannot be deleted"):
        delete_preset(path)
    with pytest.raises(PresetError, match="no letter"):
        save_preset(Preset("///", "fire"), tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(PresetError, match="cannot be written"):
        save_preset(Preset("Fire", "fire"), tmp_path / "file")


def test_a_preset_takes_the_place_of_none_that_has_another_name(tmp_path: Path) -> None:
    path = save_preset(Preset("Blaze 2", "fire", seed=1), tmp_path)
    with pytest.raises(PresetError, match=r"Blaze 2 .*Blaze \(2\)"):
        save_preset(Preset("Blaze (2)", "fire", seed=2), tmp_path)
    assert [file.preset.name for file in find_presets([tmp_path])[0] if not file.bundled] == ["Blaze 2"]
    assert save_preset(Preset(" Blaze 2 ", "fire", seed=3), tmp_path) == path  # blanks are no part of a name
    assert read_preset(path).preset == Preset("Blaze 2", "fire", seed=3)
    path = rename_preset(path, "BLAZE (2)")  # its own file is in nobody's way
    assert read_preset(path).preset.name == "BLAZE (2)"
    path.write_text("{")
    assert save_preset(Preset("Blaze 2", "fire"), tmp_path) == path  # what is no preset has no name


def test_bundled_presets_are_drawn_by_bundled_models() -> None:
    found, faults = find_presets([Path("none")])
    assert not faults
    assert len(found) >= 8
    cards = [m.card for m in find_models()[0] if m.path.parent == BUNDLED]
    for file in found:
        preset = file.preset
        card = next(c for c in cards if c.style(preset.style))
        style = card.style(preset.style)
        assert style is not None
        width, height = preset.size or (1024, 576)
        recipe = Recipe(preset.style, width=width, height=height, tile=preset.tile, controls=preset.controls)
        check_style(recipe, style, card.architecture["trunk"][0]["stride"])
        assert file.bundled
        assert read_preset(file.path) == file
    with pytest.raises(PresetError, match="came with"):
        delete_preset(next(BUNDLED_PRESETS.glob("*.json")))
