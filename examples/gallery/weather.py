# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes with an element before them or in a frame: rain, snow, a field of energy."""

from __future__ import annotations

import math
import random
from typing import Any

from .matter import glowing, hazy, masonry, rough, rounded, show, surface
from .shapes import box, card, cone, fir, ground, outline, rock, stretch
from .stage import camera, flicker, lamp, sky, stars, sun
from .subject import subject


@subject(pixels=(576, 320), tile="xy", element=192, seed=3, density=0.7, wind=0.3, length=0.6)
def rain(item: Any) -> None:
    """Rain in a street at night, brightest around the lamp."""
    camera((0, -9, 1.5), (0, 0, 2.2), lens=30)
    air = (0.018, 0.028, 0.05)
    sky((0.03, 0.045, 0.08), (0.006, 0.01, 0.022), rise=0.6)
    road = hazy(rough(surface("Road", (0.025, 0.027, 0.032), roughness=0.16), 0.9, (0.012,) * 3, bump=0.12), air, 8, 60)
    ground("Road", (-30, 30), (-10, 60), road)
    colours = ((0.09, 0.05, 0.045), (0.06, 0.06, 0.075), (0.075, 0.06, 0.04), (0.05, 0.055, 0.06))
    window = (glowing("Lit", (1.0, 0.55, 0.18), 1.1), surface("Dark", (0.01, 0.012, 0.018), roughness=0.1))
    draw = random.Random(12)
    for side in (-1, 1):
        box(
            "Pavement",
            (3, 70, 0.14),
            (side * 5.3, 25, 0),
            hazy(surface("Kerb", (0.05, 0.05, 0.055), roughness=0.3), air, 8, 60),
        )
        for i in range(7):
            y, height = -1.5 + 5.2 * i, draw.uniform(5.5, 8.5)
            _house(side, y, height, hazy(surface("House", draw.choice(colours)), air, 8, 45), window, draw)
    iron = surface("Iron", (0.015, 0.016, 0.018), roughness=0.35, metallic=0.6)
    for x, y in ((2.3, 0.2), (-3.2, 9.0), (3.4, 18.0)):
        cone("Post", 0.1, 0.055, 3.6, (x, y, 0.1), iron, sides=10)
        cone("Base", 0.2, 0.1, 0.5, (x, y, 0.1), iron, sides=10)
        cone("Lantern", 0.13, 0.24, 0.5, (x, y, 3.7), glowing("Lantern", (1.0, 0.66, 0.3), 3.0), sides=6)
        cone("Hat", 0.32, 0.03, 0.28, (x, y, 4.2), iron, sides=6)
        lamp("Lamp", (x, y - 0.1, 3.5), 260, (1.0, 0.6, 0.25), radius=0.2)
    lamp("Sky", (-3, -8, 7), 160, (0.45, 0.6, 1.0), radius=1.5)
    for distance, height, repeat, strength in ((2.0, 1.9, 1, 0.2), (5.0, 5.6, 2, 0.16)):
        veil = card("Rain", height * 16 / 9, height, (0, -9 + distance, 1.5 + 0.08 * distance - height / 2))
        stretch(veil, repeat, repeat)
        show(item, veil, strength)
    halo = card("Rain by the lamp", 5.3, 3.0, (2.3, -0.1, 2.3))
    rounded(show(item, halo, 0.9), 0.02, 0.36)


