# SPDX-License-Identifier: GPL-3.0-or-later
"""prepare: the table tells what became of each film, the sheet shows the part that is used."""

from __future__ import annotations

import os
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from tests.training.footage.films import opaque, ripples, waves, write_picture, write_video
from training.__main__ import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "Pond Life"
    place.mkdir()
    film = np.repeat(opaque(np.full((1, 96, 128), 90)), 60, axis=0)
    film[:, 48:] = ripples(60, 48, 128)
    write_video(place / "pond.mkv", film[..., :3])
    write_video(place / "short.mkv", film[:4, ..., :3])
    (place / "broken.mp4").write_text("no film")
    return place


def test_the_table_and_the_sheet_show_what_was_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = folder.parent / "sheets" / "sheet.png"
    common = ["--size", "32", "--cache", str(folder.parent / "cache"), "--rights", "ours"]
    assert main(["prepare", str(folder), *common, "--out", str(sheet)]) == 0
    text = capsys.readouterr().out
    rows = {
        name: line for line in text.splitlines() for name in ("pond.mkv", "short.mkv", "broken.mp4") if name in line
    }
    assert rows["pond.mkv"].split()[:4] == ["pond_life", "pond.mkv", "1", "60"]
    assert "too short" in rows["short.mkv"]
    assert "cannot be read" in rows["broken.mp4"]
    assert "Rights: ours" in text
    picture = iio.imread(sheet)
    assert picture.shape[0] > 128, "one row"
    full = picture[2:130, 2:172].astype(int)
    assert full[70:120].mean() > 1.5 * full[5:55].mean(), "what is left out is dark"
    assert main(["prepare", str(folder), *common]) == 0, "again, from the cache"
    again = capsys.readouterr().out
    assert rows["pond.mkv"] in again
    assert rows["short.mkv"] in again


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--crop", "1,2,3"], "--crop"),
        (["--crop", "0,0,500,500"], "None of the footage"),
        (["--size", "0"], "--size"),
        (["--frames", "1"], "--frames"),
        (["--out", "sheet.jpg"], ".png"),
        (["--style", "A b"], "cannot be a name"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    folder: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prepare", str(folder), "--cache", str(folder.parent / "cache"), *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert words in error
    assert "\n" not in error


def test_footage_in_the_cache_may_be_named_otherwise(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    link = folder.with_name("link")
    link.symlink_to(folder, target_is_directory=True)
    common = ["--style", "pond", "--size", "32", "--cache", str(folder.parent / "cache")]
    sheet = ["--out", str(folder.parent / "sheet.png")]
    monkeypatch.chdir(folder.parent)
    assert main(["prepare", folder.name, *common]) == 0
    monkeypatch.chdir(folder)
    for name in (".", str(folder), str(link)):
        assert main(["prepare", name, *common, *sheet]) == 0, name
        assert "Rights: unknown" in capsys.readouterr().out


def test_a_bad_picture_is_named_where_its_folder_is_not_utf8(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xe9p\xf4t"))
    try:
        place.mkdir()
    except OSError:
        pytest.skip("names are Unicode here")
    for number, picture in enumerate(waves(25)):
        name = f"a{number:02d}.png"
        write_picture(tmp_path / name, picture.astype(np.float32) / 255, "uint8").rename(place / name)
    (place / "a24.png").write_bytes(b"no picture")
    common = ["--size", "32", "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "sheet.png")]
    assert main(["prepare", str(place), *common]) == 0
    assert "a24.png: cannot be read" in capsys.readouterr().out
