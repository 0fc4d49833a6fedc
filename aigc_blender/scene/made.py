# SPDX-License-Identifier: GPL-3.0-or-later
"""Data-blocks that placements made: how they are known again, under whatever name, and how they go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy

# Custom properties: the kind of placement (of nodes: merely that they were made here), and the item's UUID.
MADE, ITEM = "aigc_made", "aigc_item"


def mark(block: Any, group: Any, kind: str) -> Any:
    """Note on a data-block or strip what it was made for; returns it."""
    block[MADE], block[ITEM] = kind, group.aigc.uuid
    return block


def find(blocks: Iterable[Any], group: Any, kind: str) -> list[Any]:
    """Those of some data-blocks or strips that were made for an item's placement of a kind and can be edited."""
    ours = [b for b in blocks if b.get(ITEM) == group.aigc.uuid and b.get(MADE) == kind]
    return [b for b in ours if not getattr(b, "library", None)]  # strips have none


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
