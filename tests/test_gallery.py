# SPDX-License-Identifier: GPL-3.0-or-later
"""The gallery: every scene builds and shows its element, and the command leaves a loop, a still and the sheet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from tests.blender.kit import ROOT, in_blender, picture, pixels_of, shown_item


@in_blender
def test_every_scene_shows_its_element(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import backdrop, splice
    from examples.gallery import film, stage
    from examples.gallery.scenes import SUBJECTS

    for name, subject in SUBJECTS.items():
        scene = stage.empty()
        item = shown_item(tmp_path / name, {1: picture((0.5, 0.4, 0.3, 0.5)), 2: picture((0.1, 0.1, 0.1, 0.5))})
        subject.build(item)
        film.prepare(scene)
        materials = {slot.material for thing in scene.objects for slot in thing.material_slots}
        thrown = any(m.node_tree and splice.node_of(m.node_tree, item) for m in materials if m)
        assert thrown or backdrop.places(item), name
        assert scene.camera is not None, name
    assert len(bpy.data.scenes) == 1


@in_blender
def test_what_moves_in_the_sequence_moves_in_the_picture(tmp_path: Path) -> None:
    from examples.gallery import film, stage
    from examples.gallery.scenes import SUBJECTS

    scene = stage.empty()
    scene.frame_end = 2
    pictures = {1: picture((0.9, 0.5, 0.1, 0.9)), 2: picture((0.0, 0.0, 0.0, 0.0))}
    SUBJECTS["fire"].build(shown_item(tmp_path / "fire", pictures, loop=2, tile="x"))
    film.prepare(scene, percent=25)
    first, second = (pixels_of(path) for path in film.preview(scene, (1, 2), tmp_path / "renders"))
    assert first.shape == (36, 64, 4)
    assert np.abs(first - second).mean() > 0.05


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_command_leaves_a_loop_a_still_and_the_sheet(tmp_path: Path) -> None:
    folders = ("--out", str(tmp_path / "out"), "--docs", str(tmp_path / "docs"))
    run_gallery("--only", "clouds", "--percent", "25", *folders)
    with Image.open(tmp_path / "docs" / "gallery" / "clouds.webp") as loop:
        assert (loop.size, loop.info["loop"]) == ((64, 36), 0)
        assert len(list(ImageSequence.Iterator(loop))) == 24
    with Image.open(tmp_path / "docs" / "gallery" / "clouds.jpg") as still:
        assert still.size == (160, 90)
    assert (tmp_path / "docs" / "gallery.png").exists()


def test_an_element_that_is_not_there_is_refused(tmp_path: Path) -> None:
    done = run_gallery("--only", "fog", "--docs", str(tmp_path), check=False)
    assert done.returncode == 2
    assert "fog is not in the gallery" in done.stderr


def run_gallery(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "examples.gallery", *arguments], cwd=ROOT, capture_output=True, text=True, check=check
    )
