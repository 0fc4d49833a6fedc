# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes by the light of what burns: fire, a torch, lava, embers."""

from __future__ import annotations

import math
import random
from typing import Any

from .matter import faded, glowing, hazy, masonry, rough, show, surface
from .shapes import ball, box, card, cone, ground, lathe, outline, rock, sheet, stretch
from .stage import camera, flicker, lamp, sky, sun
from .subject import subject


@subject(pixels=(768, 256), tile="x", seed=7, height=0.85, density=0.6)
def fire(item: Any) -> None:
    """A wall of fire behind the pillars of a ruin."""
    camera((0, -9, 1.2), (0, 0, 2.0), lens=34)
    sky((0.05, 0.012, 0.006), (0.01, 0.008, 0.02), rise=0.4)
    stone = rough(surface("Stone", (0.16, 0.14, 0.13), roughness=0.8), 2.5, (0.08, 0.07, 0.07))
    ground("Floor", (-20, 20), (-10, 14), rough(surface("Floor", (0.1, 0.09, 0.085), roughness=0.28), 1.2, (0.05,) * 3))
    for x, y, height in ((-4.6, 1.0, 4.6), (-2.3, 0.4, 4.6), (2.3, 0.4, 2.4), (4.7, 1.0, 5.4), (-6.6, -1.0, 2.2)):
        box("Plinth", (1.1, 1.1, 0.3), (x, y, 0), stone)
        cone("Pillar", 0.42, 0.36, height, (x, y, 0.3), stone, sides=12)
        if height > 4:
            box("Capital", (1.0, 1.0, 0.28), (x, y, height + 0.3), stone)
    box("Lintel", (3.6, 0.9, 0.6), (-3.4, 0.7, 5.18), stone, turn=(0, 0, -15))
    cone("Fallen", 0.38, 0.36, 1.7, (0.4, -0.9, 0.36), stone, sides=12, turn=(0, 90, 25))
    draw = random.Random(3)
    for i in range(14):
        size = draw.uniform(0.12, 0.4)
        rock("Rubble", (size, size, 0.7 * size), (draw.uniform(-6, 6), draw.uniform(-2, 2), 0.2 * size), stone, seed=i)
    for y, width, strength in ((4.6, 20.0, 0.7), (2.6, 15.0, 1.25)):
        flames = card("Flames", width, width / 3, (0.3 * y, y, -0.05))
        show(item, flames, strength)
    for x in (-3.2, 0.2, 3.4):
        flicker(lamp("Glow", (x, 1.9, 1.3), 330, (1.0, 0.36, 0.08), radius=0.5), item, share=2.0)
    lamp("Sky", (-4, -9, 6), 260, (0.45, 0.5, 1.0), radius=1.5)


