# SPDX-License-Identifier: GPL-3.0-or-later
"""From a generated image back to its element, its frames, and a folder that holds all it needs."""

from __future__ import annotations

import operator
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from aigc_blender.recipe import Recipe
from tests.blender import kit
from tests.blender.test_baking import key
from tests.blender.test_generate import add_fire


@kit.in_blender
def test_an_image_gives_back_its_element_and_its_frames(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.recipe import Track
    from aigc_blender.scene import images, item, shader
    from aigc_blender.ui import catalog, state

    scene = kit.empty_scene()
    plane = kit.add_plane()
    group = add_fire(frames=4, format="png", seed=7, tile_x=True, shutter=0.5, use_seed_b=True, seed_b=3)
    group.aigc.start = 1
    key(group, '["height"]', {1: 0.2, 4: 0.8})
    key(group, "aigc.speed", {1: 1.0, 3: 2.0, 5: 1.0})
    key(group, "aigc.seed_blend", {1: 0.0, 3: 1.0, 5: 0.0})
    key(group, "aigc.pan_x", {1: 0.0, 5: 64.0})
    group.aigc.style_b = "caustics"
    key(group, "aigc.style_blend", {1: 0.0, 3: 1.0, 5: 0.0})
    assert bpy.ops.aigc.generate(folder=str(tmp_path / "fire")) == {"FINISHED"}
    image = shader.require_image(group)
    recipe = images.recipe_of(image)
    assert all(
        isinstance(v, Track)
        for v in (recipe.speed, recipe.style_blend, recipe.seed_blend, recipe.pan[0], recipe.controls["height"])
    )
    assert state.is_stale(group, bpy.context.scene) is False

    # Its element gone and the scene another: all comes back from the image.
    image.use_fake_user = True
    bpy.ops.aigc.remove()
    assert not item.items()
    scene.frame_start, scene.frame_end = 101, 140
    assert bpy.ops.aigc.edit_recipe(image=image.name) == {"FINISHED"}
    restored = scene.aigc_item
    entry = catalog.entry("fire", recipe.model)
    assert entry is not None
    style = item.drawn_style(entry.model.card, "fire", "caustics")
    assert item.recipe(restored, scene, style) == recipe
    assert item.frame_numbers(restored, scene) == images.frames_of(image)
    assert state.is_stale(restored, bpy.context.scene) is False
    assert bpy.ops.aigc.edit_recipe(image=image.name) == {"FINISHED"}
    assert item.items() == [restored]  # the one that shows it is edited, not another made
    assert plane.name in scene.objects

    # Frames that are lost come back to the bit, in the same folder.
    files = sorted((tmp_path / "fire").glob("*.png"))
    whole = [path.read_bytes() for path in files]
    files[0].unlink()
    files[2].unlink()
    state.refresh(wait=True)
    assert state.state(restored) == "MISSING"
    assert bpy.ops.aigc.regenerate(image=image.name) == {"FINISHED"}
    assert [path.read_bytes() for path in files] == whole
    state.refresh(wait=True)
    assert state.state(restored) == "READY"
    assert sorted((tmp_path / "fire").glob("*.png")) == files
    assert "no generated image" in kit.refusal(lambda: bpy.ops.aigc.regenerate(image="none"))


@kit.in_blender
def test_a_dropped_loop_covers_the_frames_that_any_of_its_settings_is_keyed_on(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.card import Style
    from aigc_blender.library import model_for_style
    from aigc_blender.recipe import Track
    from aigc_blender.scene import item

    scene = kit.empty_scene()
    file = model_for_style("caustics")
    style = file.card.style("caustics")
    assert isinstance(style, Style)
    still = Recipe("caustics", file.digest, width=64, height=64, loop=8, tile="x", seed_b=3)
    still = replace(still, controls={c.name: 0.5 for c in style.controls})
    track = Track(1001, (0.0, 0.125, 0.25, 0.5, 1.0, 0.5, 0.25, 0.125, 0.0))
    for keyed in ({"pan": (track, 0.0)}, {"seed_blend": track}, {"speed": track}):
        recipe = replace(still, **keyed)
        (tmp_path / "loop.json").write_text(recipe.to_json())
        bpy.ops.aigc.import_settings(filepath=str(tmp_path / "loop.json"))
        assert item.recipe(scene.aigc_item, scene, style) == recipe
        assert item.frame_numbers(scene.aigc_item, scene) == range(1001, 1009)


DROP = """
import sys
import bpy, aigc_blender
aigc_blender.register()
for path in sys.argv[1:]:
    bpy.ops.aigc.import_settings(filepath=path)
"""


def test_what_an_element_cannot_have_of_a_dropped_recipe_is_told(tmp_path: Path) -> None:
    closed = Recipe("caustics", shutter_samples=16)  # makes no difference
    recipes = {
        "rate": replace(closed, fps=Fraction(30)),
        "origin": replace(closed, origin=(50, 0)),
        "samples": replace(closed, shutter=0.5),
        "closed": closed,
    }
    for name, recipe in recipes.items():
        (tmp_path / name).write_text(recipe.to_json())
    done = kit.run_blender("-c", DROP, *(str(tmp_path / name) for name in recipes))
    told = [line for line in done.stdout.splitlines() if line.startswith("Warning: ")]
    for line, words in zip(told, ("at 30 frames", "states origin", "states shutter samples"), strict=True):
        assert words in line


@kit.in_blender
def test_a_recipe_whose_seed_no_element_has_is_refused(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import item

    kit.empty_scene()
    for recipe in (Recipe("caustics", seed=2**31), Recipe("caustics", seed_b=2**32 - 1)):
        (tmp_path / "seed.json").write_text(recipe.to_json())
        said = kit.refusal(lambda: bpy.ops.aigc.import_settings(filepath=str(tmp_path / "seed.json")))
        assert str(recipe.seed_b or recipe.seed) in said
        assert not item.items()
    (tmp_path / "seed.json").write_text(Recipe("caustics", seed=2**31 - 1).to_json())
    assert bpy.ops.aigc.import_settings(filepath=str(tmp_path / "seed.json")) == {"FINISHED"}


@kit.in_blender
def test_a_collected_sequence_needs_nothing_else(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import images, jobs, shader
    from aigc_blender.scene.warm import Machine

    scene = kit.empty_scene()
    kit.add_plane()
    group = add_fire(frames=3, format="png", placement={"MATERIAL", "STRIP"})
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert bpy.ops.aigc.generate() == {"FINISHED"}
    image = shader.require_image(group)
    (strip,) = scene.sequence_editor.strips_all
    files = strip.directory
    kept, target = image.filepath, tmp_path / "collected"
    source = images.file_of(image, 2).parent
    assert bpy.ops.aigc.collect(image=image.name, directory=str(target)) == {"FINISHED"}
    assert (image.filepath, strip.directory) == (kept, files)
    names = {path.name for path in target.iterdir()}
    (model,) = (name for name in names if name.endswith(".safetensors"))
    assert names - {model} == {"fire.0001.png", "fire.0002.png", "fire.0003.png", "fire.recipe.json"}
    assert all((target / path.name).read_bytes() == path.read_bytes() for path in source.iterdir())
    assert "choose an empty folder" in kit.refusal(
        lambda: bpy.ops.aigc.collect(image=image.name, directory=str(target))
    )
    other = tmp_path / "other"
    assert bpy.ops.aigc.collect(image=image.name, directory=str(other), repath=True) == {"FINISHED"}
    assert (image.filepath, strip.directory.rstrip("/")) == ("//other/fire.0001.png", "//other")
    (tmp_path / "elsewhere").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "elsewhere" / "shot.blend"))
    assert images.file_of(image, 1).resolve() == other / "fire.0001.png"  # Save As remapped it

    # The model that lies beside the frames draws them, where it is not installed.
    (other / "fire.0002.png").unlink()
    jobs.stop()
    os.environ["AIGC_MODEL_PATH"] = ""
    job = jobs.regenerate(image, scene, Machine(device="cpu"))
    jobs.wait(job)
    assert (other / "fire.0002.png").read_bytes() == (source / "fire.0002.png").read_bytes()
    (other / "fire.0002.png").unlink()
    assert "lacks 1 of its 3" in kit.refusal(
        lambda: bpy.ops.aigc.collect(image=image.name, directory=str(tmp_path / "third"))
    )


@kit.in_blender
def test_a_collected_model_is_the_recipes_also_where_another_has_its_name_and_whole_or_not_there(
    tmp_path: Path,
) -> None:
    import bpy
    import pytest

    from aigc_blender.card import read_model_file
    from aigc_blender.scene import collect, images, shader

    (model,) = kit.model_folder().glob("*.safetensors")
    digest, target = read_model_file(model).digest, tmp_path / "collected"
    pictures = [{n: kit.picture((1, 0, 0, 1))} for n in (1, 2, 3)]
    groups = [kit.shown_item(tmp_path / "fire", each, model=digest) for each in pictures]
    first, second, third = (shader.require_image(group) for group in groups)
    ours, theirs = target / f"{model.stem}-{digest[:8]}.safetensors", target / model.name
    target.mkdir()
    theirs.write_bytes(b"an older one of that name")

    def half(_source: Path, place: Path) -> None:
        place.write_bytes(b"half")
        raise KeyboardInterrupt

    copies = collect.plan(first, target, ())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shutil.copyfile", half)
        with pytest.raises(KeyboardInterrupt):
            collect.copy(copies)
    assert list(target.iterdir()) == [theirs]
    for image in (first, second):  # the second finds it there
        assert bpy.ops.aigc.collect(image=image.name, directory=str(target)) == {"FINISHED"}
        assert theirs.read_bytes() == b"an older one of that name"
        assert ours.read_bytes() == model.read_bytes()
        assert (target / images.file_of(image, images.frames_of(image).start).name).is_file()
    assert len(list(target.iterdir())) == 4
    ours.replace(theirs)
    assert [source.suffix for source, _ in collect.plan(third, target, ())] == [".png"]


@kit.in_blender
def test_the_list_tells_how_every_element_stands(tmp_path: Path) -> None:
    import bpy

    from aigc_blender.scene import compat, jobs, shader
    from aigc_blender.ui import preferences, state

    scene, machine = kit.empty_scene(), preferences.machine(bpy.context)
    kit.add_plane()
    first = add_fire(frames=2, format="png")
    assert bpy.ops.aigc.generate(folder=str(tmp_path / "fire")) == {"FINISHED"}
    bpy.ops.aigc.duplicate()
    second = scene.aigc_item
    assert bpy.data.node_groups[scene.aigc_item_index] == second
    scene.aigc_item_index = bpy.data.node_groups.find(first.name)
    assert scene.aigc_item == first

    def stands(group: Any) -> str:
        state.refresh(wait=True)
        return state.state(group)

    assert stands(first) == stands(second) == "READY"
    before = first["height"]
    for change, back in (
        (lambda: setattr(first.aigc, "seed", 2), lambda: setattr(first.aigc, "seed", 1)),
        (lambda: operator.setitem(first, "height", 0.01), lambda: operator.setitem(first, "height", before)),
        (lambda: setattr(scene, "frame_end", 3), lambda: setattr(scene, "frame_end", 2)),
        (lambda: setattr(first.aigc, "format", "exr"), lambda: setattr(first.aigc, "format", "png")),
        (lambda: key(first, "aigc.pan_x", {1: 0.0, 2: 5.0}), lambda: compat.remove_fcurves(first, "aigc.pan_x")),
    ):
        change()
        assert stands(first) == "STALE"
        back()
        first.aigc.pan_x = 0.0
        assert stands(first) == "READY"
    assert not state.refresh(wait=True)  # nothing to draw anew
    with bpy.context.temp_override(scene=bpy.data.scenes.new("Longer")):  # as in a second window
        assert stands(first) == "STALE"
    assert state.state(first) == "READY"

    scene.frame_end, queue = 400, []
    for group in (first, second):
        job = jobs.prepare(group, scene, bpy.context.active_object, machine, tmp_path / group.name)
        jobs.start(group, job, machine)
        queue.append(job)
    assert [jobs.place_in_queue(job) for job in queue] == [0, 1]
    assert stands(first) == stands(second) == "RUNNING"
    jobs.cancel(first.aigc.uuid)
    assert jobs.place_in_queue(queue[1]) == 0
    jobs.cancel(second.aigc.uuid)
    scene.frame_end = 2
    image = shader.require_image(second)
    next((tmp_path / "fire").glob("*.0001.png")).unlink()
    assert stands(second) == "MISSING"
    shader.require_image(second).filepath = image.filepath.replace("fire", "nowhere")
    assert stands(first) == "MISSING"  # they share the image
