# SPDX-License-Identifier: GPL-3.0-or-later
"""The material placement: an item's shader over the surface of an object."""

from __future__ import annotations

from typing import Any

import bpy

from ..errors import SceneError
from . import compat, shader

# Custom properties that say what was made here, for which kind of placement, and goes when that goes.
MADE, SLOT = "aigc_made", "aigc_slot"
WITHOUT_NODES = "aigc_without_nodes"


def check(target: Any) -> None:
    """Refuse an object that cannot take a material.

    Raises:
        SceneError: says why.
    """
    if target is None:
        raise SceneError("There is no active object to take the material; select one.")
    if target.library or (target.data is not None and target.data.library):
        raise SceneError(f"Object {target.name} is linked from another file; make it local or choose another.")
    if not hasattr(target.data, "materials") or target.type in {"VOLUME", "GREASEPENCIL", "GPENCIL"}:
        raise SceneError(f"Object {target.name} has no surface for a material; select a mesh.")
    if target.type == "MESH" and not target.data.uv_layers:
        raise SceneError(f"Object {target.name} has no UV map to lay the texture on; unwrap it.")
    material = target.active_material
    if material is not None and material.library:
        raise SceneError(f"Material {material.name} is linked from another file; make it local or choose another.")


def place(group: Any, target: Any) -> None:
    """Put an item over the surface of an object's active material, or into a new material.

    The surface that was there shows through where the element is transparent.

    Raises:
        SceneError: the object cannot show a texture.
    """
    check(target)
    shader.require_image(group)
    material = target.active_material or _new_material(group, target)
    switched = compat.use_nodes(material)
    tree = material.node_tree
    if node_in(tree, group):
        return
    output = tree.get_output_node("ALL") or _mark(tree.nodes.new("ShaderNodeOutputMaterial"))
    surface = output.inputs["Surface"]
    node = tree.nodes.new("ShaderNodeGroup")
    node.node_tree = group
    node[WITHOUT_NODES] = switched
    node.location = (output.location.x - 200, output.location.y + 200)
    behind = surface.links[0].from_socket if surface.links else _transparent(tree, node).outputs[0]
    tree.links.new(behind, node.inputs["Behind"])
    tree.links.new(node.outputs["Shader"], surface)


def places(group: Any) -> list[Any]:
    """The materials that an item is placed in (bpy.types.Material), backdrops' own left out."""
    mine = [m for m in bpy.data.materials if not m.library and m.node_tree and node_in(m.node_tree, group)]
    return [m for m in mine if m.get(MADE) != "BACKDROP"]


def remove(group: Any, material: Any) -> None:
    """Take an item out of a material and leave that as it was before; a material made for it goes."""
    tree = material.node_tree
    node = node_in(tree, group)
    if node is None:
        return
    if material.get(MADE):
        _discard(material)
        return
    behind = next((link.from_socket for link in node.inputs["Behind"].links), None)
    surfaces = [link.to_socket for link in node.outputs["Shader"].links]
    without_nodes = node[WITHOUT_NODES]
    tree.nodes.remove(node)
    if behind is not None and behind.node.get(MADE):
        tree.nodes.remove(behind.node)
    elif behind is not None:
        for surface in surfaces:
            tree.links.new(behind, surface)
    for made in [s.node for s in surfaces if s.node.get(MADE)]:
        tree.nodes.remove(made)
    if without_nodes:
        compat.stop_using_nodes(material)


def node_in(tree: Any, group: Any) -> Any | None:
    """The node of a material's tree that shows an item, or None."""
    return next((n for n in tree.nodes if n.bl_idname == "ShaderNodeGroup" and n.node_tree == group), None)


def shown_alone(group: Any, name: str, kind: str) -> Any:
    """A new material, for a kind of placement, that shows nothing but the item."""
    material = bpy.data.materials.new(name)
    material[MADE] = kind
    compat.use_nodes(material)
    tree = material.node_tree
    tree.nodes.clear()
    node, output = tree.nodes.new("ShaderNodeGroup"), tree.nodes.new("ShaderNodeOutputMaterial")
    node.node_tree = group
    node[WITHOUT_NODES] = False
    output.location = (300, 0)
    tree.links.new(_transparent(tree, node).outputs[0], node.inputs["Behind"])
    tree.links.new(node.outputs["Shader"], output.inputs["Surface"])
    return material


def _new_material(group: Any, target: Any) -> Any:
    material = shown_alone(group, group.name, "MATERIAL")
    if target.material_slots:
        target.active_material = material
    else:
        target.data.materials.append(material)
        material[SLOT] = True
    return material


def _discard(material: Any) -> None:
    owners = [o.data for o in bpy.data.objects if list(getattr(o.data, "materials", ())) == [material]]
    made_slot = material.get(SLOT)
    bpy.data.materials.remove(material)
    for data in owners if made_slot else ():
        data.materials.clear()  # pop() would leave the objects' own count of slots behind


def _transparent(tree: Any, node: Any) -> Any:
    transparent = _mark(tree.nodes.new("ShaderNodeBsdfTransparent"))
    transparent.location = (node.location.x - 220, node.location.y)
    return transparent


def _mark(node: Any) -> Any:
    node[MADE] = True
    return node
