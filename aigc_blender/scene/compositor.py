# SPDX-License-Identifier: GPL-3.0-or-later
"""The compositor placement: the frames over all that the scene's compositor puts out.

They fill the render and keep their aspect; an element that stands on its base stands on the lower edge. Drivers follow
the render size.
"""

from __future__ import annotations

from typing import Any

import bpy

from ..errors import SceneError
from . import compat, images, item, made, shader, splice
from .drivers import drive
from .nodes import Nodes

KIND = "COMPOSITOR"
UNUSED = "aigc_without_compositing"  # custom property of the node: the scene had compositing switched off


def check(_group: Any, scene: Any) -> None:
    """Refuse a scene whose compositor cannot be edited.

    Raises:
        SceneError: the scene or its compositor is linked.
    """
    tree = compat.compositor(scene)
    if scene.library or (tree is not None and item.is_linked(tree)):
        raise SceneError(f"The compositor of scene {scene.name} is linked from another file; make it local.")


def place(group: Any, scene: Any) -> None:
    """Put an item over what the compositor puts out; without a compositor, over the render.

    Raises:
        SceneError: the item has no frames yet, or the compositor is linked.
    """
    check(group, scene)
    image = shader.require_image(group)
    if scene in places(group):
        return
    tree = compat.start_compositor(scene)
    target = compat.composite_input(tree)
    if target is None:
        target = compat.new_composite_input(tree)
        splice.mark(target.node)
    node = tree.nodes.new("CompositorNodeGroup")
    node.node_tree = made.mark(bpy.data.node_groups.new(f"{group.name} over", "CompositorNodeTree"), group, KIND)
    for side in ("INPUT", "OUTPUT"):
        node.node_tree.interface.new_socket("Image", in_out=side, socket_type="NodeSocketColor")
    _build(node.node_tree, scene, image)
    node.location = (target.node.location.x - 200, target.node.location.y)
    splice.insert(node, target, "Image", "Image", lambda: _render(tree, node))
    node[UNUSED] = not scene.render.use_compositing
    scene.render.use_compositing = True


def places(group: Any) -> list[Any]:
    """The scenes whose compositor shows an item (bpy.types.Scene)."""
    return [scene for scene, _ in _shown(group)]


def refit(group: Any) -> None:
    """Show an item's new frames in all its compositors."""
    for scene, node in _shown(group):
        _build(node.node_tree, scene, shader.require_image(group))


def remove(group: Any) -> None:
    """Take an item out of all compositors and leave them as they were before; one made for it goes."""
    for scene, node in _shown(group):
        unused = splice.hand_on(node, UNUSED)
        splice.extract(node, "Image", "Image")
        if unused:
            scene.render.use_compositing = False
    for scene in bpy.data.scenes:
        if not scene.library and not _others(scene):
            compat.end_compositor(scene)
    made.purge(group, KIND)


def _shown(group: Any) -> list[tuple[Any, Any]]:
    """The scenes whose compositor shows an item, each with the node that does it."""
    ours = made.find(bpy.data.node_groups, group, KIND)
    trees = [
        (s, tree) for s in bpy.data.scenes if not s.library and (tree := compat.compositor(s)) and not tree.library
    ]
    return [(s, node) for s, tree in trees for mine in ours if (node := splice.node_of(tree, mine))]


def _others(scene: Any) -> bool:
    """Whether other items are in a scene's compositor."""
    tree = compat.compositor(scene)
    return tree is not None and any(
        n.bl_idname == "CompositorNodeGroup" and n.node_tree and n.node_tree.get(made.MADE) == KIND for n in tree.nodes
    )


def _render(tree: Any, node: Any) -> Any:
    layers = splice.mark(tree.nodes.new("CompositorNodeRLayers"))
    layers.location = (node.location.x - 300, node.location.y)
    return layers.outputs["Image"]


def _build(tree: Any, scene: Any, image: Any) -> None:
    recipe = images.recipe_of(image)
    tree.animation_data_clear()
    tree.nodes.clear()
    nodes = Nodes(tree)
    given, output = nodes.add("NodeGroupInput"), nodes.add("NodeGroupOutput")
    texture = nodes.add("CompositorNodeImage", image=image)
    images.set_frames(texture, images.frames_of(image), cyclic=recipe.loop is not None)
    scale, move, over = (nodes.add(f"CompositorNode{kind}") for kind in ("Scale", "Translate", "AlphaOver"))
    compat.smooth(scale)
    compat.smooth(move)
    picture = texture.outputs["Image"]
    if images.comes_straight(image):  # colour is not to be scaled as it is
        premultiply = nodes.add("CompositorNodePremulKey")
        nodes.link(picture, premultiply.inputs[0])
        picture = premultiply.outputs[0]
    nodes.link(picture, scale.inputs["Image"])
    nodes.link(scale.outputs[0], move.inputs["Image"])
    below, above = compat.alpha_over(over)
    nodes.link(given.outputs["Image"], below)
    nodes.link(move.outputs[0], above)
    nodes.link(over.outputs[0], output.inputs["Image"])

    sources = {
        "rx": (scene, "render.resolution_x"),
        "ry": (scene, "render.resolution_y"),
        "percent": (scene, "render.resolution_percentage"),
        "ax": (scene, "render.pixel_aspect_x"),
        "ay": (scene, "render.pixel_aspect_y"),
    }
    cover = f"max(rx * ax / {recipe.width}, ry * ay / {recipe.height}) * percent / 100"
    if image[images.STANDS]:
        raised = f"({cover} * {recipe.height} / ay - ry * percent / 100) / 2"
        drive(move.inputs["Y"].driver_add("default_value").driver, raised, sources)
    if compat.FADED:  # pixels outside the render do not show it; at their own size nothing is interpolated
        larger = 1 + 2 * compat.FADED / min(recipe.width, recipe.height)
        cover = f"{cover} * ({larger} if {cover} != 1 else 1)"
    drive(scale.inputs["X"].driver_add("default_value").driver, f"{cover} / ax", sources)
    drive(scale.inputs["Y"].driver_add("default_value").driver, f"{cover} / ay", sources)
