# SPDX-License-Identifier: GPL-3.0-or-later
"""Data-blocks that placements made: how they are known again, under whatever name, and how they go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy

from . import shader

# Custom properties: the kind of placement (of nodes: merely that they were made here), and the item's UUID; of a camera,
# the image behind its view, by the item's UUID.
MADE, ITEM, BACKGROUND = "aigc_made", "aigc_item", "aigc_background_{}"


def mark(block: Any, group: Any, kind: str) -> Any:
    """Note on a data-block or strip what it was made for; returns it."""
    block[MADE], block[ITEM] = kind, group.aigc.uuid
    return block


def find(blocks: Iterable[Any], group: Any, kind: str) -> list[Any]:
    """Those of some data-blocks or strips that were made for an item's placement of a kind and can be edited."""
    ours = [b for b in blocks if b.get(ITEM) == group.aigc.uuid and b.get(MADE) == kind]
    return [b for b in ours if not getattr(b, "library", None)]  # strips have none


def pass_on(original: Any, copy: Any, identity: str) -> None:
    """Note on what was made for the item of a UUID, and shows a copy of that instead of the original, that it is the copy's."""
    users, key = bpy.data.user_map(), BACKGROUND.format(identity)

    def shown_by(group: Any) -> set[Any]:
        found: set[Any] = set()
        edge = {group, shader.image_of(group)}
        while edge:
            above = {user for block in edge for user in users.get(block, ()) if not user.library}
            edge = {user for user in above if user.get(ITEM) == identity or key in user} - found
            found |= edge
        lights = {o.data for o in found if isinstance(o, bpy.types.Object) and o.type == "LIGHT"}
        return found | lights | {light.animation_data.action for light in lights if light.animation_data}

    for block in shown_by(copy) - shown_by(original) - {None}:
        if key in block:
            block[BACKGROUND.format(copy.aigc.uuid)] = block.pop(key)
        else:
            block[ITEM] = copy.aigc.uuid


def remove_objects(objects: Iterable[Any]) -> None:
    """Delete objects; what else they use is left to `purge`."""
    for thing in objects:
        bpy.data.objects.remove(thing)


def purge(group: Any, kind: str) -> None:
    """Delete what was made for an item's placement of a kind and is used no longer, also where a user deleted parts."""
    for blocks in (bpy.data.meshes, bpy.data.lights, bpy.data.materials, bpy.data.node_groups, bpy.data.actions):
        for block in find(blocks, group, kind):
            if not block.users:
                blocks.remove(block)
