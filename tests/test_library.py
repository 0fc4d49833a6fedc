# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding models: by folder, by style, by digest; a bad file beside them hurts nobody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aigc_blender.errors import ModelError, RecipeError
from aigc_blender.library import (
    BUNDLED,
    add_model,
    find_models,
    model_by_digest,
    model_folders,
    model_for_style,
    user_models,
)
from tests.models import tiny_model


def test_folders_are_searched_bundled_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_MODEL_PATH", os.pathsep.join([str(tmp_path), "", str(tmp_path / "none")]))
    extra = tmp_path / "extra"
    assert model_folders([extra]) == [BUNDLED, user_models(), extra, tmp_path, tmp_path / "none"]


def test_models_are_found_once_and_faults_are_told(tmp_path: Path) -> None:
    first = tiny_model(tmp_path, seed=1, name="a")
    (tmp_path / "copy.safetensors").write_bytes(first.read_bytes())
    tiny_model(tmp_path, seed=2, name="b")
    (tmp_path / "broken.safetensors").write_bytes(b"nonsense")
    bundled = len(find_models()[0])
    models, faults = find_models([tmp_path])
    assert [m.path.name for m in models[bundled:]] == ["a.safetensors", "b.safetensors"]
    assert len(faults) == 1
    assert "broken.safetensors" in str(faults[0])


def test_what_macos_puts_beside_a_model_is_none(tmp_path: Path) -> None:
    tiny_model(tmp_path)
    (tmp_path / "._tiny.safetensors").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        ")
    models, faults = find_models([tmp_path])
    assert [m.path.name for m in models if m.path.parent == tmp_path] == ["tiny.safetensors"]
    assert not faults


def test_what_cannot_be_looked_into_is_told_and_the_rest_is_found(tmp_path: Path) -> None:
    tiny_model(tmp_path)
    (tmp_path / "gone.safetensors").symlink_to(tmp_path / "nowhere")
    unfit = Path("/", "x" * 300)
    models, faults = find_models([unfit, tmp_path, tmp_path / "none"])
    assert models[-1].path.parent == tmp_path
    assert [str(fault).split(":")[0] for fault in faults] == [str(unfit), str(tmp_path / "gone.safetensors")]
    assert model_for_style("fire", [unfit])


def test_a_digest_finds_its_model_and_no_other(tmp_path: Path) -> None:
    tiny_model(tmp_path, seed=1)
    model = find_models([tmp_path])[0][-1]
    assert model_by_digest(model.digest, [tmp_path]).path == model.path
    with pytest.raises(ModelError, match="0000"):
        model_by_digest("0" * 64, [tmp_path])


def test_an_unknown_style_names_those_there_are(tmp_path: Path) -> None:
    tiny_model(tmp_path)
    assert model_for_style("caustics", [tmp_path]).card.style("caustics")
    with pytest.raises(RecipeError, match="fire"):
        model_for_style("jelly", [tmp_path])
    (tmp_path / "jelly.safetensors").write_bytes(b"cut")
    with pytest.raises(RecipeError, match=r"jelly.safetensors: truncated"):
        model_for_style("jelly", [tmp_path])


def test_a_model_is_taken_in_once_and_only_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_HOME", str(tmp_path / "home"))
    source = tiny_model(tmp_path, seed=3, name="my style")
    added = add_model(source)
    assert added.path.parent == user_models()
    assert added.path.read_bytes() == source.read_bytes()
    assert model_by_digest(added.digest).path == added.path
    with pytest.raises(ModelError, match="there already"):
        add_model(source)
    other = add_model(tiny_model(tmp_path, seed=4, name="my style"))
    assert other.path != added.path  # another model of that name
    whole = source.read_bytes()
    for damage, why in ((whole[:-4], "bytes of weights"), (whole + b"x", "bytes of weights"), (b"PK", "truncated")):
        (tmp_path / "bad.safetensors").write_bytes(damage)
        with pytest.raises(ModelError, match=why) as refused:
            add_model(tmp_path / "bad.safetensors")
        assert "\n" not in str(refused.value)
    with pytest.raises(ModelError, match="cannot be read"):
        add_model(tmp_path / "none.safetensors")
    assert sorted(user_models().iterdir()) == sorted([added.path, other.path])  # nothing half done is left
