# SPDX-License-Identifier: GPL-3.0-or-later
"""Strips in the sequencer: they show the files' pixels, and stay as a user has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.blender import kit
from tests.blender.test_placements_scene import GLOW, STEP, exr_item


@kit.in_blender
def test_a_strip_shows_the_pixels_and_repeats_a_loop(tmp_path: Path) -> None:
    from aigc_blender.scene import placements, shader, strip

    scene = kit.empty_scene()
    scene.frame_start, scene.frame_end = 1, 10
    pictures = {n: GLOW[n - 4] for n in (5, 6, 7)}
    below = kit.write_sequence(tmp_path / "theirs", {1: kit.picture((0, 0, 0, 1))}, "black")
    strips = scene.sequence_editor_create().strips
    strips.new_image("Theirs", str(below), 2, 1).frame_final_duration = 10
    group = kit.shown_item(tmp_path / "png", pictures, loop=3)
    strip.place(group, scene)
    (ours,) = [s for s in strips if s.name != "Theirs"]
    assert (ours.channel, ours.frame_final_start, ours.frame_final_end) == (3, 1, 11)
    for frame, number in ((1, 7), (5, 5), (6, 6), (10, 7)):
        straight = kit.pixels_of(tmp_path / "png" / f"fire.{number:04d}.png")
        expected = straight[..., :3] * straight[..., 3:]  # the sequencer blends display values
        np.testing.assert_allclose(kit.rendered(frame, tmp_path), expected, atol=2 * STEP)

    ours.blend_alpha, ours.channel = 1.0, 5
    light = kit.picture((0.1, 0.2, 0.4, 1.0), corner=(0.4, 0.1, 0.0, 1.0))
    shader.show(group, shader.image_of(exr_item(tmp_path / "exr", dict.fromkeys(range(3, 9), light))))
    placements.refit(group)
    assert (ours.channel, ours.frame_final_start, ours.frame_final_end, len(ours.elements)) == (5, 3, 9, 6)
    np.testing.assert_allclose(kit.rendered(8, tmp_path), kit.encoded(light[..., :3]), atol=2 * STEP)

    # Where it was moved in the edit it stays, and a range that starts later comes later.
    ours.frame_start += 10
    for first, start, older in ((3, 13, False), (5, 15, False), (5, 15, True), (4, 4, True), (2, 2, False)):
        if older:
            ours.pop("aigc_start", None)  # a file that was made before this was kept: what it was made for is not known
        shader.show(group, shader.image_of(kit.shown_item(tmp_path / "again", dict.fromkeys(range(first, 9), light))))
        placements.refit(group)
        assert (ours.frame_final_start, ours.frame_final_end) == (start, start + 9 - first)


@kit.in_blender
def test_a_strip_is_blended_as_what_it_shows_needs_unless_a_user_chose(tmp_path: Path) -> None:
    from aigc_blender.scene import placements, shader, strip

    scene = kit.empty_scene()
    clear, opaque = (
        kit.shown_item(tmp_path / style.name, {1: kit.picture((0.2, 0.2, 0.2, 1.0)[: 3 + style.alpha])}, style=style)
        for style in (kit.FIRE, kit.PLATE)
    )
    images = [shader.require_image(item) for item in (clear, opaque)]
    strip.place(opaque, scene)
    (ours,) = scene.sequence_editor.strips_all
    assert ours.blend_type == "REPLACE"
    for image, chosen, expected in (
        (images[0], None, "ALPHA_OVER"),
        (images[0], "SCREEN", "SCREEN"),
        (images[1], None, "REPLACE"),
    ):
        ours.blend_type = chosen or ours.blend_type
        shader.show(opaque, image)
        placements.refit(opaque)
        assert ours.blend_type == expected
