# SPDX-License-Identifier: GPL-3.0-or-later
"""The light of a card: a point light as bright as the element's own frames, keyed frame by frame.

A card of area A and mean radiance L gives 2 pi A L watts from its two sides, and so does its light: it lights a scene
in EEVEE as the card's emission does in Cycles.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

import bpy

from . import compat, images, made
from .brightness import LUMINANCE, Brightness, measure

KIND = "CARD_LIGHT"
RADIUS = 0.2  # of the card's height: soft shadows
SOURCE = "aigc_source"  # custom property of the light: what its keyframes were measured on


def fit(group: Any, card: Any, image: Any, size: tuple[float, float], low: float) -> None:
    """Make or adjust a card's light.

    Args:
        group: The item.
        card: Its card (bpy.types.Object).
        image: The item's image.
        size: Width and height of the card in metres.
        low: Height of its lower edge over its origin in metres.
    """
    lamp = next((o for o in made.find(bpy.data.objects, group, KIND) if o.parent == card), None)
    if lamp is None:
        lamp = _new(group, card)
    light, drawn = lamp.data, hashlib.sha256(image[images.RECIPE].encode()).hexdigest()
    pace = _pace(card)
    source = f"{image.filepath} {list(images.frames_of(image))} {size} {drawn} {pace}"
    if light.get(SOURCE) == source:
        return
    brightness = measure(image)
    (width, height), (x, y) = size, brightness.centre
    lamp.location = ((x - 0.5) * width, 0.0, low + y * height)
    light.shadow_soft_size = RADIUS * height
    light.color = brightness.colour
    _key(group, light, brightness, 2 * math.pi * width * height, images.recipe_of(image).loop, pace)
    light[SOURCE] = source


def remove(group: Any, card: Any | None = None) -> None:
    """Delete the lights of an item, or of one of its cards."""
    lamps = [o for o in made.find(bpy.data.objects, group, KIND) if card is None or o.parent == card]
    for light in {o.data for o in lamps}:
        _forget(light)
    made.remove_objects(lamps)
    made.purge(group, KIND)


def _new(group: Any, card: Any) -> Any:
    name = f"{group.name} light"
    light = made.mark(bpy.data.lights.new(name, "POINT"), group, KIND)
    lamp = made.mark(bpy.data.objects.new(name, light), group, KIND)
    lamp.parent = card
    for collection in card.users_collection:
        collection.objects.link(lamp)
    return lamp


def _pace(card: Any) -> float:
    """How much of a frame passes for keyframes while a card's pictures go on by one: a scene's frame map is for keyframes alone."""
    render = next((scene.render for scene in card.users_scene), None)
    return render.frame_map_old / render.frame_map_new if render else 1.0


def _key(group: Any, light: Any, brightness: Brightness, watts: float, loop: int | None, pace: float) -> None:
    """Energy that gives the frames' luminance in the light's one colour; a loop's curve repeats."""
    _forget(light)
    if not brightness.means:
        light.energy = 0.0
        return
    per_watt = float(brightness.colour @ LUMINANCE)
    energies = {frame: watts * brightness.luminance(frame) / per_watt for frame in brightness.means}
    first = min(energies)
    if loop is not None:
        energies[first + loop] = energies[first]
    light.energy = energies[first]
    light.keyframe_insert("energy", frame=first)
    made.mark(light.animation_data.action, group, KIND)
    (curve,) = compat.fcurves(light)
    points = curve.keyframe_points
    points.add(len(energies) - 1)
    points.foreach_set(
        "co", [number for frame, energy in sorted(energies.items()) for number in (pace * frame, energy)]
    )
    for point in points:
        point.interpolation = "LINEAR"
    curve.update()
    if loop is not None:
        curve.modifiers.new("CYCLES")


def _forget(light: Any) -> None:
    """Delete a light's keyframes."""
    action = light.animation_data.action if light.animation_data else None
    light.animation_data_clear()
    if action is not None and not action.users:
        bpy.data.actions.remove(action)
