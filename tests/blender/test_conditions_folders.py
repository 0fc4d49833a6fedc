# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders that a generation may meet: full, read-only, shared with another process, oddly named, left by Save As."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.blender import kit
from tests.blender.test_conditions import MANY, assert_one_sentence, assert_tidy, frames_in, shot
from tests.blender.test_generate import begin, carry_on

ROOM = 2**19  # bytes for a few frames


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A disk of its own on a folder, which is made."""
    folder.mkdir(parents=True)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False, capture_output=True
    ).returncode:
        pytest.skip("mounting a disk needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@kit.in_blender
def _fills_a_disk_and_goes_on(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import jobs

    disk = tmp_path / "disk"
    for fmt in ("png", "exr"):
        group = shot(disk / fmt, format=fmt)
        filler = disk / "filler"
        filler.write_bytes(bytes(shutil.disk_usage(disk).free - ROOM))
        text = kit.refusal(bpy.ops.aigc.generate)
        job = jobs.latest(group.aigc.uuid)
        assert job is not None
        assert (job.state, assert_one_sentence(job.error)) == ("failed", text)
        assert str(job.folder) in text
        assert "free some space" in text
        first = {name: (job.folder / name).stat().st_ino for name in frames_in(job.folder)}
        assert 0 < len(first) < MANY
        assert_tidy(job.folder)
        filler.unlink()
        assert bpy.ops.aigc.generate() == {"FINISHED"}
        assert {name: (job.folder / name).stat().st_ino for name in first} == first
        assert len(frames_in(job.folder)) == MANY
        assert_tidy(job.folder)


def test_a_full_disk_is_named_and_with_space_again_it_goes_on(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=24m"):
        _fills_a_disk_and_goes_on(tmp_path)


@kit.in_blender
def _generates_beside_another(tmp_path: Path) -> None:
    import bpy

    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    group = bpy.context.scene.aigc_item
    for way, folder in {"png": "shared", "exr": "shared", "version": ""}.items():
        group.aigc.format = "exr" if way == "exr" else "png"
        (tmp_path / f"{way}.{os.getpid()}").touch()
        carry_on(lambda way=way: len(list(tmp_path.glob(f"{way}.*"))) == 2)  # both begin at once
        assert bpy.ops.aigc.generate(folder=str(tmp_path / folder / way) if folder else "") == {"FINISHED"}


@kit.in_blender
def _saves_a_shot_and_breaks_off(tmp_path: Path) -> None:
    import bpy

    shot(tmp_path)
    for fmt in ("png", "exr"):
        bpy.context.scene.aigc_item.aigc.format = fmt
        assert bpy.ops.aigc.generate(folder=str(tmp_path / "alone" / fmt)) == {"FINISHED"}
    bpy.context.scene.aigc_item.aigc.format = "png"
    begin(bpy.context.scene.aigc_item, None)
    bpy.ops.aigc.cancel()


def test_two_blenders_that_generate_the_same_into_one_folder_both_end_well(tmp_path: Path) -> None:
    _saves_a_shot_and_breaks_off(tmp_path)
    arguments = ("-m", "tests.blender.kit", __name__, "_generates_beside_another", str(tmp_path))
    with kit.blender(*arguments) as one, kit.blender(*arguments) as other:
        for process in (one, other):
            out, err = process.communicate(timeout=kit.PATIENCE)
            assert process.returncode == 0, out + err
    for fmt in ("png", "exr"):
        alone = frames_in(tmp_path / "alone" / fmt)
        assert len(alone) == MANY
        assert frames_in(tmp_path / "shared" / fmt) == alone
        assert_tidy(tmp_path / "shared" / fmt)
    for version in (tmp_path / "aigc" / "fire").iterdir():  # of its own for one that came when the other had ended
        assert frames_in(version) == frames_in(tmp_path / "alone" / "png")
        assert_tidy(version)
