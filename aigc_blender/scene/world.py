# SPDX-License-Identifier: GPL-3.0-or-later
"""The world placement: an item all round the scene, over the world that is there.

Directions d = (x, y, z) are turned about z by the input Rotation first.

*Round* (frames that tile along x): an equirectangular panorama. An element that stands, stands on the horizon: it is
as high as it is wide by its own aspect, at most up to the zenith, and below the horizon is what was there.

*Dome* (frames that tile along both axes): a panorama would pinch them at the poles. Here they lie on a flat-bottomed
sky, a sphere's cap seen from within: of a layer at the height 1 over a ground of the radius r, a direction meets

    t = sqrt((r z)^2 + 2 r + 1) - r z,    (u, v) = Scale * t * (x, y * width / height) + 1/2

so that t is 1 at the zenith, where the picture is a plane seen square on, and sqrt(2 r + 1) at the horizon. The last
degrees above the horizon, where frames would be squeezed into too few pixels, fade into what was there: Haze, in z.
"""

from __future__ import annotations

import math
from typing import Any

import bpy

from ..errors import SceneError
from . import compat, images, item, made, shader, splice
from .nodes import Nodes

KIND = "WORLD"
RADIUS = 12.0  # of the ground, in heights of the layer: the horizon is five heights away
INPUTS = (
    ("Behind", "NodeSocketShader", None, None),
    ("Strength", "NodeSocketFloat", 1.0, 0.0),
    ("Rotation", "NodeSocketFloat", 0.0, None),
    ("Scale", "NodeSocketFloat", 0.5, 0.0),
    ("Haze", "NodeSocketFloat", 0.1, 0.0),
)
SWITCHED = "aigc_without_nodes"  # custom property of the node: the world's tree was switched on for it


def check(group: Any, scene: Any) -> None:
    """Refuse a scene whose world is linked, and an item with a seam.

    Raises:
        SceneError: says why.
    """
    if scene.library:
        raise SceneError(f"Scene {scene.name} is linked from another file; place the element in a scene of this one.")
    if scene.world is not None and item.is_linked(scene.world):
        raise SceneError(f"World {scene.world.name} is linked from another file; make it local or choose another.")
    if not group.aigc.tile_x:
        raise SceneError(f"Element {group.name} would show a seam in the world; turn on Tile X under Tiling.")


def place(group: Any, scene: Any) -> None:
    """Put an item all round a scene, over the world that is there; without one it gets a new world.

    Raises:
        SceneError: the item has no frames yet, or frames with a seam, or the world is linked.
    """
    image = shader.require_image(group)
    check(group, scene)
    if "x" not in images.recipe_of(image).tile:
        raise SceneError(f"The frames of {group.name} were made without Tile X and show a seam; generate them again.")
    if scene.world is None:
        scene.world = made.mark(bpy.data.worlds.new(group.name), group, KIND)
        compat.use_nodes(scene.world)
        scene.world.node_tree.nodes.clear()
    world = scene.world
    if world in places(group):
        return
    switched = compat.use_nodes(world)
    tree = world.node_tree
    output = tree.get_output_node("ALL") or splice.mark(tree.nodes.new("ShaderNodeOutputWorld"))
    ours = made.mark(bpy.data.node_groups.new(f"{group.name} world", "ShaderNodeTree"), group, KIND)
    _build(ours, image)
    node = tree.nodes.new("ShaderNodeGroup")
    node.node_tree = ours
    node[SWITCHED] = switched
    node.location = (output.location.x - 200, output.location.y + 200)
    splice.insert(node, output.inputs["Surface"], "Behind", "Shader")


def places(group: Any) -> list[Any]:
    """The worlds that show an item (bpy.types.World)."""
    return [world for world, _ in _shown(group)]


def refit(group: Any) -> None:
    """Show an item's new frames in all its worlds."""
    for tree in made.find(bpy.data.node_groups, group, KIND):
        _build(tree, shader.require_image(group))


def remove(group: Any) -> None:
    """Take an item out of all worlds, which are as before then; one made for it goes with it if nothing else is in it."""
    shown = _shown(group)
    for world, node in shown:
        switched = splice.hand_on(node, SWITCHED)
        splice.extract(node, "Behind", "Shader")
        if switched:
            compat.stop_using_nodes(world)
    inherited = {world for world, _ in shown if world.get(made.MADE) == KIND}  # once made for an item that has gone
    for world in inherited.union(made.find(bpy.data.worlds, group, KIND)):
        if splice.is_bare(world.node_tree):
            bpy.data.worlds.remove(world)
    made.purge(group, KIND)


def _shown(group: Any) -> list[tuple[Any, Any]]:
    """The worlds that show an item, each with the node that does it."""
    trees = made.find(bpy.data.node_groups, group, KIND)
    worlds = [w for w in bpy.data.worlds if not w.library and w.node_tree]
    return [(w, node) for w in worlds for tree in trees if (node := splice.node_of(w.node_tree, tree))]