@subject(pixels=(256, 256), seed=3, height=0.95, turbulence=0.45)
def torch(item: Any) -> None:
    """A torch on a dungeon's wall, which it lights."""
    camera((-1.5, -4.6, 1.75), (0.0, 0, 2.2), lens=40)
    sky((0.014, 0.018, 0.03))
    wall = masonry("Wall", ((0.17, 0.135, 0.11), (0.09, 0.08, 0.075)), (0.025, 0.022, 0.02), width=0.62, height=0.3)
    iron = surface("Iron", (0.05, 0.045, 0.04), roughness=0.45, metallic=0.8)
    wood = surface("Wood", (0.11, 0.055, 0.025), roughness=0.8)
    box("Wall", (14, 0.4, 6), (0, 0.2, 0), wall)
    for x in (-2.6, 2.5):
        box("Pier", (0.7, 0.7, 6), (x, -0.25, 0), wall)
    ground("Floor", (-7, 7), (-6, 0), masonry("Floor", ((0.1, 0.09, 0.08),) * 2, (0.03,) * 3, 0.9, 0.9))
    box("Plate", (0.26, 0.06, 0.5), (0, -0.03, 1.45), iron)
    cone("Handle", 0.05, 0.08, 0.95, (0, -0.08, 1.3), wood, sides=10, turn=(18, 0, 0))
    cup = lathe("Cup", ((0.08, 0), (0.19, 0.1), (0.25, 0.26), (0.21, 0.27)), (0, -0.38, 2.1), iron)
    coals = ball("Embers", 0.14, (0, -0.38, 2.25), glowing("Embers", (1.0, 0.25, 0.04), 1.5))
    flame = card("Flame", 1.4, 1.4, (-0.05, -0.4, 2.31))
    faded(show(item, flame, 1.5), left=0.35, right=0.35)  # no stray flamelet on the wall
    for inside in (flame, cup, coals):  # the lamp that stands for the flame shines from within
        inside.visible_shadow = False
    flicker(lamp("Glow", (-0.05, -0.75, 2.75), 80, (1.0, 0.4, 0.11), radius=0.1), item)
    draw = random.Random(5)
    for i in range(7):
        turn = (0, 90, 0) if i % 2 else (90, 0, 0)
        link = lathe(
            "Link",
            [(0.055 + 0.014 * math.cos(a), 0.014 * math.sin(a)) for a in _circle(8)],
            (1.35, -0.07, 2.5 - 0.09 * i),
            iron,
        )
        link.rotation_euler = [math.radians(t) for t in turn]
    for i in range(3):
        size = draw.uniform(0.5, 0.7)
        box("Crate", (size,) * 3, (1.2 + 0.75 * i, -0.7 - 0.2 * i, 0), wood, turn=(0, 0, draw.uniform(-20, 20)))


@subject(pixels=(512, 1024), tile="xy", element=256, seed=5, heat=0.4, flow=0.7)
def lava(item: Any) -> None:
    """A river of lava that winds down from a volcano between dark rocks."""
    camera((0, -8, 2.3), (0.3, 4, 1.2), lens=30)
    dusk = (0.16, 0.03, 0.012)
    sky(dusk, (0.05, 0.012, 0.012), (0.012, 0.006, 0.012), rise=0.5)
    basalt = rough(surface("Basalt", (0.03, 0.027, 0.027), roughness=0.6), 3.0, (0.012,) * 3, bump=0.6)
    far = hazy(rough(surface("Far", (0.03, 0.025, 0.025)), 0.6, (0.01,) * 3), dusk, 10, 70)

    def course(y: float) -> float:
        return 1.5 * math.sin(0.24 * y + 0.4) + 0.02 * y

    rows = [[(course(y) + u * (1.5 + 0.016 * y), y, 0.02) for u in (-1, 1)] for y in range(-10, 41)]
    river = sheet("River", rows)
    stretch(river, 1, 4)
    show(item, river, 1.6)

    def bank(x: float, y: float) -> float:
        away = abs(x - course(y)) - 1.35
        return -0.3 + min(1.6, 0.75 * max(away, 0) ** 0.7) + 0.12 * math.sin(3.1 * x + 1.7 * y) * min(1, max(away, 0))

    ground("Banks", (-24, 24), (-9, 40), far, bank, steps=110)
    draw = random.Random(11)
    for i in range(46):
        y = draw.uniform(-5.5, 24)
        x = course(y) + draw.choice((-1, 1)) * draw.uniform(1.5, 3.6)
        size = draw.uniform(0.25, 0.75) * (1 + 0.02 * y)
        rock("Rock", (size, size, 0.8 * size), (x, y, 0.1), basalt, seed=i, edge=0.5)
    cone("Volcano", 26, 3.2, 15, (6, 62, -1), hazy(surface("Volcano", (0.02, 0.016, 0.018)), dusk, 40, 110), sides=48)
    outline(
        "Crater",
        ((-3.4, 0), (-2.9, 0.7), (2.9, 0.7), (3.4, 0)),
        (6, 58.6, 13.7),
        glowing("Crater", (1.0, 0.22, 0.03), 2.0),
    )
    for y in (-4.5, 0.0, 5.0, 11.0, 18.0):
        lamp("Glow", (course(y), y, 0.9), 260 + 28 * max(y, 0), (1.0, 0.25, 0.04), radius=0.3)
    sun((0.5, 0.6, -0.7), 0.7, (0.75, 0.4, 0.4))


