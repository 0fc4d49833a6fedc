# SPDX-License-Identifier: GPL-3.0-or-later
"""Model files: what was saved is what is loaded, and nothing else is."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_blender.card import MAX_STYLES, THUMBNAIL_SIZE, Control, read_model_file
from aigc_blender.errors import ModelError
from aigc_blender.generator.checkpoint import load_model, save_model
from aigc_blender.generator.network import Generator
from tests.models import TINY, tiny_model

Edit = Callable[[dict[str, Any]], Any]


def test_a_saved_model_loads_to_the_same_numbers(tmp_path: Path) -> None:
    path = tiny_model(tmp_path)
    model = load_model(path)
    again = tmp_path / "again.safetensors"
    save_model(again, model.card, model.network)
    assert again.read_bytes() == path.read_bytes()
    assert load_model(again).file.digest == model.file.digest == read_model_file(path).digest
    assert all(p.dtype == torch.float32 for p in model.network.parameters())


def rewritten(path: Path, edit: Edit) -> Path:
    """The file with its header edited."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    edit(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    return path


def card_edit(edit: Edit) -> Edit:
    def apply(header: dict[str, Any]) -> None:
        card = json.loads(header["__metadata__"]["aigc_card"])
        edit(card)
        header["__metadata__"]["aigc_card"] = json.dumps(card)

    return apply


@pytest.mark.parametrize(
    "edit",
    [
        lambda h: h.pop("__metadata__"),
        lambda h: h.pop("style"),
        lambda h: h.update(extra=h["style"]),
        lambda h: h["style"].update(shape=[1, 1]),
        lambda h: h["style"].update(dtype="I64"),
        lambda h: h["style"].update(data_offsets=[0, 10**9]),
        card_edit(lambda c: c.pop("styles")),
        card_edit(lambda c: c["styles"].pop()),
        card_edit(lambda c: c["styles"][0].update(name="Fire!")),
        card_edit(lambda c: c["styles"][0].update(anchored=["z"])),
        card_edit(lambda c: c["styles"][0].update(fps=0)),
        card_edit(lambda c: c["styles"][0]["controls"][0].update(default=2)),
        card_edit(lambda c: c["architecture"].update(width=10**9)),
        card_edit(lambda c: c["architecture"].update(trunk=[])),
        card_edit(lambda c: c["architecture"].update(surprise=1)),
        card_edit(lambda c: c.update(generator=99)),
        card_edit(lambda c: c.update(channels="CMYK")),
        card_edit(lambda c: c.update(training=json.loads("[" * 50 + "]" * 50))),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(tmp_path: Path, edit: Edit) -> None:
    path = rewritten(tiny_model(tmp_path), edit)
    with pytest.raises(ModelError, match=path.name):
        load_model(path)


@settings(max_examples=40)
@given(fraction=st.floats(0, 0.999))
def test_a_truncated_file_is_refused(tmp_path_factory: pytest.TempPathFactory, fraction: float) -> None:
    path = tiny_model(tmp_path_factory.mktemp("m"))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    with pytest.raises(ModelError, match=path.name):
        load_model(path)


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    model = load_model(tiny_model(tmp_path))
    model.network.style.data[0, 0] = float("nan")
    save_model(tmp_path / "nan.safetensors", model.card, model.network)
    with pytest.raises(ModelError, match="style"):
        load_model(tmp_path / "nan.safetensors")


def test_text_in_a_card_cannot_reorder_or_control_the_screen(tmp_path: Path) -> None:
    path = rewritten(tiny_model(tmp_path), card_edit(lambda c: c.update(licence="free\u202eeerf\x1b[31m")))
    assert read_model_file(path).card.licence == "freeeerf[31m"


def test_as_many_styles_as_a_model_may_have_fit_into_a_file(tmp_path: Path) -> None:
    model = load_model(tiny_model(tmp_path))
    picture = base64.b64encode(bytes(3 * THUMBNAIL_SIZE**2)).decode()
    controls = tuple(Control(f"a_control_{n}", low=("low",) * 5, high=("high",) * 5) for n in range(4))
    styles = tuple(
        replace(model.card.styles[0], name=f"{n:032d}", thumbnail=picture, controls=controls) for n in range(MAX_STYLES)
    )
    network = Generator(replace(TINY, styles=MAX_STYLES, controls=4))
    card = replace(model.card, styles=styles, architecture=network.architecture.to_dict())
    save_model(tmp_path / "many.safetensors", card, network)
    assert len(load_model(tmp_path / "many.safetensors").card.styles) == MAX_STYLES


def test_a_failed_save_leaves_the_file_before(tmp_path: Path) -> None:
    path = tiny_model(tmp_path)
    before = path.read_bytes()
    model = load_model(path)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ModelError, match="cannot be written"):
        save_model(blocked / "m.safetensors", model.card, model.network)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "tiny.safetensors"]
