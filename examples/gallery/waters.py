# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes in and on the water: caustics, the sea, ink."""

from __future__ import annotations

import math
import random
from typing import Any

from .matter import faded, glass, glowing, hazy, rough, rounded, show, slide, surface
from .shapes import box, card, cone, ground, lathe, outline, rock, stretch
from .stage import add, camera, lamp, sky, sun
from .subject import LOOP, subject


@subject(pixels=(256, 256), tile="xy", element=128, seed=4, scale=0.6, sharpness=0.8)
def caustics(item: Any) -> None:
    """A sunken temple: the element is a slide between the sun and the ground."""
    camera((0, -8, 1.5), (0, 0, 1.55), lens=30)
    deep = (0.012, 0.16, 0.22)
    sky(deep, (0.04, 0.33, 0.4), rise=0.7, light=1.2)
    stone = hazy(rough(surface("Stone", (0.5, 0.5, 0.44)), 2.0, (0.32, 0.37, 0.32)), deep, 6, 24)
    sand = hazy(rough(surface("Sand", (0.62, 0.56, 0.42)), 6.0, (0.5, 0.46, 0.36)), deep, 6, 24)
    weed = hazy(surface("Weed", (0.05, 0.22, 0.1)), deep, 6, 24)

    def dunes(x: float, y: float) -> float:
        return 0.12 * math.sin(0.9 * x + 0.5 * math.sin(0.8 * y)) + 0.05 * math.sin(2.1 * y + x)

    ground("Sand", (-24, 24), (-9, 32), sand, dunes, steps=90)
    for i, (x, y, height) in enumerate(
        ((-3.4, 1.5, 3.6), (3.4, 1.5, 1.7), (-3.6, 6, 4.4), (3.6, 6, 4.4), (-3.8, 11, 4.4), (3.8, 11, 4.4))
    ):
        box("Plinth", (1.3, 1.3, 0.35), (x, y, -0.05), stone, turn=(0, 0, 5 * i))
        cone("Pillar", 0.46, 0.4, height, (x, y, 0.3), stone, sides=12)
        if height > 4:
            box("Capital", (1.2, 1.2, 0.3), (x, y, height + 0.3), stone)
    for x in (-3.7, 3.7):
        box("Lintel", (0.9, 7.5, 0.6), (x, 8.5, 5.0), stone)
    cone("Fallen", 0.4, 0.42, 2.4, (1.2, -1.0, 0.38), stone, sides=12, turn=(0, 90, 28))
    amphora = ((0.0, 0.0), (0.16, 0.02), (0.42, 0.5), (0.46, 0.85), (0.3, 1.2), (0.14, 1.36), (0.13, 1.6), (0.22, 1.68))
    lathe(
        "Amphora", amphora, (-1.5, -1.6, -0.05), hazy(surface("Clay", (0.55, 0.26, 0.13)), deep, 6, 24)
    ).rotation_euler.x = 0.12
    draw = random.Random(2)
    for i in range(26):
        x, y = draw.uniform(-6, 6), draw.uniform(-3, 9)
        size = draw.uniform(0.1, 0.4)
        rock("Pebble", (size, size, 0.6 * size), (x, y, dunes(x, y)), stone, seed=i)
    for _ in range(40):
        x, y = draw.choice((-1, 1)) * draw.uniform(2.2, 5.5), draw.uniform(-3.5, 5)
        cone(
            "Weed",
            0.05,
            0.0,
            draw.uniform(0.5, 1.3),
            (x, y, dunes(x, y)),
            weed,
            6,
            (draw.uniform(-14, 14), draw.uniform(-14, 14), 0),
        )
    surface_above = ground("Slide", (-30, 30), (-30, 40), slide(item, gain=2.2))
    surface_above.location.z = 9
    surface_above.visible_camera = surface_above.visible_diffuse = surface_above.visible_glossy = False
    stretch(surface_above, 7, 8)
    sun((0.4, 0.65, -1), 6.5, (0.85, 1.0, 0.95), width=0.0)


