# SPDX-License-Identifier: GPL-3.0-or-later
"""The backdrop placement: a plane that fills the camera's view, seen by camera rays only.

Drivers follow lens, shift, sensor fit and render size; ``distance`` is the plane's own property. The picture keeps
its aspect and covers the view; an element that stands on its base stands on the view's lower edge.
"""

from __future__ import annotations

from typing import Any

import bpy
from mathutils import Vector

from ..errors import SceneError
from . import images, made, material, shader
from .drivers import drive

KIND = "BACKDROP"
UNSEEN_BY = ("diffuse", "glossy", "transmission", "volume_scatter", "shadow")
SURFACES = {"MESH", "CURVE", "SURFACE", "FONT", "META"}
NEAREST, BEYOND, INSIDE_CLIP = 10.0, 1.25, 0.95  # metres; times the farthest object; times the clip end

# Of the drivers; ``pixel`` is the size of a render pixel at the plane.
_X, _Y = "rx * ax", "ry * ay"
_SIDE = f"({_X} if fit == 1 else {_Y} if fit == 2 else max({_X}, {_Y}))"  # what the sensor fit goes by
_PIXEL = f"(os if type == 1 else (sh if fit == 2 else sw) / lens * d) / {_SIDE}"


def check(_group: Any, scene: Any) -> None:
    """Refuse a scene that cannot take a backdrop.

    Raises:
        SceneError: it has no camera with a flat view, or is linked.
    """
    if scene.library:
        raise SceneError(f"Scene {scene.name} is linked from another file; place the element in a scene of this one.")
    camera = scene.camera
    if camera is None:
        raise SceneError(f"Scene {scene.name} has no camera for a backdrop; add one.")
    if camera.data.type not in {"PERSP", "ORTHO"}:
        raise SceneError(f"Camera {camera.name} has no flat view to fill; set its lens to Perspective or Orthographic.")


def place(group: Any, scene: Any) -> Any:
    """Put an item behind everything that the scene's camera sees; returns the plane (bpy.types.Object).

    Raises:
        SceneError: the item has no frames yet, or the scene has no camera with a flat view.
    """
    image = shader.require_image(group)
    check(group, scene)
    plane = next(iter(made.find(scene.objects, group, KIND)), None)
    if plane is None:
        plane = _new_plane(group)
        plane["distance"] = _distance(scene, scene.camera)
        scene.collection.objects.link(plane)
    plane.parent = scene.camera
    _drive(plane, scene, scene.camera, image)
    return plane


def refit(group: Any) -> None:
    """Fit all backdrops of an item to its new frames."""
    for plane in places(group):
        if plane.parent is not None and plane.users_scene:
            _drive(plane, plane.users_scene[0], plane.parent, shader.require_image(group))


def places(group: Any) -> list[Any]:
    """All backdrops of an item (bpy.types.Object)."""
    return made.find(bpy.data.objects, group, KIND)


def remove(group: Any) -> None:
    """Delete all backdrops of an item, with their meshes and materials."""
    made.remove_objects(places(group))
    made.purge(group, KIND)


def _new_plane(group: Any) -> Any:
    name = f"{group.name} backdrop"
    mesh = made.mark(bpy.data.meshes.new(name), group, KIND)
    mesh.from_pydata([(-0.5, -0.5, 0), (0.5, -0.5, 0), (0.5, 0.5, 0), (-0.5, 0.5, 0)], [], [(0, 1, 2, 3)])
    mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", [0, 0, 1, 0, 1, 1, 0, 1])
    mesh.materials.append(material.shown_alone(group, name, KIND))
    plane = made.mark(bpy.data.objects.new(name, mesh), group, KIND)
    plane["distance"], plane["pixel"] = NEAREST, 1.0
    plane.id_properties_ui("distance").update(min=0.0, subtype="DISTANCE", description="Distance from the camera")
    for ray in UNSEEN_BY:
        setattr(plane, f"visible_{ray}", False)
    return plane


def _distance(scene: Any, camera: Any) -> float:
    """Metres from the camera: behind everything that has a surface, and within what the camera shows."""
    to_camera = camera.matrix_world.inverted()
    depths = [
        -(to_camera @ other.matrix_world @ Vector(corner)).z
        for other in scene.objects
        if other.type in SURFACES and other.get(made.MADE) != KIND
        for corner in other.bound_box
    ]
    return min(max(NEAREST, BEYOND * max(depths, default=0.0)), INSIDE_CLIP * camera.data.clip_end)


def _drive(plane: Any, scene: Any, camera: Any, image: Any) -> None:
    recipe = images.recipe_of(image)
    width, height = recipe.width, recipe.height
    cover = f"max({_X} / {width}, {_Y} / {height}) * pixel"
    raised = f" + ({cover} * {height} - {_Y} * pixel) / 2" if image[images.STANDS] else ""
    sources = {
        "d": (plane, '["distance"]'),
        "pixel": (plane, '["pixel"]'),
        "rx": (scene, "render.resolution_x"),
        "ry": (scene, "render.resolution_y"),
        "ax": (scene, "render.pixel_aspect_x"),
        "ay": (scene, "render.pixel_aspect_y"),
        "type": (camera, "data.type"),
        "lens": (camera, "data.lens"),
        "os": (camera, "data.ortho_scale"),
        "fit": (camera, "data.sensor_fit"),
        "sw": (camera, "data.sensor_width"),
        "sh": (camera, "data.sensor_height"),
        "sx": (camera, "data.shift_x"),
        "sy": (camera, "data.shift_y"),
    }
    for path, index, expression in (
        ('["pixel"]', -1, _PIXEL),
        ("location", 0, f"sx * {_SIDE} * pixel"),
        ("location", 1, f"sy * {_SIDE} * pixel{raised}"),
        ("location", 2, "-d"),
        ("scale", 0, f"{cover} * {width}"),
        ("scale", 1, f"{cover} * {height}"),
    ):
        plane.driver_remove(path, index)
        drive(plane.driver_add(path, index).driver, expression, sources)
