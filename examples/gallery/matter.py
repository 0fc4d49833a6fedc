# SPDX-License-Identifier: GPL-3.0-or-later
"""What things are made of, and how they show an element."""

from __future__ import annotations

from typing import Any

import bpy

from aigc_blender.scene import backdrop, material, splice

from .nodes import Nodes
from .shapes import WHOLE
from .stage import Colour


def surface(name: str, colour: Colour, roughness: float = 0.7, metallic: float = 0.0) -> Any:
    """A plain material (bpy.types.Material)."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    principled = made.node_tree.nodes["Principled BSDF"]
    principled.inputs["Base Color"].default_value = (*colour, 1)
    principled.inputs["Roughness"].default_value = roughness
    principled.inputs["Metallic"].default_value = metallic
    return made


def glowing(name: str, colour: Colour, strength: float = 1.0) -> Any:
    """A material that shines, and lights nothing: lamps do that with less noise."""
    made = surface(name, (0, 0, 0))
    nodes = Nodes(made.node_tree)
    emission = nodes.new("ShaderNodeEmission", Color=(*colour, 1), Strength=strength)
    nodes.link(emission.outputs[0], _output(made).inputs["Surface"])
    made.cycles.emission_sampling = "NONE"
    return made


def rough(made: Any, scale: float, colour: Colour, bump: float = 0.3) -> Any:
    """Give a plain material blotches of another colour and a rough relief."""
    nodes = Nodes(made.node_tree)
    principled = made.node_tree.nodes["Principled BSDF"]
    place = nodes.new("ShaderNodeTexCoord").outputs["Object"]
    noise = nodes.new("ShaderNodeTexNoise", Vector=place, Scale=scale, Detail=5.0).outputs["Fac"]
    base = tuple(principled.inputs["Base Color"].default_value)[:3]
    nodes.link(nodes.gradient(nodes.ranged(noise, 0.35, 0.65), (base, colour)), principled.inputs["Base Color"])
    relief = nodes.new("ShaderNodeBump", Strength=bump, Distance=1 / scale, Height=noise)
    nodes.link(relief.outputs["Normal"], principled.inputs["Normal"])
    return made


def masonry(name: str, colours: tuple[Colour, Colour], mortar: Colour, width: float, height: float) -> Any:
    """Courses of stones on whatever is seen along y, and a relief of them."""
    made = surface(name, colours[0], roughness=0.85)
    nodes = Nodes(made.node_tree)
    place = nodes.new("ShaderNodeSeparateXYZ", Vector=nodes.new("ShaderNodeTexCoord").outputs["Object"]).outputs
    along = nodes.math("ADD", place["X"], place["Y"])
    wall = nodes.new("ShaderNodeCombineXYZ", X=along, Y=place["Z"]).outputs[0]
    bricks = nodes.new("ShaderNodeTexBrick", Vector=wall, Scale=1.0, Mortar_Size=0.035 * height, Mortar_Smooth=0.6)
    bricks.inputs["Brick Width"].default_value, bricks.inputs["Row Height"].default_value = width, height
    for socket, colour in zip(("Color1", "Color2", "Mortar"), (*colours, mortar), strict=True):
        bricks.inputs[socket].default_value = (*colour, 1)
    noise = nodes.new("ShaderNodeTexNoise", Vector=wall, Scale=5 / height, Detail=4.0).outputs["Fac"]
    relief = nodes.math("SUBTRACT", nodes.math("MULTIPLY", noise, 0.35), bricks.outputs["Fac"])
    bump = nodes.new("ShaderNodeBump", Strength=0.7, Distance=0.06 * height, Height=relief)
    principled = made.node_tree.nodes["Principled BSDF"]
    nodes.link(bricks.outputs["Color"], principled.inputs["Base Color"])
    nodes.link(bump.outputs["Normal"], principled.inputs["Normal"])
    return made


def glass(name: str, colour: Colour, shine: float = 1.0) -> Any:
    """Thin glass: what is behind shows through, tinted, and edges mirror what is around."""
    made = surface(name, colour)
    nodes = Nodes(made.node_tree)
    through = nodes.new("ShaderNodeBsdfTransparent", Color=(*colour, 1))
    mirror = nodes.new("ShaderNodeBsdfGlossy", Roughness=0.03)
    share = nodes.math("MULTIPLY", nodes.new("ShaderNodeFresnel", IOR=1.4).outputs[0], shine)
    mix = nodes.new("ShaderNodeMixShader", Fac=share)
    nodes.link(through.outputs[0], mix.inputs[1])
    nodes.link(mirror.outputs[0], mix.inputs[2])
    nodes.link(mix.outputs[0], _output(made).inputs["Surface"])
    return made


def slide(item: Any, gain: float = 1.0) -> Any:
    """A material that throws an element onto what is behind it, as a slide does in a projector's light."""
    made = surface(f"{item.name} slide", (0, 0, 0))
    nodes = Nodes(made.node_tree)
    shown = nodes.new("ShaderNodeGroup")
    shown.node_tree = item
    bright = nodes.new("ShaderNodeVectorMath", operation="SCALE", Scale=gain)
    nodes.link(shown.outputs["Color"], bright.inputs[0])
    through = nodes.new("ShaderNodeBsdfTransparent", Color=bright.outputs[0])
    nodes.link(through.outputs[0], _output(made).inputs["Surface"])
    return made


