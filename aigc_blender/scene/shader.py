# SPDX-License-Identifier: GPL-3.0-or-later
"""The shader inside an item's node group: its sequence, composited over whatever is connected to Behind.

    Shader = Strength * premultiplied colour + (1 - alpha) * Behind

Glow with an alpha of 0 survives that, which a mix by alpha would erase.
"""

from __future__ import annotations

from typing import Any

from ..errors import SceneError
from . import images

# Custom properties: of an item, its own image while another stands in for it; of an image, that it is such another.
OWN, STANDS_IN = "aigc_own", "aigc_stands_in"


def image_of(group: Any) -> Any | None:
    """The image data-block that an item shows, or None; what stands in for it for the moment does not count."""
    texture = texture_of(group)
    image = texture.image if texture is not None else None
    return group.get(OWN) if image is not None and STANDS_IN in image else image


def texture_of(group: Any) -> Any | None:
    """The node of an item that shows its image, or None before it has one."""
    return next((n for n in group.nodes if n.bl_idname == "ShaderNodeTexImage"), None)


def require_image(group: Any) -> Any:
    """The image data-block that an item shows.

    Raises:
        SceneError: it has no frames yet.
    """
    image = image_of(group)
    if image is None:
        raise SceneError(f"Element {group.name} has no frames to place; generate them first.")
    return image


def show(group: Any, image: Any) -> None:
    """Make the item show a sequence: builds the shader anew, keeps its sockets and so every link to it.

    A PNG holds straight colour, an EXR premultiplied colour.
    """
    recipe = images.recipe_of(image)
    _sockets(group)
    group.nodes.clear()
    group.pop(OWN, None)
    texture = _node(group, "ShaderNodeTexImage", -400, 0)
    texture.image = image
    images.set_frames(texture.image_user, images.frames_of(image), cyclic=recipe.loop is not None)
    texture.extension = "REPEAT" if recipe.tile else "EXTEND"
    if len(recipe.tile) == 1:
        _pin_other_axis(group, texture, recipe.tile, recipe.width, recipe.height)

    inputs, output = _node(group, "NodeGroupInput", -400, 250), _node(group, "NodeGroupOutput", 500, 0)
    emission = _node(group, "ShaderNodeEmission", 0, 0)
    link = group.links.new
    link(texture.outputs["Color"], emission.inputs["Color"])
    link(texture.outputs["Color"], output.inputs["Color"])
    if not image[images.ALPHA]:
        link(inputs.outputs["Strength"], emission.inputs["Strength"])
        link(emission.outputs[0], output.inputs["Shader"])
        output.inputs["Alpha"].default_value = 1.0
        return
    strength = inputs.outputs["Strength"]
    if images.has_straight_alpha(image):
        premultiply = _node(group, "ShaderNodeMath", -180, 120)
        premultiply.operation = "MULTIPLY"
        link(strength, premultiply.inputs[0])
        link(texture.outputs["Alpha"], premultiply.inputs[1])
        strength = premultiply.outputs[0]
    behind, add = _node(group, "ShaderNodeMixShader", 0, 200), _node(group, "ShaderNodeAddShader", 250, 0)
    link(strength, emission.inputs["Strength"])
    link(texture.outputs["Alpha"], behind.inputs[0])
    link(inputs.outputs["Behind"], behind.inputs[1])
    link(behind.outputs[0], add.inputs[0])
    link(emission.outputs[0], add.inputs[1])
    link(add.outputs[0], output.inputs["Shader"])
    link(texture.outputs["Alpha"], output.inputs["Alpha"])


def _sockets(group: Any) -> None:
    wanted = (
        ("Shader", "OUTPUT", "NodeSocketShader"),
        ("Color", "OUTPUT", "NodeSocketColor"),
        ("Alpha", "OUTPUT", "NodeSocketFloat"),
        ("Behind", "INPUT", "NodeSocketShader"),
        ("Strength", "INPUT", "NodeSocketFloat"),
    )
    present = {(s.name, s.in_out) for s in group.interface.items_tree}
    for name, side, kind in wanted:
        if (name, side) not in present:
            socket = group.interface.new_socket(name, in_out=side, socket_type=kind)
            if name == "Strength":
                socket.default_value, socket.min_value = 1.0, 0.0


def _pin_other_axis(group: Any, texture: Any, tiled: str, width: int, height: int) -> None:
    """Hold the axis that does not tile within the outermost pixel centres, so that its far edge does not bleed in."""
    low = (-1e6, 0.5 / height, 0.0) if tiled == "x" else (0.5 / width, -1e6, 0.0)
    high = (1e6, 1.0 - 0.5 / height, 0.0) if tiled == "x" else (1.0 - 0.5 / width, 1e6, 0.0)
    socket = _node(group, "ShaderNodeTexCoord", -1000, 0).outputs["UV"]
    for x, operation, bound in ((-800, "MAXIMUM", low), (-600, "MINIMUM", high)):
        node = _node(group, "ShaderNodeVectorMath", x, 0)
        node.operation = operation
        node.inputs[1].default_value = bound
        group.links.new(socket, node.inputs[0])
        socket = node.outputs[0]
    group.links.new(socket, texture.inputs["Vector"])


def _node(group: Any, kind: str, x: float, y: float) -> Any:
    node = group.nodes.new(kind)
    node.location = (x, y)
    return node
