# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtime in the preferences: what was found, and installing it.

Looking and installing happen in child processes, watched by threads; a timer shows what they tell. Drawing reads what
is known and starts nothing.
"""

import shutil
import textwrap
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface
from bpy.props import BoolProperty

from ..errors import AigcError, RuntimeMissingError
from ..runtime.find import PACKAGES, Runtime, find_runtime, list_devices
from ..runtime.folders import user_folder
from ..runtime.install import Options, log_file, remove
from ..runtime.installation import Installation
from ..runtime.managed import Environment, managed_environment
from ..scene import jobs

PACKAGE = __package__.removesuffix(".ui")
POLL_SECONDS = 0.25
OFFLINE = "Online access is off: allow it in Preferences > System > Network, or choose a wheel folder"
BACKENDS = (
    ("auto", "Automatic", "The build for the graphics card that is there, else the processor's"),
    ("cpu", "CPU", "For the processor alone; the smallest download"),
    ("cu126", "CUDA 12.6", "For NVIDIA cards, older drivers"),
    ("cu128", "CUDA 12.8", "For NVIDIA cards"),
    ("cu130", "CUDA 13.0", "For NVIDIA cards, current drivers"),
    ("rocm6.4", "ROCm 6.4", "For AMD cards on Linux"),
    ("xpu", "XPU", "For Intel cards"),
)


@dataclass(frozen=True)
class Found:
    """What a look has found: the runtime or what is wrong with it, its devices where torch was tried."""

    runtime: Runtime | None = None
    devices: tuple[str, ...] | None = None
    environment: Environment | None = None  # the managed one, in use or not
    error: AigcError | None = None


class _Look(threading.Thread):
    """One look at the runtime; a daemon, since Blender does not wait for it when it ends."""

    def __init__(self, python: Path | None, try_torch: bool) -> None:
        super().__init__(name="aigc-look", daemon=True)
        self._python, self._try_torch = python, try_torch
        self.found: Found | None = None
        self.start()

    def run(self) -> None:
        """Look, and try torch if that was asked for."""
        runtime, environment = None, None
        try:
            environment = managed_environment()
            runtime = find_runtime(self._python)
            devices = tuple(list_devices(runtime)) if self._try_torch else None
            self.found = Found(runtime, devices, environment)
        except AigcError as error:
            self.found = Found(runtime, None, environment, error)


_look: _Look | None = None
_found: Found | None = None
_installation: Installation | None = None


def addon_preferences(context: Any) -> Any | None:
    """The extension's preferences; None where the package runs without being an add-on."""
    addon = context.preferences.addons.get(PACKAGE)
    return addon.preferences if addon else None


def state() -> str:
    """How far it is: not_looked, looking, ready, broken, installing or failed."""
    if _installation is not None:
        return {"running": "installing", "failed": "failed"}.get(_installation.state, "looking")
    if _look is not None:
        return "looking"
    if _found is None:
        return "not_looked"
    return "broken" if _found.error else "ready"


def found() -> Found | None:
    """What the latest look has found."""
    return _found


def look(context: Any, *, try_torch: bool = False) -> None:
    """Start to look; ``pump`` brings what is found."""
    global _look
    _look = _Look(_path(addon_preferences(context), "python"), try_torch)
    _watch()


def pump() -> None:
    """Take what threads have found."""
    global _look, _found, _installation
    if _installation is not None and _installation.state in ("done", "cancelled"):
        done, _installation = _installation.state == "done", None
        if done and not jobs.running():
            jobs.worker.stop()  # the next one runs in what was installed
        look(bpy.context, try_torch=done)
    if _look is not None and not _look.is_alive():
        _found, _look = _look.found, None