def hazy(made: Any, colour: Colour, near: float, far: float) -> Any:
    """Let a material fade into the air between two distances from the camera."""
    nodes = Nodes(made.node_tree)
    output = _output(made)
    before = output.inputs["Surface"].links[0].from_socket
    distance = nodes.new("ShaderNodeCameraData").outputs["View Distance"]
    air = nodes.new("ShaderNodeEmission", Color=(*colour, 1))
    mix = nodes.new("ShaderNodeMixShader", Fac=nodes.ranged(distance, near, far))
    nodes.link(before, mix.inputs[1])
    nodes.link(air.outputs[0], mix.inputs[2])
    nodes.link(mix.outputs[0], output.inputs["Surface"])
    made.cycles.emission_sampling = "NONE"
    return made


def show(item: Any, thing: Any, strength: float = 1.0) -> Any:
    """Place an element on an object, as its Material placement does; gives the material."""
    material.place(item, thing)
    return _lit(thing.active_material, item, strength)


def show_behind(item: Any, strength: float = 1.0) -> None:
    """Place an element behind everything, as its Backdrop placement does."""
    _lit(backdrop.place(item, bpy.context.scene).active_material, item, strength)


def faded(made: Any, left: float = 0, right: float = 0, bottom: float = 0, top: float = 0) -> Any:
    """Let a sheet's material fade out towards its edges, over these shares of it."""
    nodes = Nodes(made.node_tree)
    place = nodes.new("ShaderNodeSeparateXYZ", Vector=nodes.layer(WHOLE)).outputs
    edges = ((place["X"], left, 0), (place["X"], right, 1), (place["Y"], bottom, 0), (place["Y"], top, 1))
    mask: Any = 1.0
    for along, share, edge in edges:
        if share:
            mask = nodes.math("MULTIPLY", mask, nodes.ranged(along, edge, abs(edge - share)))
    return masked(made, mask)


def rounded(made: Any, inner: float, outer: float, middle: tuple[float, float] = (0.5, 0.5)) -> Any:
    """Let a sheet's material fade out between two distances from a place on it, in its widths."""
    nodes = Nodes(made.node_tree)
    distance = nodes.new("ShaderNodeVectorMath", operation="DISTANCE")
    nodes.link(nodes.layer(WHOLE), distance.inputs[0])
    distance.inputs[1].default_value = (*middle, 0)
    return masked(made, nodes.ranged(distance.outputs["Value"], outer, inner))


def masked(made: Any, mask: Any) -> Any:
    """Let a material be seen as far as a socket says."""
    nodes = Nodes(made.node_tree)
    output = _output(made)
    mix = nodes.new("ShaderNodeMixShader", Fac=mask)
    nodes.link(nodes.new("ShaderNodeBsdfTransparent").outputs[0], mix.inputs[1])
    nodes.link(output.inputs["Surface"].links[0].from_socket, mix.inputs[2])
    nodes.link(mix.outputs[0], output.inputs["Surface"])
    return made


def _lit(made: Any, item: Any, strength: float) -> Any:
    node = splice.node_of(made.node_tree, item)
    assert node is not None, "it was placed there"
    node.inputs["Strength"].default_value = strength
    made.cycles.emission_sampling = "NONE"
    return made


def _output(made: Any) -> Any:
    return made.node_tree.get_output_node("CYCLES")