@subject(pixels=(384, 256), tile="x", seed=2, density=0.75, speed=0.45, turbulence=0.55)
def embers(item: Any) -> None:
    """Embers that rise from a forge, an anvil before it."""
    camera((-0.2, -6.7, 1.45), (-0.15, 0, 1.5), lens=37)
    sky((0.018, 0.022, 0.034))
    brick = masonry("Brick", ((0.2, 0.09, 0.06), (0.13, 0.065, 0.05)), (0.04, 0.035, 0.03), width=0.5, height=0.2)
    iron = surface("Iron", (0.16, 0.17, 0.19), roughness=0.35, metallic=0.2)
    wood = surface("Wood", (0.13, 0.065, 0.03), roughness=0.8)
    coal = surface("Coal", (0.015, 0.014, 0.014), roughness=0.5)
    ground("Floor", (-8, 8), (-6, 4), rough(surface("Floor", (0.07, 0.06, 0.055), roughness=0.5), 1.5, (0.04,) * 3))
    box("Wall", (14, 0.3, 6), (0, 1.9, 0), masonry("Wall", ((0.1, 0.085, 0.08),) * 2, (0.03,) * 3, 0.8, 0.38))
    box("Hearth", (3.0, 1.6, 0.8), (0.35, 0.8, 0), brick)
    for x in (-1.05, 1.75):
        box("Pier", (0.3, 1.5, 1.6), (x, 0.85, 0.8), brick)
    hood = ((-1.5, 0), (1.5, 0), (0.62, 1.3), (0.62, 2.6), (-0.62, 2.6), (-0.62, 1.3))
    outline("Hood", hood, (0.35, 0.08, 2.4), brick)
    glow = glowing("Glow", (1.0, 0.2, 0.03), 1.7)
    draw = random.Random(4)
    for i in range(60):
        size = draw.uniform(0.07, 0.15)
        place = (0.35 + draw.gauss(0, 0.5), 0.6 + draw.uniform(-0.45, 0.45), 0.83 + draw.uniform(0, 0.1))
        rock("Coal", (size,) * 3, place, glow if draw.random() < 0.45 else coal, seed=i)
    cone("Stump", 0.42, 0.38, 0.55, (-1.25, -1.3, 0), wood, sides=14)
    anvil = (
        (-0.2, 0),
        (0.2, 0),
        (0.12, 0.2),
        (0.36, 0.3),
        (0.36, 0.42),
        (-0.36, 0.42),
        (-0.72, 0.38),
        (-0.34, 0.27),
        (-0.12, 0.2),
    )
    for y in (-1.42, -1.18):
        outline("Anvil", anvil, (-1.25, y, 0.55), iron)
    box("Face", (0.72, 0.26, 0.05), (-1.25, -1.3, 0.95), iron)
    box("Blade", (0.9, 0.07, 0.03), (-1.0, -1.3, 1.0), glowing("Blade", (1.0, 0.33, 0.06), 1.6), turn=(0, 0, 8))
    for place, height, repeat in (
        ((0.35, 0.6, 0.75), 1.2, 1.5),
        ((0.4, 0.2, 0.8), 2.0, 1.0),
        ((0.3, -0.4, 1.2), 2.4, 1.0),
    ):
        sparks = card("Embers", 3 / 2 * height * repeat, height, place, repeat, start=height)
        faded(show(item, sparks, 1.4), left=0.4, right=0.4, bottom=0.12, top=0.3)
    lamp("Hearth", (0.35, 0.0, 1.35), 230, (1.0, 0.33, 0.07), radius=0.12)
    lamp("Blade", (-0.9, -2.1, 1.5), 45, (1.0, 0.4, 0.1), radius=0.1)
    lamp("Night", (-4, -5, 4), 650, (0.45, 0.55, 1.0), radius=1.0)


def _circle(count: int) -> list[float]:
    return [math.tau * i / count for i in range(count + 1)]
