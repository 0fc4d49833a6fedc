# SPDX-License-Identifier: GPL-3.0-or-later
"""All kinds of placement in one table; each is a module of this folder with the functions of `Placement`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from ..card import Style
from ..errors import SceneError
from . import backdrop, camera_background, card, compositor, item, material, strip, world


class Placement(Protocol):
    """What a kind of placement can do; its owner is an object (bpy.types.Object) or a scene (bpy.types.Scene)."""

    def check(self, group: Any, owner: Any) -> None:
        """Refuse an owner that cannot take an item (SceneError), before any work is done."""

    def place(self, group: Any, owner: Any) -> Any:
        """Put an item's frames there; where they are already, nothing changes."""

    def places(self, group: Any) -> list[Any]:
        """The data-blocks that show an item so."""

    def refit(self, group: Any) -> None:
        """Follow an item's new frames and settings."""

    def remove(self, group: Any) -> None:
        """Take an item out everywhere, without a trace, also where a user renamed or deleted parts."""


@dataclass(frozen=True)
class Kind:
    """A kind of placement; ``number`` is its bit in what files hold, and ``needs`` its owner: an object or a scene."""

    key: str
    label: str
    description: str
    icon: str
    number: int
    needs: str
    placement: Placement


TABLE = (
    Kind("CARD", "Card", "An upright plane at the 3D cursor that may face the camera", "IMAGE_PLANE", 4, "scene", card),
    Kind("MATERIAL", "Material", "Emission over the active object's surface", "MATERIAL", 1, "object", material),
    Kind(
        "BACKDROP",
        "Backdrop",
        "A plane that fills the view of the scene's camera",
        "IMAGE_BACKGROUND",
        2,
        "scene",
        backdrop,
    ),
    Kind(
        "CAMERA_BACKGROUND",
        "Camera Background",
        "Behind the view through the camera, in the viewport only; never rendered",
        "VIEW_CAMERA",
        8,
        "scene",
        camera_background,
    ),
    Kind("WORLD", "World", "All round the scene, from frames that tile", "WORLD", 16, "scene", world),
    Kind("STRIP", "Strip", "An image strip in the scene's sequencer", "SEQUENCE", 32, "scene", strip),
    Kind("COMPOSITOR", "Compositor", "Over the rendered picture", "NODE_COMPOSITING", 64, "scene", compositor),
)
KINDS = tuple(kind.key for kind in TABLE)
_BY_KEY = {kind.key: kind for kind in TABLE}


def default(style: Style, target: Any) -> str:
    """Where a style goes unless something else is chosen: what is see-through stands free, a plate needs a surface."""
    if style.alpha:
        return "CARD"
    try:
        material.check(None, target)
    except SceneError:
        return "BACKDROP"
    return "MATERIAL"


def needs_object(kind: str) -> bool:
    """Whether a kind is put on an object, rather than into a scene."""
    return _BY_KEY[kind].needs == "object"


def check(group: Any, kinds: frozenset[str], target: Any, scene: Any) -> None:
    """Refuse, before any work is done, an object or scene that cannot take an item that is not there yet.

    Raises:
        SceneError: says why.
    """
    for kind in sorted(kinds):
        if not placed(group, kind):
            _BY_KEY[kind].placement.check(group, target if needs_object(kind) else scene)


def place(group: Any, kind: str, target: Any, scene: Any) -> str | None:
    """Put an item's frames on an object, or into a scene; gives a warning where they cannot be seen there.

    Raises:
        SceneError: the item has no frames or is linked, or the object or scene cannot take them.
    """
    _require_local(group)
    made = _BY_KEY[kind].placement.place(group, target if needs_object(kind) else scene)
    around = card.hidden_in(made, scene) if kind == "CARD" else None
    return f"{group.name} stands inside {around.name}, which hides it; move one of them." if around else None


def placed(group: Any, kind: str) -> bool:
    """Whether an item is placed so anywhere."""
    return bool(_BY_KEY[kind].placement.places(group))


def refit(group: Any) -> None:
    """Let all placements of an item follow its new frames and settings."""
    for kind in TABLE:
        kind.placement.refit(group)


def remove(group: Any, kind: str) -> None:
    """Take an item out of all placements of a kind, without a trace.

    Raises:
        SceneError: the item is linked.
    """
    _require_local(group)
    _BY_KEY[kind].placement.remove(group)


def _require_local(group: Any) -> None:
    if item.is_linked(group):
        raise SceneError(f"Element {group.name} is linked from another file; make it local or change it there.")
