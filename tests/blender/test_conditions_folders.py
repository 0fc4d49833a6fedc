# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders that a generation may meet: full, read-only, shared with another process, oddly named, left by Save As."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.blender import kit
from tests.blender.test_conditions import MANY, assert_one_sentence, assert_tidy, finish, frames_in, shot
from tests.blender.test_generate import add_fire, begin, carry_on

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


def _two_files(folder: Path, pattern: str) -> bool:
    return len(list(folder.glob(pattern))) == 2


@kit.in_blender
def _generates_beside_another(tmp_path: Path) -> None:
    import bpy

    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    group = bpy.context.scene.aigc_item
    for way, folder in {"png": "shared", "exr": "shared", "version": ""}.items():
        group.aigc.format = "exr" if way == "exr" else "png"
        (tmp_path / f"{way}.{os.getpid()}").touch()
        carry_on(functools.partial(_two_files, tmp_path, f"{way}.*"))  # both begin at once
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


@kit.in_blender
def test_names_in_any_script_and_of_any_length_make_files_that_blender_finds(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import images, jobs, shader

    group = shot(tmp_path / "Ünïcode ファイル 100% #1", frames=2, name="Szene é 火.blend")
    longest = "炎" * (85 if bpy.app.version >= (5, 0, 0) else 21)  # as many bytes as Blender keeps
    for seed, name in enumerate(("feu 火 é", "Fire & 'Ice' / 100% #1", "..", "-rf *", "con", longest)):
        group.name, group.aigc.seed = name, seed
        assert bpy.ops.aigc.generate() == {"FINISHED"}
        image = shader.require_image(group)
        job = jobs.latest(group.aigc.uuid)
        assert job is not None
        assert len(frames_in(job.folder)) == 2
        assert image.filepath.startswith("//aigc")
        assert all(images.file_of(image, n) == job.folder / f"{job.stem}.{n:04d}.png" for n in job.frames)
        assert all(images.file_of(image, n).is_file() for n in job.frames)
        assert kit.pixels_of(images.file_of(image, 1)).shape == (128, 128, 4)  # Blender reads it
        assert_tidy(job.folder)
        assert job.stem != "con"  # which Windows takes for a device
    assert group.name == longest


@kit.in_blender
def _cannot_write(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import jobs

    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "disk" / "shot.blend"))
    for folder in ("", str(tmp_path / "disk" / "fire")):
        text = assert_one_sentence(kit.refusal(functools.partial(bpy.ops.aigc.generate, folder=folder)))
        assert str(tmp_path / "disk") in text
        assert "Read-only" in text
        assert not jobs.running()
    assert bpy.ops.aigc.generate(folder=str(tmp_path / "elsewhere")) == {"FINISHED"}
    assert len(frames_in(tmp_path / "elsewhere")) == 2


@kit.in_blender
def _saves_a_shot(tmp_path: Path) -> None:
    shot(tmp_path, frames=2)


def test_a_folder_that_is_read_only_is_named(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with mounted(disk, "size=8m"):
        _saves_a_shot(disk)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        _cannot_write(tmp_path)


@kit.in_blender
def test_save_as_in_mid_generation_loses_no_frame_and_says_where_they_are(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import images, shader
    from aigc_blender.ui import progress

    job = begin(shot(tmp_path / "before"), None)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "before" / "other.blend"))
    finish(job)
    assert not any(str(job.folder) in text for text in job.warnings)  # they lie beside it

    group = shot(tmp_path / "before", name="next.blend", seed=2)
    job = begin(group, None)
    (tmp_path / "after" / "deep").mkdir(parents=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "after" / "deep" / "shot.blend"))
    finish(job)
    assert (job.state, job.error) == ("done", None)
    assert str(job.folder) in assert_one_sentence(job.warnings[-1])
    assert progress.status(group, job) == ("ERROR", job.warnings[-1])
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    image = shader.require_image(bpy.context.scene.aigc_item)
    assert image.filepath.startswith("//")
    assert all(images.file_of(image, number).is_file() for number in range(1, MANY + 1))
    assert len(frames_in(job.folder)) == MANY


@kit.in_blender
def test_a_first_save_in_mid_generation_loses_no_frame(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import images, shader

    kit.empty_scene()
    kit.add_plane()
    job = begin(add_fire(frames=MANY, size=128, format="png"), None)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    finish(job)
    assert (job.state, job.error) == ("done", None)
    assert str(job.folder) in assert_one_sentence(job.warnings[-1])
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    image = shader.require_image(bpy.context.scene.aigc_item)
    assert all(images.file_of(image, number).is_file() for number in range(1, MANY + 1))


@kit.in_blender
def test_without_a_folder_for_unsaved_files_it_asks_for_the_file_to_be_saved(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import jobs

    os.chdir(tmp_path)  # where nothing is to appear
    kit.empty_scene()
    kit.add_plane()
    add_fire(frames=1, format="png")
    Path(bpy.utils.user_resource("DATAFILES")).write_text("in the way")
    text = assert_one_sentence(kit.refusal(bpy.ops.aigc.generate))
    assert "save the .blend" in text
    assert not jobs.running()
    assert not list(tmp_path.iterdir())
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert bpy.ops.aigc.generate() == {"FINISHED"}
