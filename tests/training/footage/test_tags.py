# SPDX-License-Identifier: GPL-3.0-or-later
"""footage.toml: tags become styles and sliders, and every slip is one sentence that names file and key."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aigc_blender.card import UNKNOWN_RIGHTS, Control
from tests.training.footage.films import waves, write_picture, write_video
from training.errors import FootageError
from training.footage.read import Material, read_footage

FIRE = """
rights = "ours"

[styles.campfire]
anchored = "y"
words = ["fire", "camp"]
emissive = true
mirror = true
controls.height = { low = ["small"], high = ["tall", "high"] }

[[clips]]
files = "footage/*.mkv"
style = "campfire"
controls = { height = 0.5, wind = 0.1 }

[[clips]]
files = "low_*.mkv"
controls = { height = 0.2 }
frames = [5, 24]

[[clips]]
files = "sea/*.mkv"
style = "sea"
rights = "licensed from X"
crop = [4, 2, 48, 40]

[[clips]]
files = "bad.mkv"
skip = true
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "footage"
    (place / "sea").mkdir(parents=True)
    for number, name in enumerate(("low_a.mkv", "tall.mkv", "bad.mkv", "sea/sea.mkv")):
        film = waves(30)
        film[..., 2] = 40 * number
        write_video(place / name, film)
    return place


def read(folder: Path, *more: Path, lines: list[str] | None = None, rights: str | None = None) -> Material:
    report = (lines if lines is not None else []).append
    cache = folder.parent / "cache"
    return read_footage([folder, *more], cache, size=32, frames=9, rights=rights, report=report)


def test_tags_become_styles_controls_and_rights(folder: Path) -> None:
    (folder / "footage.toml").write_text(FIRE, encoding="utf-8")
    lines: list[str] = []
    material = read(folder, lines=lines)
    fire, sea = material.footage
    assert (fire.style.name, sea.style.name) == ("campfire", "sea")
    assert fire.style.anchored == ("y",)
    assert fire.style.words == ("fire", "camp")
    assert fire.style.emissive
    assert fire.mirror
    assert not sea.mirror
    assert fire.style.controls == (Control("height", 0.5, ("small",), ("tall", "high")), Control("wind"))
    assert sea.style.controls == ()
    blue = fire.scales[32][:, 0, 0, 0, 2].round(-1)
    low, tall = fire.controls[blue == 0], fire.controls[blue == 40]
    assert low.tolist() == [[np.float32(0.2), np.float32(0.1)]] * len(low)
    assert tall.tolist() == [[np.float32(0.5), np.float32(0.1)]] * len(tall)
    assert material.rights.statement == "ours; licensed from X"
    assert material.rights.sources == ("low_a.mkv", "tall.mkv", "sea.mkv")
    assert [len(d) for d in material.rights.digests] == [64] * 3
    by_name = {f.name: f for f in material.films}
    assert by_name["bad.mkv"].skipped == "tagged to be skipped"
    assert by_name["low_a.mkv"].frames == 20
    assert by_name["sea.mkv"].crop == (4, 2, 48, 40)
    assert len(lines) == 2, "one a style"


def test_a_control_that_a_film_lacks_is_in_the_middle_and_said(folder: Path) -> None:
    (folder / "footage.toml").write_text('[[clips]]\nfiles = "tall.mkv"\ncontrols = { height = 1 }\n')
    lines: list[str] = []
    (footage,) = read(folder, lines=lines).footage
    assert sorted(set(footage.controls[:, 0].tolist())) == [0.5, 1.0]
    assert [line for line in lines if "low_a.mkv" in line] == ["low_a.mkv: its height is not tagged; taken as 0.5."]


def test_rights_are_unknown_until_someone_states_them(folder: Path) -> None:
    assert read(folder).rights.statement == UNKNOWN_RIGHTS
    (folder / "footage.toml").write_text('[[clips]]\nfiles = "tall.mkv"\nrights = "ours"\n')
    assert read(folder).rights.statement in (f"ours; {UNKNOWN_RIGHTS}", f"{UNKNOWN_RIGHTS}; ours")
    assert read(folder, rights="all ours").rights.statement == "all ours"


