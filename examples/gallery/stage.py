# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera, the light and the air of a scene. Lengths are in metres, energies in watts, angles in degrees."""

from __future__ import annotations

import math
from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from aigc_blender.scene import images, shader

from .nodes import Nodes
from .subject import FPS, LOOP

Point = tuple[float, float, float]
Colour = tuple[float, float, float]


def empty() -> Any:
    """A file with nothing but a dark scene of the gallery's length (bpy.types.Scene)."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.render.fps = 1, LOOP, FPS
    scene.world = bpy.data.worlds.new("World")
    scene.world.use_nodes = True
    # The map by which Cycles finds bright places in the sky is made anew every frame: by itself, for a whole second.
    scene.world.cycles.sampling_method, scene.world.cycles.sample_map_resolution = "MANUAL", 64
    return scene


def add(name: str, data: Any, at: Point = (0, 0, 0), turn: Point = (0, 0, 0)) -> Any:
    """Put data into the scene as an object (bpy.types.Object), turned about the three axes."""
    thing = bpy.data.objects.new(name, data)
    thing.location, thing.rotation_euler = at, [math.radians(angle) for angle in turn]
    bpy.context.scene.collection.objects.link(thing)
    return thing


def aimed(thing: Any, at: Point) -> Any:
    """Turn a camera or lamp towards a place."""
    thing.rotation_euler = (Vector(at) - thing.location).to_track_quat("-Z", "Y").to_euler()
    return thing


def camera(place: Point, at: Point, lens: float = 35) -> None:
    """What the picture is taken with."""
    scene = bpy.context.scene
    scene.camera = aimed(add("Camera", bpy.data.cameras.new("Camera"), place), at)
    scene.camera.data.lens = lens
    bpy.context.view_layer.update()  # a backdrop asks where the camera is


def lamp(name: str, at: Point, energy: float, colour: Colour = (1, 1, 1), radius: float = 0.1) -> Any:
    """A lamp that shines everywhere (bpy.types.Object)."""
    light = bpy.data.lights.new(name, "POINT")
    light.energy, light.color, light.shadow_soft_size = energy, colour, radius
    return add(name, light, at)


def sun(towards: Point, strength: float, colour: Colour = (1, 1, 1), width: float = 0.5) -> Any:
    """Parallel light in a direction (bpy.types.Object)."""
    light = bpy.data.lights.new("Sun", "SUN")
    light.energy, light.color, light.angle = strength, colour, math.radians(width)
    return aimed(add("Sun", light), towards)


def sky(*colours: Colour, rise: float = 0.5, light: float = 1.0) -> None:
    """A gradient from the horizon up to the height ``rise`` (1: the zenith); ``light`` is what it sheds on things."""
    nodes = Nodes(bpy.context.scene.world.node_tree)
    background = nodes.tree.nodes["Background"]
    height = nodes.new("ShaderNodeSeparateXYZ", Vector=nodes.new("ShaderNodeTexCoord").outputs["Generated"])
    place = nodes.ranged(height.outputs["Z"], 0, rise)
    nodes.link(nodes.gradient(place, colours), background.inputs["Color"])
    seen = nodes.new("ShaderNodeLightPath").outputs["Is Camera Ray"]
    nodes.link(nodes.ranged(seen, 0, 1, light, 1.0), background.inputs["Strength"])


def stars(brightness: float = 1.0, size: float = 0.06) -> None:
    """Stars of many magnitudes in the sky."""
    nodes = Nodes(bpy.context.scene.world.node_tree)
    background = nodes.tree.nodes["Background"]
    before = background.inputs["Color"].links[0].from_socket
    cells = nodes.new("ShaderNodeTexVoronoi", Vector=nodes.new("ShaderNodeTexCoord").outputs["Generated"], Scale=60.0)
    magnitude = nodes.math("POWER", nodes.new("ShaderNodeSeparateColor", Color=cells.outputs["Color"]).outputs[0], 6.0)
    disc = nodes.ranged(cells.outputs["Distance"], size, 0.5 * size)
    glow = nodes.math("MULTIPLY", nodes.math("MULTIPLY", disc, magnitude), brightness)
    both = nodes.new("ShaderNodeVectorMath", operation="ADD")
    nodes.link(before, both.inputs[0])
    nodes.link(glow, both.inputs[1])
    nodes.link(both.outputs[0], background.inputs["Color"])


def flicker(light: Any, item: Any, share: float = 1.0) -> None:
    """Key a lamp's energy to the brightness of an element's frames; ``share`` of it follows them."""
    image = shader.require_image(item)
    first = bpy.path.abspath(image.filepath)
    levels = np.array([_brightness(first, number) for number in images.frames_of(image)])
    energy = light.data.energy
    for number, level in zip(images.frames_of(image), levels / max(levels.mean(), 1e-6), strict=True):
        light.data.energy = energy * (1 + share * (level - 1))
        light.data.keyframe_insert("energy", frame=number)


def _brightness(first: str, number: int) -> float:
    stem, _, suffix = first.rsplit(".", 2)
    frame = bpy.data.images.load(f"{stem}.{number:04d}.{suffix}")
    pixels = np.empty(len(frame.pixels), np.float32)
    frame.pixels.foreach_get(pixels)
    bpy.data.images.remove(frame)
    return float(pixels.reshape(-1, 4)[:, :3].mean())
