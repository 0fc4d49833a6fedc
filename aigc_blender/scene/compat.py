# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between Blender 4.5 and 5.x, in one place."""

from __future__ import annotations

from typing import Any

import bpy
from bpy_extras import anim_utils


def fcurves(block: Any) -> list[Any]:
    """The F-curves that animate a data-block (bpy.types.FCurve); actions have slots from 4.4 on, and nothing else in 5.0."""
    animation = block.animation_data
    if animation is None or animation.action is None:
        return []
    bag = anim_utils.action_get_channelbag_for_slot(animation.action, animation.action_slot)
    return list(bag.fcurves) if bag else []


def remove_fcurves(block: Any, path: str) -> None:
    """Remove the F-curves of a property; none is fine."""
    animation = block.animation_data
    for curve in [c for c in fcurves(block) if c.data_path == path]:
        anim_utils.action_get_channelbag_for_slot(animation.action, animation.action_slot).fcurves.remove(curve)


def own_action(block: Any) -> None:
    """Give a data-block a copy of the action that it shares."""
    animation, slot = block.animation_data, block.animation_data.action_slot
    identifier = slot.identifier if slot else None
    animation.action = animation.action.copy()
    if identifier is not None:
        animation.action_slot = next(s for s in animation.action.slots if s.identifier == identifier)


def strip_fcurves(track: Any) -> list[Any]:
    """The F-curves of all strips of an NLA track, or of a meta strip."""
    curves: list[Any] = []
    for strip in track.strips:
        if strip.type == "META":
            curves += strip_fcurves(strip)
        elif strip.action is not None:
            bag = anim_utils.action_get_channelbag_for_slot(strip.action, strip.action_slot)
            curves += list(bag.fcurves) if bag else []
    return curves


def use_nodes(block: Any) -> bool:
    """Give a material or world its node tree; True where that was switched on now (5.0 always has one)."""
    if bpy.app.version >= (5, 0, 0) or block.use_nodes:
        return False
    block.use_nodes = True
    return True


def stop_using_nodes(block: Any) -> None:
    """Undo `use_nodes`."""
    block.node_tree.nodes.clear()
    block.use_nodes = False