@subject(pixels=(576, 320), tile="xy", element=192, seed=4, density=0.25, size=0.25, wind=0.25)
def snow(item: Any) -> None:
    """Snow that falls on a cottage in the blue hour."""
    camera((0.4, -11, 1.7), (0.2, 0, 2.2), lens=34)
    air = (0.1, 0.15, 0.28)
    sky((0.2, 0.2, 0.34), (0.07, 0.11, 0.26), (0.02, 0.04, 0.13), rise=0.6)
    white = surface("Snow", (0.82, 0.86, 0.93), roughness=0.6)
    field = hazy(surface("Field", (0.8, 0.85, 0.93), roughness=0.6), air, 14, 70)
    wood = masonry("Logs", ((0.16, 0.08, 0.045), (0.12, 0.06, 0.035)), (0.03, 0.018, 0.012), width=9.0, height=0.26)
    dark = surface("Frame", (0.05, 0.03, 0.02))

    def drifts(x: float, y: float) -> float:
        return 0.14 * math.sin(0.7 * x + 0.3 * y) + 0.09 * math.sin(1.3 * y - 0.5 * x) + 0.012 * max(y - 3, 0) ** 1.5

    ground("Field", (-34, 34), (-10, 46), field, drifts, steps=90)
    x, y = 1.0, 2.0
    box("House", (4.4, 3.6, 2.3), (x, y, 0), wood)
    outline("Gable", ((-2.2, 0), (2.2, 0), (0, 2.1)), (x, y - 1.8, 2.3), wood)
    for side in (-1, 1):
        pitch = math.degrees(math.atan2(2.1, 2.2))
        box("Roof", (3.5, 4.3, 0.1), (x + side * 1.2, y - 0.1, 3.2), dark, turn=(0, side * pitch, 0))
        box("Snow on the roof", (3.5, 4.4, 0.24), (x + side * 1.24, y - 0.1, 3.27), white, turn=(0, side * pitch, 0))
    chimney = (x + 1.15, y + 0.4, 3.0)
    box("Chimney", (0.5, 0.5, 1.7), chimney, masonry("Stone", ((0.16, 0.15, 0.15), (0.1,) * 3), (0.05,) * 3, 0.3, 0.16))
    box("Cap", (0.6, 0.6, 0.14), (chimney[0], chimney[1], 4.7), white)
    lit = glowing("Lit", (1.0, 0.58, 0.2), 1.5)
    for along, height in ((-1.25, 0.95), (1.25, 0.95), (0, 2.65)):
        box("Window", (0.76, 0.06, 0.8), (x + along, y - 1.82, height), lit)
        box("Sill", (1.0, 0.2, 0.1), (x + along, y - 1.86, height - 0.1), white)
        box("Mullion", (0.06, 0.08, 0.8), (x + along, y - 1.85, height), dark)
        box("Mullion", (0.76, 0.08, 0.06), (x + along, y - 1.85, height + 0.38), dark)
    box("Door", (0.8, 0.08, 1.5), (x, y - 1.82, 0.1), dark)
    for along in (-1.25, 0.0, 1.25):
        lamp("Window", (x + along, y - 2.7, 1.1), 32, (1.0, 0.5, 0.16), radius=0.3)
    tree, draw = hazy(surface("Fir", (0.02, 0.045, 0.04)), air, 9, 50), random.Random(4)
    for place in ((-4.2, 3.0), (-5.8, 1.2), (5.4, 3.2), (6.6, 0.6), (-3.4, 7.0), (4.6, 8.0)):
        _snowy_fir(draw.uniform(3.6, 5.4), (*place, drifts(*place) - 0.1), tree, white)
    for i in range(26):
        place = (draw.uniform(-20, 20), draw.uniform(14, 26))
        fir(draw.uniform(3.5, 6.5), (*place, drifts(*place) - 0.2), tree, i)
    for i in range(9):
        post = (-6.4 + 0.62 * i, -2.6, drifts(-6.4 + 0.62 * i, -2.6))
        box("Post", (0.12, 0.12, 0.8), post, dark)
        box("Cap", (0.18, 0.18, 0.08), (post[0], post[1], post[2] + 0.8), white)
    box("Rail", (5.2, 0.06, 0.12), (-3.9, -2.62, 0.45), dark)
    sun((0.7, 0.8, -0.7), 0.8, (0.5, 0.62, 1.0), width=8)
    for distance, size, repeat, strength in ((2.6, 2.6, 2, 0.5), (5.5, 5.4, 3, 0.75), (8.6, 8.2, 4, 0.75)):
        veil = card("Snowfall", size * 16 / 9, size, (0.4, -11 + distance, 1.7 + 0.05 * distance - size / 2))
        stretch(veil, repeat, repeat, start=0.37 * repeat)
        show(item, veil, strength)