class AIGC_OT_runtime_check(bpy.types.Operator):
    """Find the Python that has torch, import torch there and list its devices"""

    bl_idname = "aigc.runtime_check"
    bl_label = "Check Runtime"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Needs that nothing is being installed."""
        return state() != "installing"

    def execute(self, context: Any) -> set[str]:
        """Start, and without a window also finish, the look."""
        global _installation
        _installation = None
        look(context, try_torch=True)
        if bpy.app.background:
            return _finish(self)
        return {"FINISHED"}


class AIGC_OT_runtime_install(bpy.types.Operator):
    """Install Python and PyTorch for the extension, apart from Blender's own and shared by all versions of Blender"""

    bl_idname = "aigc.runtime_install"
    bl_label = "Install Runtime"
    bl_options = {"INTERNAL"}

    again: BoolProperty(
        name="Again", description="Make it anew even if it is there", default=False, options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Needs online access or a wheel folder, and no installation under way."""
        if not (bpy.app.online_access or _path(addon_preferences(context), "wheels")):
            cls.poll_message_set(OFFLINE)
            return False
        return state() != "installing"

    def execute(self, context: Any) -> set[str]:
        """Start, and without a window also finish, the installation."""
        global _installation
        preferences = addon_preferences(context)
        options = Options(
            backend=preferences.backend if preferences else "auto",
            wheels=_path(preferences, "wheels"),
            python=_path(preferences, "base_python"),
            uv=_path(preferences, "uv"),
            network=bpy.app.online_access,
            again=self.again,
        )
        try:
            _installation = Installation(options)
        except RuntimeMissingError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        _watch()
        if bpy.app.background:
            return _finish(self)
        return {"FINISHED"}


class AIGC_OT_runtime_cancel(bpy.types.Operator):
    """Stop installing; what was downloaded is kept for the next try"""

    bl_idname = "aigc.runtime_cancel"
    bl_label = "Cancel Installation"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Needs an installation under way."""
        return state() == "installing"

    def execute(self, _context: Any) -> set[str]:
        """Ask for the end; the timer sees it come."""
        if _installation is not None:
            _installation.cancel()
        return {"FINISHED"}


class AIGC_OT_runtime_remove(bpy.types.Operator):
    """Remove the installed runtime and all that was downloaded for it"""

    bl_idname = "aigc.runtime_remove"
    bl_label = "Remove Runtime"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Needs an installed runtime, and nothing under way."""
        return state() in ("ready", "broken") and _found is not None and _found.environment is not None

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Ask first: it may have taken an hour to download."""
        return set(context.window_manager.invoke_confirm(self, event))

    def execute(self, context: Any) -> set[str]:
        """End the worker, remove, look again."""
        if jobs.running():
            self.report({"ERROR"}, "The runtime is generating; cancel that first")
            return {"CANCELLED"}
        jobs.worker.stop()
        kept = remove()
        look(context)
        if kept:
            self.report({"ERROR"}, f"{kept[0]} is in use; close other Blenders and try again.")
            return {"CANCELLED"}
        if bpy.app.background:
            _wait()
        return {"FINISHED"}


def draw(layout: Any, context: Any) -> None:
    """Draw what is known of the runtime, and what can be done about it."""
    box = layout.box()
    box.use_property_split = False
    match state():
        case "not_looked":
            row = box.row()
            row.label(text="Not looked for yet", icon="QUESTION")
            row.operator("aigc.runtime_check", text="Check", icon="VIEWZOOM")
        case "looking":
            box.label(text="Looking for the Python that has torch", icon="TIME")
        case "installing":
            _draw_installing(box, context)
        case "failed":
            assert _installation is not None
            _lines(box, context, str(_installation.error), "ERROR")
            row = box.row(align=True)
            row.operator("aigc.runtime_install", text="Retry", icon="FILE_REFRESH")
            _log_button(row)
            row.operator("aigc.runtime_check", text="Check", icon="VIEWZOOM")
        case "broken":
            assert _found is not None
            _lines(box, context, str(_found.error), "ERROR")
            _draw_install(box, again=_found.environment is not None)
        case "ready":
            _draw_ready(box)


def draw_hint(layout: Any) -> None:
    """Draw, above everything else, that there is no runtime yet; nothing where there is one."""
    current = state()
    if current == "installing" and _installation is not None:
        row = layout.row(align=True)
        row.progress(factor=_installation.progress, text="Installing the Runtime")
        row.operator("aigc.runtime_cancel", text="", icon="CANCEL")
    elif current in ("broken", "failed"):
        layout.label(text="There is no working runtime", icon="ERROR")
        layout.operator("aigc.runtime_install", icon="IMPORT")
        layout.operator("preferences.addon_show", text="Preferences", icon="PREFERENCES").module = PACKAGE


def register() -> None:
    """Look once Blender has started; scripts and farms look when they generate."""
    if not bpy.app.background:
        look(bpy.context)


def unregister() -> None:
    """Cancel an installation and wait for its end; forget everything."""
    global _look, _found, _installation
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    if _installation is not None:
        _installation.stop()
    _look = _found = _installation = None


def _draw_ready(box: Any) -> None:
    assert _found is not None
    assert _found.runtime is not None
    runtime, environment = _found.runtime, _found.environment
    managed = environment is not None and environment.python == runtime.python
    row = box.row()
    row.label(text=str(runtime.python), icon="CHECKMARK")
    row.operator("aigc.runtime_check", text="Check", icon="VIEWZOOM")
    versions = ", ".join(f"{name} {runtime.versions[name]}" for name in PACKAGES)
    box.label(text=f"Python {runtime.versions['python']}, {versions}", icon="BLANK1")
    if _found.devices is None:
        box.label(text="Devices: not checked", icon="BLANK1")
    else:
        text = iface("Devices: {names}").format(names=", ".join(_found.devices))
        box.label(text=text, icon="BLANK1", translate=False)
    row = box.row(align=True)
    if environment is not None and not environment.current:
        row.operator("aigc.runtime_install", text="Update Runtime", icon="IMPORT")
    elif environment is None:
        row.operator("aigc.runtime_install", icon="IMPORT")
    else:
        row.operator("aigc.runtime_install", text="Install Again", icon="FILE_REFRESH").again = True
    if environment is not None:
        row.operator("aigc.runtime_remove", icon="TRASH")
    if environment is not None and not managed:
        box.label(text="Another Python was named, so the installed runtime is not used", icon="INFO")


def _draw_installing(box: Any, context: Any) -> None:
    assert _installation is not None
    row = box.row(align=True)
    row.progress(factor=_installation.progress, text=f"{100 * _installation.progress:.0f} %")
    row.operator("aigc.runtime_cancel", text="Cancel", icon="CANCEL")
    _log_button(row)
    _lines(box, context, _installation.text, "IMPORT")


def _draw_install(box: Any, *, again: bool) -> None:
    row = box.row(align=True)
    row.operator(
        "aigc.runtime_install", text="Install Again" if again else "Install Runtime", icon="IMPORT"
    ).again = again
    row.operator("aigc.runtime_check", text="Check", icon="VIEWZOOM")
    if again:
        row.operator("aigc.runtime_remove", icon="TRASH")
    text = iface("Downloads 0.2 GB for a CPU, about 3 GB for a graphics card, to {folder}")
    box.label(text=text.format(folder=user_folder()), icon="INFO", translate=False)
    if not bpy.app.online_access:
        box.label(text=OFFLINE, icon="INTERNET_OFFLINE")


def _log_button(row: Any) -> None:
    row.operator("wm.path_open", text="Open Log", icon="TEXT").filepath = str(log_file())


def _lines(layout: Any, context: Any, text: str, icon: str) -> None:
    """Text in as many lines as the region's width asks for."""
    width = context.region.width if context.region else 800
    for line in textwrap.wrap(text, max(40, int(width / (7 * context.preferences.system.ui_scale)))):
        layout.label(text=line, icon=icon)
        icon = "BLANK1"


def _finish(operator: Any) -> set[str]:
    """Wait for the end and say how it was; only without a window."""
    _wait()
    error = _installation.error if _installation is not None else (_found.error if _found is not None else None)
    if error is not None:
        operator.report({"ERROR"}, str(error))
        return {"CANCELLED"}
    return {"FINISHED"}


def _wait() -> None:
    while state() in ("looking", "installing"):
        if _installation is not None:
            _installation.wait()
        elif _look is not None:
            _look.join()
        pump()


def _watch() -> None:
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, persistent=True)


def _tick() -> float | None:
    pump()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions:
                if (area.type, region.type) in (("PREFERENCES", "WINDOW"), ("VIEW_3D", "UI")):
                    region.tag_redraw()
    return POLL_SECONDS if state() in ("looking", "installing") else None


def _path(preferences: Any | None, name: str) -> Path | None:
    """A path of the preferences; a bare program name is looked for on PATH."""
    text = getattr(preferences, name) if preferences else ""
    if not text:
        return None
    if "/" not in text and "\\" not in text and (program := shutil.which(text)):
        return Path(program)
    return Path(bpy.path.abspath(text))


CLASSES = (AIGC_OT_runtime_check, AIGC_OT_runtime_install, AIGC_OT_runtime_cancel, AIGC_OT_runtime_remove)