def test_a_byte_order_mark_is_read_over(folder: Path) -> None:
    (folder / "footage.toml").write_text('[[clips]]\nfiles = "*"\nrights = "ours"\n', encoding="utf-8-sig")
    assert read(folder).rights.statement == "ours"


def test_a_tags_file_can_be_named_alone_or_beside_footage(folder: Path) -> None:
    tags = folder / "mine.toml"
    tags.write_text('[[clips]]\nfiles = "low_*"\nstyle = "low"\n')
    assert {f.style for f in read_footage([tags], folder.parent / "c", size=32, frames=9, report=print).films} == {
        "low",
        "footage",
    }
    elsewhere = folder.parent / "tags.toml"
    elsewhere.write_text('[[clips]]\nfiles = "low_*"\nstyle = "calm"\n')
    assert [f.style for f in read(folder / "low_a.mkv", elsewhere).films] == ["calm"]


def test_pictures_are_cut_by_their_numbers(tmp_path: Path) -> None:
    place = tmp_path / "shot"
    place.mkdir()
    for number, picture in enumerate(waves(30), 1001):
        write_picture(place / f"a.{number}.png", picture.astype(np.float32) / 255, "uint8")
    (place / "footage.toml").write_text('[[clips]]\nfiles = "a.*.png"\nframes = [1006, 1020]\n')
    (film,) = read(place).films
    assert (film.name, film.frames) == ("a.1006-1020.png", 15)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("styles = 3", ("styles", "a table")),
        ("colour = 1", ("colour", "is not known")),
        ("[styles.Fire]", ("styles.Fire", "no name")),
        ('[styles.fire]\nanchored = "z"', ("styles.fire: anchored", "auto, none, x, y or xy")),
        ('[styles.fire]\nwords = "fire"', ("styles.fire: words",)),
        ("[styles.fire]\nemissive = 1", ("styles.fire: emissive", "true or false")),
        ("[styles.fire.controls.Height]", ("Height", "a-z")),
        ('[styles.fire.controls.height]\nmiddle = ["a"]', ("controls.height: middle", "is not known")),
        ("[[clips]]\nskip = true", ("clips 1: files", "is missing")),
        ('[[clips]]\nfiles = "nothing_*.mov"', ("clips 1: files", "nothing_*.mov", "matches no footage")),
        ('[[clips]]\nfiles = "*.mkv"\ncontrols = { height = 2 }', ("clips 1: controls", "0..1")),
        ('[[clips]]\nfiles = "*.mkv"\ncontrols = { height = true }', ("clips 1: controls", "0..1")),
        ('[[clips]]\nfiles = "*.mkv"\ncontrols = { "a b" = 0.5 }', ("clips 1: controls", "a-z")),
        ('[[clips]]\nfiles = "*.mkv"\nstyle = ""', ("clips 1: style", "a-z")),
        ('[[clips]]\nfiles = "*.mkv"\nframes = [9, 3]', ("clips 1: frames",)),
        ('[[clips]]\nfiles = "*.mkv"\ncrop = [0, 0, 0, 9]', ("clips 1: crop", "pixels")),
        ('[[clips]]\nfiles = "*.mkv"\nrights = ""', ("clips 1: rights",)),
        ('[[clips]]\nfiles = "*.mkv"\n[[clips]]\nfiles = "*.mkv"\nskp = true', ("clips 2: skp", "is not known")),
        ("[[clips]\n", ("not valid TOML",)),
        ('a = "\\ud800"', ("not valid TOML",)),
    ],
)
def test_slips_are_one_sentence_with_file_and_key(folder: Path, text: str, words: tuple[str, ...]) -> None:
    (folder / "footage.toml").write_text(text)
    with pytest.raises(FootageError) as caught:
        read(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder / 'footage.toml'}: ")
    assert "\n" not in message
    assert message.endswith(".")
    for word in words:
        assert word in message