@subject(pixels=(384, 384), element=256, tile="xy", seed=5, intensity=0.45, jaggedness=0.7, hue=0.25)
def energy(item: Any) -> None:
    """A portal that opens in a ring of stone."""
    camera((-1.4, -8.6, 1.5), (0, 0, 2.15), lens=36)
    sky((0.008, 0.014, 0.03), (0.003, 0.004, 0.012), rise=0.5)
    stars(3.0)
    cold = (0.25, 0.75, 1.0)
    stone = rough(surface("Stone", (0.14, 0.14, 0.16), roughness=0.7), 2.5, (0.07, 0.07, 0.085))
    ground("Floor", (-20, 20), (-9, 22), rough(surface("Floor", (0.06, 0.06, 0.07), roughness=0.22), 1.0, (0.035,) * 3))
    for i in range(3):
        box("Step", (5.4 - 0.7 * i, 3.4 - 0.7 * i, 0.2), (0, 0, 0.2 * i), stone)
    middle, radius = 2.35, 1.62
    for i in range(16):
        angle = 360 * (i + 0.5) / 16
        turn = math.radians(angle)
        place = (math.sin(turn) * radius, 0, middle + math.cos(turn) * radius)
        block = box("Block", (0.7, 0.62, 0.5 if i % 4 else 0.62), place, stone, turn=(0, angle, 0))
        rune = box("Rune", (0.16, 0.02, 0.16), (0, -0.32, 0.17), glowing("Rune", cold, 1.5), turn=(0, 45, 0))
        rune.parent = block
    field = card("Field", 3.4, 3.4, (0, 0, middle - 1.7))
    field.data.materials.append(glowing("Depth", (0.01, 0.055, 0.12)))
    rounded(show(item, field, 1.6), 0.4, 0.5)
    for x in (-4.0, 4.2):
        rock("Ruin", (0.9, 0.7, 1.6), (x, 2.5, 0.5), stone, seed=int(x), edge=0.25)
        cone("Pillar", 0.42, 0.36, 3.4 - 0.3 * x, (x, 5.5, 0), stone, sides=8)
    draw = random.Random(9)
    for i in range(16):
        size = draw.uniform(0.1, 0.34)
        rock("Rubble", (size,) * 3, (draw.uniform(-5, 5), draw.uniform(-4, 3), 0.3 * size), stone, seed=i)
    for y in (-0.9, 0.9):
        flicker(lamp("Glow", (0, y, middle), 190, cold, radius=0.9), item)
    lamp("Moon", (-6, -7, 7), 500, (0.6, 0.65, 1.0), radius=1.0)


def _snowy_fir(height: float, at: tuple[float, float, float], tree: Any, white: Any) -> None:
    fir(height, at, tree)
    for i in range(5):
        share = i / 5
        width = 0.2 * height * (1 - share)
        cone(
            "Snow",
            width,
            0.01,
            0.28 * height,
            (at[0] - 0.02, at[1] - 0.03, at[2] + height * (0.17 + 0.62 * share)),
            white,
            sides=9,
        )


def _house(side: int, y: float, height: float, wall: Any, window: tuple[Any, Any], draw: random.Random) -> None:
    """A house along a street, its windows towards it."""
    box("House", (4, 5.0, height), (side * 8.6, y, 0), wall)
    cone("Roof", 3.6, 0.6, 2.0, (side * 8.6, y, height), wall, sides=4, turn=(0, 0, 45))
    for z in (1.0, 2.9, 4.8, 6.7):
        for step in (-1.6, 0, 1.6):
            if z + 1.2 < height:
                made = window[0] if draw.random() < 0.4 else window[1]
                box("Window", (0.06, 0.7, 1.1), (side * 6.58, y + step, z), made)
