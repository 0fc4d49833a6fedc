# SPDX-License-Identifier: GPL-3.0-or-later
"""What an animator sees: the panel from top to bottom, defaults, presets, dropped files, assets, German, the manual."""

from __future__ import annotations

import functools
import json
import os
import string
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.blender import kit


class Recorder:
    """A layout that keeps what is drawn, in order; properties and operators must exist, as Blender's own layout wants."""

    def __init__(self, drawn: list[tuple[str, str]]) -> None:
        self.drawn = drawn

    def __getattr__(self, name: str) -> Any:
        def draw(*arguments: Any, **keywords: Any) -> Any:
            import bpy

            what = keywords.get("text") or ""
            if name in ("prop", "template_icon_view", "prop_enum"):
                arguments[0].path_resolve(arguments[1])  # raises where there is none
                what = arguments[1]
            elif name in ("operator", "operator_menu_enum"):
                category, _, function = arguments[0].partition(".")
                getattr(getattr(bpy.ops, category), function).get_rna_type()  # raises where there is none
                what = arguments[0]
            self.drawn.append((name, what))
            return Recorder(self.drawn)

        return draw


def drawn(panel: str = "AIGC_PT_main") -> list[tuple[str, str]]:
    """What a panel draws now, as (function, property, operator or text)."""
    import bpy

    cls = getattr(bpy.types, panel)

    class Stage:
        layout = Recorder([])

        def __getattr__(self, name: str) -> Any:
            return getattr(cls, name).__get__(self)

    stage = Stage()
    cls.draw(stage, bpy.context)
    return stage.layout.drawn


def texts() -> str:
    """All words of the first screen."""
    return "\n".join(what for _, what in drawn())


def shot(first: int = 1001, last: int = 1048, size: tuple[int, int] = (64, 64)) -> Any:
    """A scene of that range and render size with a plane."""
    scene = kit.empty_scene(*size)
    scene.frame_start, scene.frame_end = first, last
    kit.add_plane()
    return scene


@kit.in_blender
def test_the_first_screen_reads_from_style_to_status(tmp_path: Path) -> None:  # noqa: ARG001
    import bpy

    shot()
    assert ("operator_menu_enum", "aigc.add") in drawn()
    bpy.ops.aigc.add(style="fire")
    order = [what for _, what in drawn()]
    wanted = ["style", '["height"]', "width", "height", "use_loop", "seed", "aigc.new_seed", "aigc.generate"]
    places = [order.index(name) for name in wanted]
    assert places == sorted(places)
    assert ("popover", "Card") in drawn()[: places[1]]
    assert drawn()[-1] == ("label", "No frames yet")
    panels = [getattr(bpy.types, n) for n in dir(bpy.types) if n.startswith("AIGC_PT_")]
    subjects = [p for p in panels if getattr(p, "bl_parent_id", "") == "AIGC_PT_main"]
    labels = [p.bl_label for p in sorted(subjects, key=lambda p: p.bl_order)]
    assert labels == [n for n in ("Describe", "Tiling", "Motion", "Format", "Output", "Model & Rights") if n in labels]
    assert len(labels) >= 5
    for panel in subjects:
        assert "DEFAULT_CLOSED" in panel.bl_options
        assert drawn(panel.__name__)


@kit.in_blender
def test_what_will_fail_is_said_at_its_field_and_a_click_mends_it(tmp_path: Path) -> None:  # noqa: ARG001
    import bpy

    scene = shot()
    bpy.ops.aigc.add(style=kit.key("fire"))
    settings = scene.aigc_item.aigc
    settings.tile_x, settings.width, settings.height = True, 70, 64
    assert "cannot tile" in texts()
    assert [w for n, w in drawn() if w == "aigc.fix_size"] == ["aigc.fix_size"] * 2  # 64 and 80
    bpy.ops.aigc.fix_size(width=80, height=64)
    assert "cannot tile" not in texts()
    settings.tile_y = True
    assert "stands on its Y axis" in texts()
    bpy.ops.aigc.fix_tiling(axis="y")
    assert not settings.tile_y
    settings.use_scene_range, settings.frame_start, settings.frame_end = False, 9, 3
    assert "ends before it starts" in texts()
    bpy.ops.aigc.fix_range()
    assert (settings.frame_start, settings.frame_end) == (3, 9)
    settings.placement = {"BACKDROP"}
    scene.camera = None
    assert "camera" in texts()
    assert "disk" not in texts()
    settings.use_loop, settings.tile_x, settings.width, settings.height = False, False, 8192, 8192
    settings.frame_end = 500
    assert "GiB on disk" in texts()
    assert "as fast as last time" not in texts()  # nothing was measured yet