@subject(pixels=(1536, 1024), tile="xy", element=256, seed=6, roughness=0.45, scale=0.5, glitter=0.7)
def ocean(item: Any) -> None:
    """The open sea at sundown, with a sailing boat."""
    camera((0, -14, 2.6), (0, 0, 2.9), lens=32)
    haze = (0.95, 0.5, 0.26)
    sky(haze, (0.75, 0.42, 0.36), (0.22, 0.26, 0.42), (0.06, 0.11, 0.26), rise=0.6)
    sea = ground("Sea", (-240, 240), (-13, 307))
    stretch(sea, 10, 10)
    hazy(show(item, sea, 0.9), haze, 30, 260)
    hull = surface("Hull", (0.025, 0.02, 0.02), roughness=0.5)
    sail = surface("Sail", (0.1, 0.05, 0.04))
    boat = add("Boat", None, (-2.6, 4, 0.1))
    parts = (
        outline(
            "Hull", ((-2.0, 0.75), (-1.5, -0.1), (1.4, -0.1), (2.2, 0.9), (1.2, 0.6), (-1.0, 0.55)), (0, 0, 0), hull
        ),
        outline("Main", ((-0.05, 1.0), (-0.05, 5.2), (-2.1, 1.05)), (0, 0, 0), sail),
        outline("Jib", ((0.2, 1.0), (0.12, 4.7), (2.0, 1.0)), (0, 0, 0), sail),
        cone("Mast", 0.05, 0.03, 5.0, (0.06, 0, 0.4), hull, sides=8),
    )
    for part in parts:
        part.parent = boat
    _swing(boat, 1, 2.2)
    light = outline(
        "Sun",
        [(math.cos(a), math.sin(a)) for a in (math.tau * i / 48 for i in range(48))],
        (34, 240, 15),
        glowing("Sun", (1.0, 0.85, 0.55), 1.6),
    )
    light.scale = (11, 1, 11)
    sun((-0.5, -1, -0.3), 2.0, (1.0, 0.6, 0.35))


@subject(pixels=(384, 256), tile="x", seed=9, density=0.6, hue=0.3)
def ink(item: Any) -> None:
    """Ink that sinks through a tank of clear water."""
    camera((1.0, -6.4, 1.7), (0, 0, 1.12), lens=44)
    sky((0.1, 0.15, 0.17), (0.05, 0.08, 0.1), rise=0.7)
    light = card("Light", 17, 11, (0, 7, -3.2))
    light.data.materials.append(glowing("Light", (0.86, 0.9, 0.88)))
    light.visible_diffuse = False
    rounded(light.active_material, 0.0, 0.52)
    ground("Table", (-20, 20), (-10, 6), surface("Table", (0.07, 0.035, 0.022), roughness=0.1))
    water, rim = glass("Water", (0.9, 0.96, 0.97), shine=0.5), surface("Rim", (0.1, 0.2, 0.22), roughness=0.2)
    width, depth, height = 3.3, 1.5, 2.1
    box("Water", (width, depth, height - 0.14), (0, 0, 0.08), water).visible_shadow = False
    box("Foot", (width + 0.1, depth + 0.1, 0.08), (0, 0, 0), surface("Foot", (0.03, 0.035, 0.04), roughness=0.9))
    for side in (-1, 1):
        for y in (-depth / 2, depth / 2):
            box("Edge", (0.03, 0.03, height), (side * width / 2, y, 0.08), rim)
        for z in (0.08, height + 0.06):
            box("Edge", (width, 0.03, 0.03), (0, side * depth / 2, z), rim)
            box("Edge", (0.03, depth, 0.03), (side * width / 2, 0, z), rim)
    veil = card("Ink", width - 0.1, height - 0.16, (0, 0, 0.09))
    faded(show(item, veil), left=0.12, right=0.12)
    lamp("Lamp", (-2.5, -3, 5), 220, (1.0, 0.9, 0.75))


def _swing(thing: Any, turns: int, angle: float) -> None:
    """Let a thing rock, so many times a loop."""
    driver = thing.driver_add("rotation_euler", 1).driver
    driver.expression = f"{math.radians(angle)} * sin(frame * {math.tau * turns / LOOP})"
