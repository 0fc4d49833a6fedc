# SPDX-License-Identifier: GPL-3.0-or-later
"""Sequences on disk: resume, sidecar, devices, full disks."""

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest

from aigc_blender.errors import AigcError, DeviceError, RecipeError, SequenceError
from aigc_blender.recipe import Recipe, Track
from aigc_blender.sequence.metadata import read_metadata
from aigc_blender.sequence.sidecar import read_recipe, read_sidecar
from aigc_blender.sequence.writer import SequenceWriter

RECIPE = Recipe("fire", model="ab" * 32, seed=7, width=8, height=6, loop=48, controls={"height": 0.5})
PIXELS = np.linspace(0, 1, 6 * 8 * 4, dtype=np.float32).reshape(6, 8, 4)


def writer(folder: Path, recipe: Recipe = RECIPE, fmt: str = "png", device: str = "cpu") -> SequenceWriter:
    return SequenceWriter(recipe, folder, "fire", fmt, device, {"torch": "2"})


def write(folder: Path, numbers: range, recipe: Recipe = RECIPE, fmt: str = "png", device: str = "cpu") -> None:
    sequence = writer(folder, recipe, fmt, device)
    sequence.open()
    for number in numbers:
        sequence.write(number, PIXELS)


def look_and_open(sequence: SequenceWriter) -> None:
    sequence.missing([1])
    sequence.open()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("fmt", ["png", "png16", "exr"])
def test_what_is_written_is_not_missing(tmp_path: Path, fmt: str) -> None:
    folder = tmp_path / "a" / "ü b"
    assert writer(folder, fmt=fmt).missing(range(1, 4)) == [1, 2, 3]
    assert not folder.exists()
    write(folder, range(2, 4), fmt=fmt)
    assert writer(folder, fmt=fmt).missing(range(1, 6)) == [1, 4, 5]
    ending = "exr" if fmt == "exr" else "png"
    assert names(folder) == [f"fire.0002.{ending}", f"fire.0003.{ending}", "fire.recipe.json"]


def test_any_other_input_or_format_makes_a_frame_missing(tmp_path: Path) -> None:
    write(tmp_path, range(1, 3))
    for other in (replace(RECIPE, seed=8), replace(RECIPE, model="cd" * 32), replace(RECIPE, controls={"height": 0.6})):
        assert writer(tmp_path, other).missing([1, 2]) == [1, 2]
    assert writer(tmp_path, fmt="png16").missing([1, 2]) == [1, 2]


def test_a_torn_or_foreign_frame_is_missing(tmp_path: Path) -> None:
    write(tmp_path, range(1, 4))
    frame = tmp_path / "fire.0001.png"
    frame.write_bytes(frame.read_bytes()[:-1])
    (tmp_path / "fire.0002.png").write_bytes(b"")
    assert writer(tmp_path).missing([1, 2, 3]) == [1, 2]


def test_a_late_key_touches_only_its_frames(tmp_path: Path) -> None:
    values = [0.1 * n for n in range(10)]
    recipe = replace(RECIPE, loop=None, controls={"height": Track(1, tuple(values))})
    write(tmp_path, range(1, 11), recipe)
    values[6] = 0.0
    changed = replace(recipe, controls={"height": Track(1, tuple(values))})
    assert writer(tmp_path, changed).missing(range(1, 11)) == [7]