@kit.in_blender
def test_a_torch_is_as_wide_as_it_was_seen_or_said_to_end(tmp_path: Path) -> None:  # noqa: ARG001
    import bpy

    scene = shot(size=(192, 108))
    bpy.ops.aigc.add(style="torch")
    settings = scene.aigc_item.aigc
    assert settings.width == settings.height
    assert "Wider than the footage" not in texts()
    settings.width = 2 * settings.height
    assert "Wider than the footage: it fades beside it" in texts()


@kit.in_blender
def test_a_new_element_suits_the_scene(tmp_path: Path) -> None:  # noqa: ARG001
    import bpy

    from aigc_blender.scene import defaults, item

    scene = shot(1001, 1240)
    bpy.ops.aigc.add(style="fire")
    first = scene.aigc_item
    assert item.frame_numbers(first, scene) == range(1001, 1241)
    assert (first.aigc.use_loop, first.aigc.width, first.aigc.height) == (True, 256, 256)
    scene.frame_end = 1001 + 24 * 60
    bpy.ops.aigc.add(style="fire")
    second = scene.aigc_item
    assert item.frame_numbers(second, scene) == range(1001, 1241)  # ten seconds, that repeat
    assert (first.name, second.name) == ("fire", "fire 2")
    bpy.context.view_layer.objects.active = None
    scene.render.resolution_x, scene.render.resolution_y = 3840, 2160
    bpy.ops.aigc.add(style="caustics")
    plate = scene.aigc_item.aigc
    assert plate.placement == {"BACKDROP"}
    assert (plate.width, plate.height) == (910, 512)
    tall = replace(kit.PLATE, max_height=256)
    for width, height, size in (
        (960, 540, (960, 540)),
        (1920, 1080, (910, 512)),
        (1998, 1080, (947, 512)),
        (2580, 1080, (1223, 512)),
        (1080, 1920, (576, 1024)),
    ):
        scene.render.resolution_x, scene.render.resolution_y = width, height
        assert defaults.render_size(scene, tall) == size


@kit.in_blender
def test_presets_set_everything_and_come_back(tmp_path: Path) -> None:
    import os

    import bpy

    from aigc_blender.presets import MARK, user_presets
    from aigc_blender.ui import presets as menu

    os.environ["AIGC_HOME"] = str(tmp_path / "home")
    scene = shot()
    assert {"Blaze", "Campfire"} <= {f.preset.name for f in menu.files}
    blaze = next(f for f in menu.files if f.preset.name == "Blaze")
    bpy.ops.aigc.preset_use(filepath=str(blaze.path))  # adds an element where there is none
    group = scene.aigc_item
    assert group.aigc.style_name == "fire"
    assert group["height"] == blaze.preset.controls["height"]
    group["height"] = 0.25
    group.keyframe_insert('["height"]', frame=1)
    group.aigc.tile_x, group.aigc.format, group.aigc.speed, group.aigc.seed = True, "png16", 2.0, 77
    bpy.ops.aigc.preset_save(name="Mine", keep_seed=False)
    own = user_presets() / "mine.json"
    group.aigc.tile_x, group.aigc.format, group.aigc.speed, group.aigc.seed = False, "exr", 1.0, 5
    group["height"] = 0.9
    bpy.ops.aigc.preset_use(filepath=str(own))
    settings = group.aigc
    assert (settings.tile_x, settings.format, settings.speed, settings.seed) == (True, "png16", 2.0, 5)
    scene.frame_set(20)
    assert group["height"] == 0.25  # and no keyframe changes it
    bpy.ops.aigc.preset_rename(filepath=str(own), name="Ours")
    assert "Ours" in {f.preset.name for f in menu.files}
    bpy.ops.aigc.preset_delete(filepath=str(user_presets() / "ours.json"))
    assert not list(user_presets().iterdir())
    for change, why in (({"style": "jelly"}, "jelly"), ({"controls": {"wobble": 1}}, "wobble"), ({"x": 1}, "'x'")):
        bad = tmp_path / "bad.json"
        bad.write_text(json.dumps({MARK: 1, "name": "Bad", "style": "fire"} | change))
        assert why in kit.refusal(functools.partial(bpy.ops.aigc.preset_use, filepath=str(bad)))
    assert settings.format == "png16"


