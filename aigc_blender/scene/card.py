# SPDX-License-Identifier: GPL-3.0-or-later
"""The card placement: an upright plane of real height that shows an item alone and may turn to the camera.

Its base is at its origin where the element stands, its middle elsewhere. What glows casts no shadow, as a flame casts
none; smoke casts one of its own density, since the material lets light through where the element is transparent.
"""

from __future__ import annotations

from typing import Any

import bpy
from mathutils import Vector

from ..errors import SceneError
from . import card_light, images, made, material, shader

KIND = "CARD"
FACING = "Face Camera"  # the constraint's name
SOLID = {"MESH", "CURVE", "SURFACE", "META", "FONT"}
LARGER = 2.0  # times a card's length, from which on an object is a room rather than something that it got into
SPOTS = (0.1, 0.3, 0.5, 0.7, 0.9)  # of a card's height, at which it is looked for in others
HIDDEN = 2  # of these spots: a card at the middle of a cube as high as itself


def check(_group: Any, scene: Any) -> None:
    """Refuse a scene that cannot take a card.

    Raises:
        SceneError: it is linked.
    """
    if scene.library:
        raise SceneError(f"Scene {scene.name} is linked from another file; place the element in a scene of this one.")


def place(group: Any, scene: Any) -> Any:
    """Stand an item at the 3D cursor; returns the card (bpy.types.Object).

    Raises:
        SceneError: the item has no frames yet, or the scene is linked.
    """
    check(group, scene)
    image = shader.require_image(group)
    card = next(iter(made.find(scene.objects, group, KIND)), None)
    if card is None:
        card = _new(group)
        card.location = scene.cursor.location
        scene.collection.objects.link(card)
    _fit(group, card, image)
    return card


def places(group: Any) -> list[Any]:
    """All cards of an item (bpy.types.Object)."""
    return made.find(bpy.data.objects, group, KIND)


def refit(group: Any) -> None:
    """Fit all cards of an item to its frames and settings."""
    for card in places(group):
        _fit(group, card, shader.require_image(group))


def hidden_in(card: Any, scene: Any) -> Any | None:
    """The object (bpy.types.Object) of about a card's size around much of it, as the first cube of a new file is; or None."""
    if len(card.data.vertices) != 4:  # someone has modelled it further
        return None
    corners = [card.matrix_basis @ Vector(vertex.co) for vertex in card.data.vertices]
    foot, top = (corners[0] + corners[1]) / 2, (corners[2] + corners[3]) / 2
    spots = [foot.lerp(top, share) for share in SPOTS]
    most = LARGER * max((corners[1] - corners[0]).length, (top - foot).length)
    for other in scene.objects:
        if other.type in SOLID and not other.hide_render and max(other.dimensions) <= most:
            into, low, high = other.matrix_world.inverted_safe(), other.bound_box[0], other.bound_box[6]
            inside = [all(a < x < b for a, x, b in zip(low, into @ spot, high, strict=True)) for spot in spots]
            if sum(inside) >= HIDDEN:
                return other
    return None


def remove(group: Any) -> None:
    """Delete all cards of an item, with their meshes, materials and lights."""
    card_light.remove(group)
    made.remove_objects(places(group))
    made.purge(group, KIND)


def _new(group: Any) -> Any:
    name = f"{group.name} card"
    mesh = made.mark(bpy.data.meshes.new(name), group, KIND)
    mesh.from_pydata([(-1, 0, 0), (1, 0, 0), (1, 0, 1), (-1, 0, 1)], [], [(0, 1, 2, 3)])
    mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", [0, 0, 1, 0, 1, 1, 0, 1])
    mesh.materials.append(material.shown_alone(group, name, KIND))
    return made.mark(bpy.data.objects.new(name, mesh), group, KIND)


def _fit(group: Any, card: Any, image: Any) -> None:
    recipe, height = images.recipe_of(image), group.aigc.card_height
    half = height * recipe.width / recipe.height / 2
    low = 0.0 if image[images.STANDS] else -height / 2
    high = low + height
    if len(card.data.vertices) == 4:  # else someone has modelled it further
        card.data.vertices.foreach_set("co", [-half, 0, low, half, 0, low, half, 0, high, -half, 0, high])
        card.data.update()
    card.visible_shadow = not image.get(images.EMISSIVE, True)
    _face_camera(card, on=group.aigc.card_faces_camera)
    lit = group.aigc.card_light and bool(card.users_scene)
    if lit:
        card_light.fit(group, card, image, (2 * half, height), low)
    else:
        card_light.remove(group, card)
    card.visible_diffuse = not lit  # the light stands in for the card's own, which Cycles alone would trace


def _face_camera(card: Any, *, on: bool) -> None:
    constraint = card.constraints.get(FACING)
    camera = card.users_scene[0].camera if card.users_scene else None
    if not on or camera is None:
        if constraint is not None:
            card.constraints.remove(constraint)
        return
    if constraint is None:
        constraint = card.constraints.new("LOCKED_TRACK")
        constraint.name = FACING
        constraint.track_axis, constraint.lock_axis = "TRACK_NEGATIVE_Y", "LOCK_Z"
    constraint.target = camera