def test_frame_and_sidecar_give_the_recipe_back(tmp_path: Path) -> None:
    recipe = replace(RECIPE, controls={"height": Track(1, (0.25, 0.75))})
    write(tmp_path, range(2, 3), recipe)
    assert read_recipe(tmp_path / "fire.recipe.json") == recipe
    assert read_recipe(tmp_path / "fire.0002.png") == replace(recipe, controls={"height": 0.75})
    plain = tmp_path / "plain.json"
    plain.write_text(recipe.to_json())
    assert read_recipe(plain) == recipe
    beside = read_sidecar(tmp_path / "fire.recipe.json")
    assert beside
    assert (beside.format, beside.device, beside.runtime) == ("png", "cpu", {"torch": "2"})


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    write(tmp_path, range(1, 2), RECIPE)
    path = tmp_path / "fire.recipe.json"
    before = read_sidecar(path)
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert read_recipe(path) == RECIPE
    assert read_sidecar(path) == before


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"recipe": 3}', '{"style": 1}', '{"style": "fire", "sed": 1}'])
def test_files_that_are_no_recipe(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    for bad in (path, tmp_path / "none.json", tmp_path / "none.png", tmp_path):
        with pytest.raises(RecipeError):
            read_recipe(bad)


def test_a_foreign_file_in_the_sidecars_place_is_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "fire.recipe.json"
    foreign.write_text("3 eggs, 500 g of flour")
    with pytest.raises(SequenceError, match="not the recipe of a sequence"):
        writer(tmp_path).missing([1])
    assert foreign.read_text() == "3 eggs, 500 g of flour"


def test_a_new_recipe_takes_over_the_sidecar(tmp_path: Path) -> None:
    write(tmp_path, range(1, 3))
    other = replace(RECIPE, seed=8)
    write(tmp_path, range(1, 2), other)
    assert read_recipe(tmp_path / "fire.recipe.json") == other
    assert writer(tmp_path, other).missing([1, 2]) == [2]


def test_a_change_of_device_is_refused(tmp_path: Path) -> None:
    write(tmp_path, range(1, 3))
    for numbers in ([2, 3], [3, 4]):  # with a frame that is kept; apart from all others, as another machine
        with pytest.raises(DeviceError, match="--device cpu"):
            writer(tmp_path, device="cuda").missing(numbers)
    assert writer(tmp_path, device="cuda").missing([1, 2]) == []  # nothing to draw, nothing to mix
    assert writer(tmp_path, replace(RECIPE, seed=8), device="cuda").missing([1, 2]) == [1, 2]


def test_a_sidecar_alone_binds_no_device(tmp_path: Path) -> None:
    writer(tmp_path).open()
    other = writer(tmp_path, device="cuda")
    assert other.missing([1]) == [1]
    other.open()
    beside = read_sidecar(tmp_path / "fire.recipe.json")
    assert beside
    assert beside.device == "cuda"


def test_a_folder_that_cannot_be_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper", tmp_path / "new" / ("x" * 300)):
        with pytest.raises(SequenceError) as caught:
            look_and_open(writer(folder))
        assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name, or have no bytes in names")
@pytest.mark.parametrize("fmt", ["png", "png16", "exr"])
def test_a_folder_whose_name_is_not_utf_8_takes_what_it_can(tmp_path: Path, fmt: str) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    if fmt == "exr":
        with pytest.raises(
            SequenceError, match=r"0001\.exr cannot be written \(its name is not UTF-8, which EXR needs\)"
        ):
            write(folder, range(1, 2), fmt=fmt)
        assert names(folder) == ["fire.recipe.json"]
    else:
        write(folder, range(1, 2), fmt=fmt)
        assert writer(folder, fmt=fmt).missing([1]) == []


def test_leftovers_of_finished_frames_and_of_the_recipe_are_swept_and_no_others(tmp_path: Path) -> None:
    write(tmp_path, range(1, 3))
    others = [".fire.0003.png.0123.tmp", ".smoke.0001.png.0123.tmp", ".smoke.recipe.json.0123.tmp"]
    for name in (".fire.0001.png.0123.tmp", ".fire.recipe.json.0123.tmp", *others):
        (tmp_path / name).write_bytes(b"half")
    writer(tmp_path).sweep([1, 2])
    assert [name for name in names(tmp_path) if name.startswith(".")] == others


def test_many_writers_of_one_sequence(tmp_path: Path) -> None:
    """Farms hand a task out twice: all that is ever seen under a frame's name is whole."""

    def task(_number: int) -> None:
        sequence = writer(tmp_path)
        sequence.open()
        for number in range(1, 9):
            sequence.write(number, PIXELS)
            assert read_metadata(tmp_path / f"fire.{number:04d}.png")
        sequence.sweep(range(1, 9))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(task, range(12)))
    assert names(tmp_path) == [*(f"fire.{n:04d}.png" for n in range(1, 9)), "fire.recipe.json"]


def test_many_writers_that_begin_while_others_end(tmp_path: Path) -> None:
    """One that ends sweeps up what another is just writing as its recipe, which is the same."""

    def task(folder: Path) -> None:
        sequence = writer(folder)
        sequence.open()
        sequence.sweep([1])

    for number in range(50):
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(task, repeat(tmp_path / str(number), 6)))
        assert names(tmp_path / str(number)) == ["fire.recipe.json"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], check=False, capture_output=True
    ).returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("fmt", ["png", "png16", "exr"])
def test_a_full_disk_loses_no_frame(small_disk: Path, fmt: str) -> None:
    recipe = replace(RECIPE, width=128, height=128)
    pixels = np.random.default_rng(0).random((128, 128, 4), dtype=np.float32)
    folder = small_disk / "out"
    sequence = writer(folder, recipe, fmt)
    sequence.open()
    with pytest.raises(SequenceError) as caught:
        deque((sequence.write(number, pixels) for number in range(1, 20)), 0)
    assert "free some space" in str(caught.value)
    left = [path for path in folder.iterdir() if path.suffix != ".json"]
    assert 0 < len(left) < 19
    assert all(read_metadata(path) for path in left)
    assert len(sequence.missing(range(1, 20))) == 19 - len(left)
    for path in left:
        path.unlink()
    sequence.write(1, pixels)


def test_a_disk_that_is_full_from_the_start_keeps_no_folder(small_disk: Path) -> None:
    with (small_disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space"):
        deque(map(filler.write, repeat(bytes(1024))), 0)
    with pytest.raises(AigcError, match="free some space"):
        writer(small_disk / "a" / "b").open()
    assert names(small_disk) == ["filler"]


def test_metadata_is_plain_json(tmp_path: Path) -> None:
    write(tmp_path, range(1, 2))
    metadata = read_metadata(tmp_path / "fire.0001.png")
    assert metadata
    assert metadata["digest"] == RECIPE.frame_digest(1, "png")
    assert metadata["inputs"] == json.loads(json.dumps(RECIPE.frame_inputs(1)))
    assert metadata["device"] == "cpu"