@kit.in_blender
def test_dropped_files_are_used_or_refused_in_one_sentence(tmp_path: Path) -> None:
    import os

    import bpy

    from aigc_blender.recipe import Recipe, Track
    from aigc_blender.scene import item
    from aigc_blender.ui import catalog

    scene = shot()
    model = next(kit.model_folder().glob("*.safetensors"))
    os.environ["AIGC_HOME"] = str(tmp_path / "home")
    assert "there already" in kit.refusal(lambda: bpy.ops.aigc.import_model(filepath=str(model)))
    os.environ["AIGC_MODEL_PATH"] = ""
    catalog.refresh()
    tiny = [e.model.card.name for e in catalog.entries].count("Tiny")
    bpy.ops.aigc.import_model(filepath=str(model))
    assert [e.model.card.name for e in catalog.entries].count("Tiny") == tiny + 2
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(model.read_bytes()[:-8])
    assert "bytes of weights" in kit.refusal(lambda: bpy.ops.aigc.import_model(filepath=str(cut)))

    entry = next(e for e in catalog.entries if e.model.card.name == "Tiny" and e.style.name == "fire")
    recipe = Recipe(
        "fire",
        model=entry.model.digest,
        seed=12,
        width=96,
        height=64,
        loop=8,
        tile="x",
        controls={"height": Track(1010, tuple(i / 8 for i in (0, 1, 2, 3, 4, 3, 2, 1, 0)))},
    )
    sidecar = tmp_path / "fire.recipe.json"
    beside = {"recipe": recipe.to_dict(), "format": "png", "device": "cpu", "runtime": {}}
    sidecar.write_text(json.dumps(beside), encoding="utf-8-sig")  # as some editors save it
    bpy.ops.aigc.import_settings(filepath=str(sidecar))
    assert item.recipe(scene.aigc_item, scene, entry.style) == recipe
    before = len(bpy.data.node_groups)
    for text, why in (("{", "not JSON"), ("[]", "neither"), ('{"style": "fire", "glue": 1}', "glue")):
        (tmp_path / "bad.json").write_text(text)
        assert why in kit.refusal(lambda: bpy.ops.aigc.import_settings(filepath=str(tmp_path / "bad.json")))
    recipe_of_other = tmp_path / "other.json"
    recipe_of_other.write_text(json.dumps(recipe.to_dict() | {"model": "0" * 64}))
    assert "not here" in kit.refusal(lambda: bpy.ops.aigc.import_settings(filepath=str(recipe_of_other)))
    assert len(bpy.data.node_groups) == before
    for handler, name in ((bpy.types.AIGC_FH_model, ".safetensors"), (bpy.types.AIGC_FH_settings, ".json")):
        assert handler.bl_file_extensions == name
        category, _, function = handler.bl_import_operator.partition(".")
        assert getattr(getattr(bpy.ops, category), function).get_rna_type()


@kit.in_blender
def test_the_newest_frame_is_shown_and_never_kept(tmp_path: Path) -> None:
    import time

    import bpy

    from aigc_blender.scene import jobs, picture
    from aigc_blender.ui import preferences, progress
    from tests.blender.test_generate import add_fire, begin

    shot(1, 24)
    group = add_fire(frames=24, size=128, format="png")
    job = begin(group, tmp_path / "fire")
    progress.observe(job, "cpu")
    preview = progress.picture_of(job)
    assert preview is not None
    assert np.std(preview.image_pixels_float[:]) > 0.05
    assert "template_icon" in {name for name, _ in drawn()}
    assert not bpy.data.images
    heard = [job.done] if job.eta_s is not None else []
    while job.state == "running":
        progress.observe(job, "cpu")
        heard += [job.done] if job.eta_s is not None else []
        time.sleep(0.01)
        jobs.pump()
    progress.observe(job, "cpu")
    assert job.state == "done"
    assert progress.picture_of(job) is None
    bpy.context.scene.frame_end = 2000
    progress.observe(begin(group, tmp_path / "cancelled"), "cpu")
    bpy.ops.aigc.cancel()
    assert progress.picture_of(begin(group, tmp_path / "next")) is None  # the last one's is no picture of this one
    bpy.ops.aigc.cancel()
    measured = bool(heard) and job.done - heard[0] >= 1  # a quick one tells nothing of the pace
    assert (progress.pace("cpu") is not None) == measured
    machine = preferences.machine(bpy.context)
    assert progress.pace(machine.device) is None  # measured for another device only
    # The picture is the frame: scaled, the right way up, dark where it is transparent.
    frame = kit.picture((0.8, 0.4, 0.1, 1.0), corner=(0.0, 0.0, 0.0, 0.0))
    shown = picture.of_frame(kit.write_sequence(tmp_path / "still", {1: frame}))[::-1, :, :3]
    np.testing.assert_allclose(shown[100, 100], (0.8, 0.4, 0.1), atol=0.01)
    np.testing.assert_allclose(shown[20, 20], picture.BACKGROUND, atol=0.01)


