# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders that a generation may meet: full, read-only, shared with another process, oddly named, left by Save As."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.blender import kit
from tests.blender.test_conditions import MANY, assert_one_sentence, assert_tidy, frames_in, shot

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
