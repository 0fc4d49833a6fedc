# SPDX-License-Identifier: GPL-3.0-or-later
"""Files dropped on the window, or chosen: a model is taken in, a preset applied, a recipe becomes an element."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt
from bpy.props import StringProperty

from .. import presets
from ..advice import cell
from ..errors import AigcError, ModelError, RecipeError
from ..library import add_model
from ..recipe import Recipe, Track, check_style, recipe_from_dict
from ..scene import item, recall
from . import catalog, preferences
from . import presets as preset_menu
from .items import active_item, add_item

AREAS = ("VIEW_3D", "IMAGE_EDITOR", "OUTLINER", "PROPERTIES", "NODE_EDITOR")
MAX_BYTES = 16 * 2**20  # of a recipe with a value a frame


class _ImportOperator(bpy.types.Operator):
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(name="File", description="The file to use", subtype="FILE_PATH", options={"SKIP_SAVE"})

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Use what was dropped; without that, ask for a file."""
        if self.filepath:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[str]:
        """Use the file, or say in one sentence why not."""
        try:
            self.use(context, Path(bpy.path.abspath(self.filepath)))
        except AigcError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def use(self, context: Any, path: Path) -> None:
        """Use the file, and tell of it."""
        raise NotImplementedError


class AIGC_OT_import_model(_ImportOperator):
    """Copy a model to your models and list its styles"""

    bl_idname = "aigc.import_model"
    bl_label = "Add Model"
    bl_options = {"REGISTER"}

    filter_glob: StringProperty(default="*.safetensors", options={"HIDDEN"})

    def use(self, context: Any, path: Path) -> None:
        """Check, copy, list."""
        folders = preferences.machine(context).folders
        model = add_model(path, folders)
        catalog.refresh(folders)
        names = ", ".join(catalog.title(s.name) for s in model.card.styles)
        self.report({"INFO"}, rpt("Added {model}, which draws {styles}").format(model=model.card.name, styles=names))


class AIGC_OT_import_settings(_ImportOperator):
    """Use a preset, or make an element of a recipe that lies beside a sequence"""

    bl_idname = "aigc.import_settings"
    bl_label = "Open Preset or Recipe"

    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    def use(self, context: Any, path: Path) -> None:
        """Tell one from the other, and use it."""
        raw = _read(path)
        if presets.MARK in raw:
            file = presets.read_preset(path)
            group = preset_menu.use(context, file.preset)
            if path.parent != presets.user_presets():
                presets.add_preset(file.preset, presets.user_presets())
                preset_menu.refresh()
            text = rpt("{element} has the settings of {preset} now")
            self.report({"INFO"}, text.format(element=group.name, preset=file.preset.name))
            return
        recipe = recipe_from_dict(raw.get("recipe", raw))
        group = _element(context, recipe)
        self.report({"INFO"}, rpt("Added {element} from its recipe").format(element=group.name))
        if warning := recall.unlike(path.name, recipe, context.scene):
            self.report({"WARNING"}, warning)


class AIGC_FH_model(bpy.types.FileHandler):
    """Models"""

    bl_idname = "AIGC_FH_model"
    bl_label = "Element Model"
    bl_import_operator = "aigc.import_model"
    bl_file_extensions = ".safetensors"

    @classmethod
    def poll_drop(cls, context: Any) -> bool:
        """Where a model may be dropped."""
        return context.area is not None and context.area.type in AREAS


class AIGC_FH_settings(bpy.types.FileHandler):
    """Presets and recipes"""

    bl_idname = "AIGC_FH_settings"
    bl_label = "Element Preset or Recipe"
    bl_import_operator = "aigc.import_settings"
    bl_file_extensions = ".json"

    @classmethod
    def poll_drop(cls, context: Any) -> bool:
        """Where a preset or a recipe may be dropped."""
        return context.area is not None and context.area.type in AREAS


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RecipeError(f"{path} is larger than any recipe; choose a file that this add-on wrote.")
        raw = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise RecipeError(f"{path} cannot be read ({error.strerror}); check the path and its permissions.") from None
    except (ValueError, RecursionError):
        raise RecipeError(f"{path} is not JSON; choose a preset or a recipe that this add-on wrote.") from None
    if not isinstance(raw, dict):
        raise RecipeError(f"{path} is neither a preset nor a recipe; choose a file that this add-on wrote.")
    return raw


def _element(context: Any, recipe: Recipe) -> Any:
    """A new element that draws what a recipe says, as far as an element can.

    Raises:
        ModelError: its very model is not here.
        RecipeError: the model cannot draw it.
    """
    entry = catalog.entry(recipe.style, recipe.model) if recipe.model else catalog.find(recipe.style)
    if entry is None:
        which = f" of digest {recipe.model[:12]}..." if recipe.model else ""
        raise ModelError(
            f"The recipe needs the style {recipe.style} of a model{which} that is not here; drop that model first."
        )
    card = entry.model.card
    style = item.drawn_style(card, recipe.style, recipe.style_b)
    check_style(recipe, style, cell(card))
    before = active_item(context)
    group = add_item(context, entry)
    try:
        recall.apply(group, replace(recipe, model=entry.model.digest), style)
    except AigcError:
        item.remove(group)
        context.scene.aigc_item = before
        raise
    if recipe.loop is not None:
        settings = group.aigc
        moving = (*recipe.controls.values(), recipe.speed, *recipe.pan, recipe.seed_blend, recipe.style_blend)
        first = min((v.first for v in moving if isinstance(v, Track)), default=settings.frame_start)
        settings.use_scene_range = False
        settings.frame_start, settings.frame_end = first, first + recipe.loop - 1
    return group


CLASSES = (AIGC_OT_import_model, AIGC_OT_import_settings, AIGC_FH_model, AIGC_FH_settings)
