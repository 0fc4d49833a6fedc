# SPDX-License-Identifier: GPL-3.0-or-later
"""From any generated image: edit its recipe, regenerate it, open its folder, collect it."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface
from bpy.props import BoolProperty, StringProperty

from ..errors import AigcError
from ..scene import collect, images, item, jobs, recall
from . import generate, preferences, progress
from .items import active_item

POLL_SECONDS = 0.2
_said: dict[int, tuple[str, str]] = {}  # by the image's session id: icon and text of its latest collection


def image_of(context: Any) -> Any | None:
    """The generated image that a context is about (bpy.types.Image), or None."""
    space, node = context.space_data, getattr(context, "active_node", None)
    for image in (getattr(context, "edit_image", None), getattr(space, "image", None), getattr(node, "image", None)):
        if image is not None and images.RECIPE in image:
            return image
    for block in getattr(context, "selected_ids", ()):
        if isinstance(block, bpy.types.Image) and images.RECIPE in block:
            return block
    return None


class ImageOperator(bpy.types.Operator):
    """Base of the operators on a generated image."""

    image: StringProperty(
        name="Image", description="The image's name; empty for the one that is shown", options={"SKIP_SAVE", "HIDDEN"}
    )

    def execute(self, context: Any) -> set[str]:
        """Work on the image, or say why not."""
        image = bpy.data.images.get(self.image) if self.image else image_of(context)
        if image is None or images.RECIPE not in image:
            self.report({"ERROR"}, "There is no generated image here; choose one that this add-on made")
            return {"CANCELLED"}
        try:
            return self.work(context, image)
        except AigcError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}

    def work(self, context: Any, image: Any) -> set[str]:
        """Do what the operator is for."""
        raise NotImplementedError


class AIGC_OT_edit_recipe(ImageOperator):
    """Set the image's element as the image was made, keyframes included; an element that is gone is made anew"""

    bl_idname = "aigc.edit_recipe"
    bl_label = "Edit Recipe"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: Any, image: Any) -> set[str]:
        """Restore the item and edit it from now on."""
        recipe = images.recipe_of(image)
        card = jobs.model_of(recipe, image, preferences.machine(context).folders).card
        style = item.drawn_style(card, recipe.style, recipe.style_b)
        context.scene.aigc_item, warning = recall.edit(image, style, context.scene)
        if warning:
            self.report({"WARNING"}, warning)
        return {"FINISHED"}


class AIGC_OT_regenerate(ImageOperator):
    """Draw what is missing of the image's frames again, in its own folder"""

    bl_idname = "aigc.regenerate"
    bl_label = "Regenerate"

    def work(self, context: Any, image: Any) -> set[str]:
        """Start, and without a window also finish, the generation."""
        machine = preferences.machine(context)
        job = jobs.regenerate(image, context.scene, machine)
        if not bpy.app.background:
            generate.watch()
            return {"FINISHED"}
        jobs.wait(job)
        self.report({"INFO"}, f"{len(job.frames)} frames in {job.folder}")
        return {"FINISHED"}


class AIGC_OT_open_folder(ImageOperator):
    """Show the image's frames in the file browser of the system"""

    bl_idname = "aigc.open_folder"
    bl_label = "Open Folder"

    def work(self, _context: Any, image: Any) -> set[str]:
        """Open it."""
        folder = images.file_of(image, images.frames_of(image).start).parent
        if not folder.is_dir():
            self.report({"ERROR"}, f"{folder} is not there; regenerate the frames")
            return {"CANCELLED"}
        return set(bpy.ops.wm.path_open(filepath=str(folder)))


