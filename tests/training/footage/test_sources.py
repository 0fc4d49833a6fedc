# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders as people keep them: odd names, links in circles, files that come and go."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.training.footage.films import waves, write_picture, write_video
from training.errors import FootageError
from training.footage.read import read_footage
from training.footage.sources import find_sources, read_frames


def test_links_in_circles_do_not_hang(tmp_path: Path) -> None:
    film = write_video(tmp_path / "a.mkv", waves(3))
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self.mkv").symlink_to(tmp_path / "self.mkv")
    (tmp_path / "gone.mkv").symlink_to(tmp_path / "nowhere.mkv")
    sources, faults = find_sources([tmp_path])
    assert [s.files for s in sources] == [(film,)]
    assert faults == []
    _, faults = find_sources([tmp_path / "self.mkv"])
    assert len(faults) == 1


def test_links_to_folders_are_followed_and_nothing_is_read_twice(tmp_path: Path) -> None:
    shelf, shot = tmp_path / "shelf", tmp_path / "shot"
    for folder in (shelf / "sea", shot / "fire", shelf / "pond.safetensors.run" / "videos"):
        folder.mkdir(parents=True)
        write_video(folder / "a.mkv", waves(3))
    (shot / "again").symlink_to(shot / "fire", target_is_directory=True)  # read before the folder it leads to
    (shot / "drawn").symlink_to(shelf / "pond.safetensors.run" / "videos", target_is_directory=True)
    (shot / "library").symlink_to(shelf / "sea", target_is_directory=True)
    (shelf / "sea" / "back").symlink_to(shot, target_is_directory=True)
    fire, sea = shot / "fire" / "a.mkv", shot / "library" / "a.mkv"
    assert [s.files for s in find_sources([shot])[0]] == [(fire,), (sea,)]
    for named in (shelf / "sea", shelf / "sea" / "a.mkv"):
        assert [s.files for s in find_sources([shot, named])[0]] == [(fire,), (shelf / "sea" / "a.mkv",)]


@pytest.mark.parametrize("name", ["Feuer groß 01.mkv", "火 1.mkv", " blank .mkv", "a;b'c\".mkv", "%04d.mkv"])
def test_names_are_only_names(tmp_path: Path, name: str) -> None:
    film = write_video(tmp_path / "plain.mkv", waves(3)).rename(tmp_path / name)
    ((source,), _) = find_sources([tmp_path])
    assert source.name == name
    assert len(list(read_frames(source))) == 3
    assert source.files == (film,)


def test_a_film_that_vanishes_is_named_and_left_out(tmp_path: Path) -> None:
    stays = write_video(tmp_path / "stays.mkv", waves(20))
    goes = write_video(tmp_path / "goes.mkv", waves(20))
    lines: list[str] = []

    def report(line: str) -> None:
        lines.append(line)
        goes.unlink(missing_ok=True)  # in the middle of reading: the first film reported is missing

    material = read_footage(
        [tmp_path / "missing.mkv", stays, goes], tmp_path / "cache", size=32, frames=9, style="a", report=report
    )
    assert [f.name for f in material.films if not f.skipped] == ["stays.mkv"]
    assert len([line for line in lines if line.startswith("goes.mkv: ")]) == 1


def test_pictures_that_stop_being_readable_end_a_film(tmp_path: Path) -> None:
    for number, picture in enumerate(waves(30)):
        write_picture(tmp_path / f"a{number:02d}.png", picture.astype(np.float32) / 255, "uint8")
    (tmp_path / "a20.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 100)
    lines: list[str] = []
    (film,) = read_footage([tmp_path], tmp_path / "cache", size=32, frames=9, crop="none", report=lines.append).films
    assert film.frames == 20
    assert [line for line in lines if "a20.png" in line and "first 20 frames" in line]


def test_one_frame_is_no_film(tmp_path: Path) -> None:
    write_video(tmp_path / "one.mkv", waves(1))
    lines: list[str] = []
    with pytest.raises(FootageError, match="long enough"):
        read_footage([tmp_path], tmp_path / "cache", size=32, frames=9, report=lines.append)
    assert len([line for line in lines if line.startswith("one.mkv: too short")]) == 1


def test_what_a_run_has_drawn_is_no_footage(tmp_path: Path) -> None:
    film = write_video(tmp_path / "a.mkv", waves(3))
    made = tmp_path / "takes" / "pond.safetensors.run" / "videos"
    made.mkdir(parents=True)
    drawn = write_video(made / "000100-pond.mkv", waves(3))
    write_picture(made / "000100.png", waves(1)[0].astype(np.float32) / 255, "uint8")
    sources, faults = find_sources([tmp_path])
    assert [s.files for s in sources] == [(film,)]
    assert faults == []
    sources, _ = find_sources([drawn])
    assert [s.files for s in sources] == [(drawn,)], "unless it is named itself"


def test_pictures_that_change_size_after_a_while_end_a_film(tmp_path: Path) -> None:
    for number, picture in enumerate(waves(260).astype(np.float32) / 255):
        shown = picture if number < 130 else picture[:, :50]
        write_picture(tmp_path / f"a{number:03d}.png", np.ascontiguousarray(shown), "uint8")
    lines: list[str] = []
    (film,) = read_footage([tmp_path], tmp_path / "cache", size=32, frames=9, report=lines.append).films
    assert film.frames == 130
    assert [line for line in lines if "not all of one size" in line and "first 130 frames" in line]


def test_a_name_that_is_not_utf8_can_be_told_and_kept_on_a_card(tmp_path: Path) -> None:
    film = write_video(tmp_path / "plain.mkv", waves(20))
    try:
        film.rename(os.fsdecode(os.fsencode(tmp_path) + b"/feu \xe9t\xe9 1.mkv"))
    except OSError:
        pytest.skip("names are Unicode here")
    lines: list[str] = []
    material = read_footage(
        [tmp_path], tmp_path / "cache", size=32, frames=9, style="a", crop="none", report=lines.append
    )
    assert material.rights.sources == ("feu \ufffdt\ufffd 1.mkv",)
    assert "\n".join(lines).encode()
