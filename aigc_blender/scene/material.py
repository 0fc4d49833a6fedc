# SPDX-License-Identifier: GPL-3.0-or-later
"""The material placement: an item's shader over the surface of an object."""

from __future__ import annotations

from typing import Any

import bpy

from ..errors import SceneError
from . import compat, item, made, shader, splice

KIND = "MATERIAL"
SLOT = "aigc_slot"  # custom property of a material: it was made with its slot
WITHOUT_NODES = "aigc_without_nodes"  # of a node: its tree was switched on for it


def check(_group: Any, target: Any) -> None:
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
    if material is not None and item.is_linked(material):
        raise SceneError(f"Material {material.name} is linked from another file; make it local or choose another.")
    if material is not None and material.get(made.MADE, KIND) != KIND:
        raise SceneError(f"Object {target.name} was made to show an element alone; select another object.")
    if material is None and target.data.override_library:  # Blender would not save that it has one
        raise SceneError(
            f"Object {target.name} has its data from another file, where no material can be added; "
            "make it local or choose another."
        )


def place(group: Any, target: Any) -> None:
    """Put an item over the surface of an object's active material, or into a new material.

    The surface that was there shows through where the element is transparent.

    Raises:
        SceneError: the object cannot show a texture.
    """
    check(group, target)
    shader.require_image(group)
    material = target.active_material or _new_material(group, target)
    switched = compat.use_nodes(material)
    tree = material.node_tree
    if splice.node_of(tree, group):
        return
    output = tree.get_output_node("ALL") or splice.mark(tree.nodes.new("ShaderNodeOutputMaterial"))
    node = tree.nodes.new("ShaderNodeGroup")
    node.node_tree = group
    node[WITHOUT_NODES] = switched
    node.location = (output.location.x - 200, output.location.y + 200)
    splice.insert(node, output.inputs["Surface"], "Behind", "Shader", lambda: _transparent(tree, node))


def places(group: Any) -> list[Any]:
    """The materials that an item is placed in (bpy.types.Material), other placements' own left out."""
    return [material for material, _ in _shown(group)]


def refit(_group: Any) -> None:
    """Nothing: the item's own shader has changed with its frames."""


def remove(group: Any) -> None:
    """Take an item out of all materials, which are as before then; one made for it goes with it if nothing else is in it."""
    for material, node in _shown(group):
        switched = splice.hand_on(node, WITHOUT_NODES)
        splice.extract(node, "Behind", "Shader")
        if material.get(made.MADE) and splice.is_bare(material.node_tree):
            _discard(material)
        elif switched:
            compat.stop_using_nodes(material)
    made.purge(group, KIND)


def shown_alone(group: Any, name: str, kind: str) -> Any:
    """A new material, for a kind of placement, that shows nothing but the item."""
    material = made.mark(bpy.data.materials.new(name), group, kind)
    material.surface_render_method = "BLENDED"  # EEVEE's dithering would drop what glows where alpha is 0
    compat.use_nodes(material)
    tree = material.node_tree
    tree.nodes.clear()
    node, output = tree.nodes.new("ShaderNodeGroup"), tree.nodes.new("ShaderNodeOutputMaterial")
    node.node_tree = group
    node[WITHOUT_NODES] = False
    output.location = (300, 0)
    splice.insert(node, output.inputs["Surface"], "Behind", "Shader", lambda: _transparent(tree, node))
    return material


def _shown(group: Any) -> list[tuple[Any, Any]]:
    """The materials that an item is placed in, each with the node that shows it."""
    materials = [m for m in bpy.data.materials if not m.library and m.node_tree and m.get(made.MADE, KIND) == KIND]
    return [(m, node) for m in materials if (node := splice.node_of(m.node_tree, group))]


def _new_material(group: Any, target: Any) -> Any:
    material = shown_alone(group, group.name, KIND)
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
    transparent = splice.mark(tree.nodes.new("ShaderNodeBsdfTransparent"))
    transparent.location = (node.location.x - 220, node.location.y)
    return transparent.outputs[0]
