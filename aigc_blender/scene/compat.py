# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between Blender 4.5 and 5.x, in one place."""

from __future__ import annotations

from typing import Any

import bpy
from bpy_extras import anim_utils

COMPOSITOR = "aigc_compositor"  # custom property of a scene: what its compositor was before, "none" or "unused"
NODES = "aigc_nodes"  # of a material or world: the names of the nodes that it had, or got, when they were switched on
FADED = 1 if bpy.app.version < (5, 0, 0) else 0  # pixels at each edge that 4.5 fades out of an interpolated picture
FRESH = {  # what a new compositor consists of
    "CompositorNodeComposite",
    "CompositorNodeRLayers",
    "NodeGroupOutput",
}


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
    block[NODES] = "\n".join(node.name for node in block.node_tree.nodes)
    return True


def stop_using_nodes(block: Any) -> None:
    """Undo `use_nodes`, unless nodes were added since; those it found stay, as nothing brings them a second time."""
    found = block.pop(NODES, "").split("\n")
    if not any(node.outputs and node.name not in found for node in block.node_tree.nodes):
        block.use_nodes = False


def compositor(scene: Any) -> Any | None:
    """The node tree that a scene's compositor works by, or None; in 4.5 also while it is switched off."""
    return scene.compositing_node_group if bpy.app.version >= (5, 0, 0) else scene.node_tree


def alpha_over(node: Any) -> tuple[Any, Any]:
    """An alpha-over node's inputs for what is below and what is above."""
    first = 0 if bpy.app.version >= (5, 0, 0) else 1
    return node.inputs[first], node.inputs[first + 1]


def start_compositor(scene: Any) -> Any:
    """The node tree that a scene's compositor works by; where there is none, or an unused one, it is switched on."""
    if bpy.app.version < (5, 0, 0):
        if not scene.use_nodes:
            scene[COMPOSITOR] = "unused" if scene.node_tree else "none"
            images = set(bpy.data.images)
            scene.use_nodes = True
            if scene[COMPOSITOR] == "none":
                _remove_viewer(scene.node_tree, images)
        return scene.node_tree
    if scene.compositing_node_group is None:
        tree = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        layers, output = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("NodeGroupOutput")
        layers.scene, output.location = scene, (400, 0)
        tree.links.new(layers.outputs["Image"], output.inputs["Image"])
        scene.compositing_node_group, scene[COMPOSITOR] = tree, "none"
    return scene.compositing_node_group


def _remove_viewer(tree: Any, images_before: set[Any]) -> None:
    """Take the viewer out of 4.5's new compositor, which would leave an image in the file."""
    for node in [n for n in tree.nodes if n.bl_idname not in FRESH]:
        tree.nodes.remove(node)
    for image in set(bpy.data.images) - images_before:
        bpy.data.images.remove(image)


def end_compositor(scene: Any) -> None:
    """Undo `start_compositor`, unless nodes were added since."""
    before, tree = scene.pop(COMPOSITOR, None), compositor(scene)
    if before is None or tree is None or (before == "none" and {n.bl_idname for n in tree.nodes} - FRESH):
        return
    if bpy.app.version < (5, 0, 0):
        if before == "none":
            tree.nodes.clear()  # the tree itself stays with the scene: nothing takes it off again
        scene.use_nodes = False
    else:
        bpy.data.node_groups.remove(tree)


def composite_input(tree: Any) -> Any | None:
    """The input of what a compositor puts out, or None where nothing does."""
    kind = "NodeGroupOutput" if bpy.app.version >= (5, 0, 0) else "CompositorNodeComposite"
    outputs = [n for n in tree.nodes if n.bl_idname == kind]
    active = next((n for n in outputs if getattr(n, "is_active_output", False)), None)
    output = active or next(iter(outputs), None)
    return next((i for i in output.inputs if i.type == "RGBA"), None) if output else None


def new_composite_input(tree: Any) -> Any:
    """The input of a new node that puts out what the compositor gives."""
    if bpy.app.version < (5, 0, 0):
        return tree.nodes.new("CompositorNodeComposite").inputs["Image"]
    return tree.nodes.new("NodeGroupOutput").inputs[0]


def rendering_viewports() -> bool:
    """Whether a playblast is being drawn.

    From 5.0 on it is a job, at whose end the operator stays until the next event in the window that shows the frames.
    """
    if bpy.app.version >= (5, 0, 0) and not bpy.app.is_job_running("RENDER"):
        return False
    windows = bpy.context.window_manager.windows
    return any(operator.bl_idname == "RENDER_OT_opengl" for window in windows for operator in window.modal_operators)


def smooth(node: Any) -> None:
    """Let a compositor's scale or translate node interpolate; where that can be had, with whole edges."""
    if bpy.app.version < (5, 0, 0):
        node.interpolation = "BILINEAR"
    else:
        node.inputs["Extension X"].default_value = node.inputs["Extension Y"].default_value = "Extend"
