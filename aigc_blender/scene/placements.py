# SPDX-License-Identifier: GPL-3.0-or-later
"""All kinds of placement under one name each: ``MATERIAL`` and ``BACKDROP``."""

from __future__ import annotations

from typing import Any

from . import backdrop, material

KINDS = ("MATERIAL", "BACKDROP")


def check(group: Any, kinds: frozenset[str], target: Any, scene: Any) -> None:
    """Refuse, before any work is done, an object or scene that cannot take an item that is not there yet.

    Raises:
        SceneError: says why.
    """
    if "MATERIAL" in kinds and not placed(group, "MATERIAL"):
        material.check(target)
    if "BACKDROP" in kinds and not placed(group, "BACKDROP"):
        backdrop.check(scene)


def place(group: Any, kind: str, target: Any, scene: Any) -> None:
    """Put an item's frames on an object, or into a scene.

    Raises:
        SceneError: the item has no frames, or the object or scene cannot take them.
    """
    if kind == "MATERIAL":
        material.place(group, target)
    else:
        backdrop.place(group, scene)


def placed(group: Any, kind: str) -> bool:
    """Whether an item is placed so anywhere."""
    return bool(material.places(group) if kind == "MATERIAL" else backdrop.places(group))


def remove(group: Any, kind: str) -> None:
    """Take an item out of all placements of a kind, without a trace."""
    if kind == "BACKDROP":
        for plane in backdrop.places(group):
            backdrop.remove(plane)
    else:
        for block in material.places(group):
            material.remove(group, block)