def _build(tree: Any, image: Any) -> None:
    """The group's nodes; its sockets, and so what the user has set, stay."""
    recipe = images.recipe_of(image)
    dome = recipe.tile == "xy"
    _sockets(tree)
    tree.nodes.clear()
    nodes = Nodes(tree)
    given, output = nodes.add("NodeGroupInput").outputs, nodes.add("NodeGroupOutput").inputs
    turn = nodes.add("ShaderNodeVectorRotate", rotation_type="Z_AXIS")
    nodes.link(nodes.add("ShaderNodeTexCoord").outputs["Generated"], turn.inputs["Vector"])
    nodes.link(given["Rotation"], turn.inputs["Angle"])
    direction = turn.outputs[0]
    seen = None
    if dome:
        vector, seen = _dome(nodes, given, direction, recipe.width / recipe.height)
    elif image[images.STANDS]:
        vector, seen = _on_horizon(nodes, direction, recipe.width / recipe.height)
    else:
        vector = direction
    if dome or image[images.ALPHA]:  # environment textures have no alpha
        vector = vector if dome else _panorama(nodes, vector, recipe.height)
        texture = nodes.add("ShaderNodeTexImage", extension="REPEAT")
    else:
        texture = nodes.add("ShaderNodeTexEnvironment", projection="EQUIRECTANGULAR")
    texture.image = image
    images.set_frames(texture.image_user, images.frames_of(image), cyclic=recipe.loop is not None)
    nodes.link(vector, texture.inputs["Vector"])

    alpha: Any = texture.outputs["Alpha"] if image[images.ALPHA] else 1.0
    if seen is not None:
        alpha = nodes.math("MULTIPLY", alpha, seen)
    strength = given["Strength"]
    if images.has_straight_alpha(image):
        strength = nodes.math("MULTIPLY", strength, alpha)
    elif seen is not None:
        strength = nodes.math("MULTIPLY", strength, seen)
    light, behind, both = (
        nodes.add("ShaderNodeBackground"),
        nodes.add("ShaderNodeMixShader"),
        nodes.add("ShaderNodeAddShader"),
    )
    nodes.link(texture.outputs["Color"], light.inputs["Color"])
    nodes.link(strength, light.inputs["Strength"])
    nodes.link(alpha, behind.inputs[0])
    nodes.link(given["Behind"], behind.inputs[1])
    nodes.link(behind.outputs[0], both.inputs[0])
    nodes.link(light.outputs[0], both.inputs[1])
    nodes.link(both.outputs[0], output["Shader"])


def _sockets(tree: Any) -> None:
    present = {s.name for s in tree.interface.items_tree}
    if "Shader" not in present:
        tree.interface.new_socket("Shader", in_out="OUTPUT", socket_type="NodeSocketShader")
    for name, kind, default, least in INPUTS:
        if name not in present:
            socket = tree.interface.new_socket(name, in_out="INPUT", socket_type=kind)
            if default is not None:
                socket.default_value = default
            if least is not None:
                socket.min_value = least
            if name == "Rotation":
                socket.subtype = "ANGLE"


def _dome(nodes: Nodes, given: Any, direction: Any, aspect: float) -> tuple[Any, Any]:
    """Where a direction meets the layer, and how much of it is seen."""
    x, y, z = nodes.separate(direction)
    rz = nodes.math("MULTIPLY", z, RADIUS)
    square = nodes.math("ADD", nodes.math("MULTIPLY", rz, rz), 2 * RADIUS + 1)
    far = nodes.math("MULTIPLY", nodes.math("SUBTRACT", nodes.math("SQRT", square), rz), given["Scale"])
    u = nodes.math("ADD", nodes.math("MULTIPLY", x, far), 0.5)
    v = nodes.math("ADD", nodes.math("MULTIPLY", nodes.math("MULTIPLY", y, far), aspect), 0.5)
    haze = nodes.math("DIVIDE", z, nodes.math("MAXIMUM", given["Haze"], 1e-4), clamp=True)
    return nodes.combine(u, v, 0.0), haze


def _panorama(nodes: Nodes, direction: Any, height: int) -> Any:
    """Where an environment texture shows a direction, kept off the edges that do not tile."""
    x, y, z = nodes.separate(direction)
    u = nodes.math("MULTIPLY_ADD", nodes.math("ARCTAN2", y, x), -0.5 / math.pi, 0.5)
    v = nodes.math("MULTIPLY_ADD", nodes.math("ARCSINE", z), 1 / math.pi, 0.5)
    v = nodes.math("MINIMUM", nodes.math("MAXIMUM", v, 0.5 / height), 1 - 0.5 / height)
    return nodes.combine(u, v, 0.0)


def _on_horizon(nodes: Nodes, direction: Any, aspect: float) -> tuple[Any, Any]:
    """The direction whose panorama's pixel is seen there: 0 to ``high`` becomes -90 to 90 degrees of elevation."""
    high = min(2 * math.pi / aspect, math.pi / 2)
    x, y, z = nodes.separate(direction)
    elevation = nodes.math("ARCSINE", z)
    stretched = nodes.math("MULTIPLY_ADD", elevation, math.pi / high, -math.pi / 2)
    flat = nodes.math("SQRT", nodes.math("ADD", nodes.math("MULTIPLY", x, x), nodes.math("MULTIPLY", y, y)))
    across = nodes.math("DIVIDE", nodes.math("COSINE", stretched), nodes.math("MAXIMUM", flat, 1e-6))
    vector = nodes.combine(
        nodes.math("MULTIPLY", x, across), nodes.math("MULTIPLY", y, across), nodes.math("SINE", stretched)
    )
    above = nodes.math("GREATER_THAN", elevation, 0.0)
    return vector, nodes.math("MULTIPLY", above, nodes.math("LESS_THAN", elevation, high))