@kit.in_blender
def test_an_asset_has_picture_words_and_rights(tmp_path: Path) -> None:
    import bpy

    shot()
    bpy.ops.aigc.add(style="fire")
    group = bpy.context.scene.aigc_item
    bpy.ops.aigc.mark_asset()
    about = group.asset_data
    assert {"fire"} <= {t.name for t in about.tags}
    assert (about.author, bool(about.license), bool(about.copyright)) == (about.author, True, True)
    assert about.description
    pixels = np.array(group.preview.image_pixels_float[:]).reshape(128, 128, 4)
    assert pixels[..., :3].std() > 0.05
    bpy.ops.aigc.add(style="fire")
    other = bpy.context.scene.aigc_item
    other.asset_mark()  # as Blender's own command does
    other.asset_data.author = "Me"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "assets.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "assets.blend"))
    kept = bpy.data.node_groups["fire 2"]
    assert kept.asset_data.author == "Me"
    assert kept.asset_data.description
    assert tuple(kept.preview.image_size) == (128, 128)


@kit.in_blender
def test_every_text_has_its_german_and_its_page(tmp_path: Path) -> None:  # noqa: ARG001
    import re

    import bpy

    from aigc_blender.ui import manual
    from aigc_blender.ui.german import GERMAN
    from tests.blender import labels

    texts = (*labels.of_classes(), *labels.of_sources(), *labels.of_data())
    wanted = {text for text in texts if len(text) > 1}
    assert sorted(wanted - GERMAN.keys()) == []
    assert sorted(GERMAN.keys() - wanted) == []  # nothing is left of what was renamed
    for english, german in GERMAN.items():
        assert fields(english) == fields(german), english
        assert german
        assert not german.endswith(".") or english.endswith(".")
    page = manual.PAGE.read_text(encoding="utf-8")
    sections = set(re.findall(r'id="([a-z-]+)"', page))
    assert {section for _, section in manual.SECTIONS} <= sections
    lookup = bpy.types.WM_OT_doc_view_manual._lookup_rna_url
    for name, section in (
        ("bpy.ops.aigc.generate", "generate"),
        ("bpy.ops.aigc.preset_save", "presets"),
        ("bpy.ops.aigc.preview", "preview"),
        ("bpy.types.Scene.aigc_generate_missing", "missing"),
        ("bpy.types.AIGC_PG_item.use_loop", "loops"),
        ("bpy.types.AIGC_PG_item.width", "settings"),
        ("bpy.types.AIGC_PG_item.style", "settings"),
        ("bpy.types.AIGC_PG_item.style_blend", "motion"),
    ):
        assert lookup(name) == f"{manual.PAGE.as_uri()}#{section}"


def fields(text: str) -> list[tuple[str | None, str | None]]:
    """Placeholders with their formats."""
    return sorted((name, form) for _, name, form, _ in string.Formatter().parse(text) if name)


def test_model_folders_that_cannot_be_read_leave_the_rest_at_hand(tmp_path: Path) -> None:
    (tmp_path / "campfire.safetensors").symlink_to(tmp_path / "nowhere")
    script = """
import bpy, aigc_blender
aigc_blender.register()
from aigc_blender.ui import catalog
catalog.refresh()
print(len(catalog.faults), catalog.find("fire") is not None)
"""
    folders = os.pathsep.join([str(tmp_path), f"/{'x' * 300}"])
    done = kit.run_blender("-c", script, AIGC_MODEL_PATH=folders)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-2:] == ["2", "True"]