class AIGC_OT_collect(ImageOperator):
    """Copy the image's frames, their recipe and their model into one folder"""

    bl_idname = "aigc.collect"
    bl_label = "Collect"
    bl_options = {"REGISTER"}

    directory: StringProperty(name="Folder", subtype="DIR_PATH", options={"SKIP_SAVE"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN"})
    repath: BoolProperty(name="Use the Copy", description="Make the image show the copied frames", default=False)

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Ask for the folder."""
        image = image_of(context)
        if not self.image and image is not None:
            self.image = image.name  # the file browser is another context
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: Any, image: Any) -> set[str]:
        """Copy; with a window in a thread, looked after by a timer."""
        if not self.directory:
            self.report({"ERROR"}, "No folder was given to collect into; choose one")
            return {"CANCELLED"}
        folder = Path(bpy.path.abspath(self.directory)).absolute()
        if self.repath:
            collect.check_repath(image)
        copies = collect.plan(image, folder, preferences.machine(context).folders)
        if bpy.app.background:
            collect.copy(copies)
            _collected(image, folder, repath=self.repath)
        else:
            _begin(image, copies, folder, repath=self.repath)
        return {"FINISHED"}


def _begin(image: Any, copies: collect.Copies, folder: Path, *, repath: bool) -> None:
    identity, name = image.session_uid, image.name

    def tell(number: int) -> None:
        _said[identity] = ("TIME", f"Collecting: {number} of {len(copies)} files")

    tell(0)
    pool = ThreadPoolExecutor(1, thread_name_prefix="aigc-collect")
    copying: Future[None] = pool.submit(collect.copy, copies, tell)
    pool.shutdown(wait=False)

    def look() -> float | None:
        _redraw()
        if not copying.done():
            return POLL_SECONDS
        error, ours = copying.exception(), next((i for i in bpy.data.images if i.session_uid == identity), None)
        if error is not None:
            text = str(error) if isinstance(error, AigcError) else f"{name} cannot be collected ({error})."
            _said[identity] = ("ERROR", text)
        elif ours is not None:
            _collected(ours, folder, repath=repath)
        return None

    bpy.app.timers.register(look, persistent=True)


def _collected(image: Any, folder: Path, *, repath: bool) -> None:
    if repath:
        collect.repath(image, folder)
    _said[image.session_uid] = ("CHECKMARK", f"Collected in {folder}")


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in (a for a in window.screen.areas if a.type == "IMAGE_EDITOR"):
            area.tag_redraw()


class AIGC_MT_image(bpy.types.Menu):
    """What can be done with a generated image."""

    bl_idname = "AIGC_MT_image"
    bl_label = "Generated Image"

    def draw(self, context: Any) -> None:
        """Draw the operators, for the image by name: a menu may outlive its context."""
        image = image_of(context)
        if image is not None:
            _draw_operators(self.layout, image)


class AIGC_PT_image(bpy.types.Panel):
    """The recipe of the image that is shown, in the sidebar of the Image Editor."""

    bl_space_type = "IMAGE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Elements"
    bl_label = "Generated Image"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Needs a generated image."""
        return image_of(context) is not None

    def draw(self, context: Any) -> None:
        """Draw what may be done with it."""
        layout, image = self.layout, image_of(context)
        assert image is not None, "see poll"
        frames = images.frames_of(image)
        text = iface("Frames {first} to {last}").format(first=frames.start, last=frames.stop - 1)
        layout.label(text=text, icon="RENDER_ANIMATION", translate=False)
        _draw_operators(layout.column(), image)
        group = active_item(context)
        if group is not None and recall.item_of(image) == group:
            row = layout.row(align=True)
            row.prop(group.aigc, "seed")
            row.operator("aigc.previous_seed", text="", icon="LOOP_BACK")
            row.operator("aigc.new_seed", text="", icon="FILE_REFRESH")
            layout.operator("aigc.generate", icon="RENDER_ANIMATION")
        job = jobs.latest(jobs.image_key(image))
        if job is not None and job.state == "running":
            layout.progress(factor=job.done / len(job.frames), text=progress.words(job), translate=False)
        elif job is not None and job.error is not None:
            layout.label(text=str(job.error), icon="ERROR")
        if image.session_uid in _said:
            icon, text = _said[image.session_uid]
            layout.label(text=text, icon=icon)


def _draw_operators(layout: Any, image: Any) -> None:
    for name, icon in (
        ("edit_recipe", "GREASEPENCIL"),
        ("regenerate", "FILE_REFRESH"),
        ("open_folder", "FILE_FOLDER"),
        ("collect", "PACKAGE"),
    ):
        layout.operator(f"aigc.{name}", icon=icon).image = image.name


def _draw_in_menu(self: Any, context: Any) -> None:
    if image_of(context) is not None:
        self.layout.separator()
        self.layout.menu(AIGC_MT_image.bl_idname)


MENUS = ("IMAGE_MT_image", "NODE_MT_context_menu", "OUTLINER_MT_context_menu")


def register() -> None:
    """Add the menu wherever an image can be pointed at."""
    for name in MENUS:
        getattr(bpy.types, name).append(_draw_in_menu)


def unregister() -> None:
    """Take the menu out again."""
    for name in MENUS:
        getattr(bpy.types, name).remove(_draw_in_menu)


CLASSES = (
    AIGC_OT_edit_recipe,
    AIGC_OT_regenerate,
    AIGC_OT_open_folder,
    AIGC_OT_collect,
    AIGC_MT_image,
    AIGC_PT_image,
)
