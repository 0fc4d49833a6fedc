# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes under the sky: clouds, smoke, northern lights, a nebula."""

from __future__ import annotations

import math
import random
from typing import Any

from mathutils import noise

from .matter import faded, glowing, hazy, masked, rough, show, show_behind, surface
from .nodes import Nodes
from .shapes import WHOLE, ball, box, cone, fir, ground, outline, sheet, stretch
from .stage import Colour, Point, add, camera, lamp, sky, stars, sun
from .subject import LOOP, subject


@subject(pixels=(512, 320), tile="x", element=256, seed=3, coverage=0.5, wind=0.6)
def clouds(item: Any) -> None:
    """A time-lapse behind a windmill."""
    camera((0, -19, 1.8), (0, 0, 4.4), lens=31)
    sky((0.4, 0.55, 0.8), light=0.8)
    grass = rough(surface("Grass", (0.07, 0.16, 0.025), roughness=0.9), 1.4, (0.14, 0.22, 0.04))

    def hill(x: float, y: float) -> float:
        return 1.2 * math.exp(-((x - 3.5) ** 2 + y**2) / 90) + 0.5 * math.sin(0.22 * x) - 0.04 * abs(y)

    ground("Hill", (-40, 40), (-18, 30), grass, hill, steps=60)
    white, roof = surface("Plaster", (0.75, 0.7, 0.62)), surface("Roof", (0.2, 0.06, 0.035))
    wood, dark = surface("Wood", (0.16, 0.08, 0.04)), surface("Dark", (0.02, 0.02, 0.025))
    x = 3.4
    cone("Tower", 1.45, 0.95, 4.6, (x, 0, 1.2), white, sides=10)
    cone("Cap", 1.12, 0.0, 1.25, (x, 0, 5.8), roof, sides=10)
    box("Door", (0.6, 0.1, 1.1), (x - 0.1, -1.4, 1.2), dark)
    for z in (3.6, 4.8):
        box("Window", (0.36, 0.1, 0.5), (x, -1.22 + 0.11 * (z - 3.6), z), dark)
    hub = add("Sails", None, (x, -1.35, 5.75))
    for i in range(4):
        arm = box("Arm", (0.1, 0.08, 3.7), (0, 0, 0), wood, turn=(0, 90 * i + 20, 0))
        cloth = outline(
            "Cloth",
            ((0.08, 0.7), (0.62, 0.8), (0.62, 3.6), (0.08, 3.6)),
            (0, -0.05, 0),
            white,
            turn=(0, 90 * i + 20, 0),
        )
        arm.parent = cloth.parent = hub
    turning = hub.driver_add("rotation_euler", 1).driver
    turning.expression = f"frame * {math.tau / 4 / LOOP}"  # four arms: a quarter of a turn is a loop
    draw = random.Random(8)
    for _ in range(16):
        place = draw.uniform(-22, 16)
        fir(
            draw.uniform(1.6, 3.2),
            (place, draw.uniform(9, 16), -0.3),
            surface("Fir", (0.025, 0.07, 0.03)),
            draw.randrange(9),
        )
    posts = [(-10.5 + 1.1 * i, -4.0) for i in range(12)]
    for post in posts:
        box("Post", (0.12, 0.12, 0.95), (*post, hill(*post) - 0.1), wood)
    for low in (0.3, 0.62):
        rail = [[(u, v - 0.07, hill(u, v) + z) for u, v in posts] for z in (low, low + 0.1)]
        sheet("Rail", rail, wood)
    sun((0.8, 0.7, -0.75), 3.2, (1.0, 0.94, 0.84))
    show_behind(item)


@subject(pixels=(512, 256), tile="x", seed=5, density=0.95, turbulence=0.5)
def smoke(item: Any) -> None:
    """Chimneys of an old town at daybreak."""
    camera((0, -16, 3.2), (0, 0, 4.4), lens=36)
    dawn = (0.95, 0.42, 0.2)
    sky((1.0, 0.52, 0.24), (0.86, 0.38, 0.28), (0.32, 0.26, 0.4), (0.08, 0.12, 0.28), rise=0.42, light=0.5)
    near, middle, far = (hazy(surface("Brick", (0.05, 0.035, 0.04)), dawn, 14, reach) for reach in (300, 90, 46))
    draw = random.Random(6)
    for y, tall, made in ((18.0, 5.4, far), (9.0, 3.6, middle), (1.0, 2.0, near)):
        _terrace(y, tall, made, draw)
    for x, y, height, made, size in (
        (-4.4, 3.0, 5.0, near, 1.0),
        (1.9, 4.5, 6.0, near, 1.15),
        (6.9, 12.0, 6.4, middle, 1.3),
    ):
        cone("Chimney", 0.5 * size, 0.34 * size, height, (x, y, -1), made, sides=20)
        cone("Collar", 0.42 * size, 0.42 * size, 0.3, (x, y, height - 1.3), made, sides=20)
        plume = sheet("Smoke", [_plume(x, y, height - 1.1, size, i / 24) for i in range(25)])
        stretch(plume, 0.55, 1.0, start=0.13 * x)
        faded(show(item, plume, 0.85), left=0.25, right=0.25, top=0.5)
    sun((0.9, -0.5, -0.2), 3.0, (1.0, 0.55, 0.3))


@subject(pixels=(768, 256), tile="x", seed=8, intensity=0.7, hue=0.25, rays=0.7)
def aurora(item: Any) -> None:
    """Northern lights over snowy mountains and a frozen lake."""
    camera((0, -14, 1.7), (0, 0, 3.9), lens=26)
    sky((0.012, 0.035, 0.055), (0.004, 0.01, 0.028), rise=0.5)
    stars(5.0)
    snow = surface("Snow", (0.75, 0.82, 0.92), roughness=0.7)
    ice = surface("Ice", (0.008, 0.02, 0.03), roughness=0.09)
    ground("Lake", (-60, 60), (-13, 30), ice)

    def ridge(x: float, y: float) -> float:
        crest = math.exp(-(((y - 30) / 7) ** 2))
        return crest * (4.2 + 5.5 * noise.fractal((0.11 * x + 3, 0.1 * y, 2.0), 0.9, 2.1, 6)) - 0.3

    mountains = rough(hazy(snow, (0.01, 0.05, 0.06), 20, 120), 0.4, (0.16, 0.2, 0.27), bump=0.8)
    ground("Mountains", (-50, 50), (14, 44), mountains, ridge, steps=140)

    def shore(x: float, y: float) -> float:
        return 0.5 * math.exp(-(((abs(x) - 13) / 5.5) ** 2)) + 0.1 * math.sin(x) - 0.05 - 0.02 * (y + 9) ** 2

    bank = surface("Bank", (0.7, 0.78, 0.9))
    ground("Shore", (-22, 22), (-14, -4), bank, shore, steps=50)
    tree = surface("Fir", (0.006, 0.012, 0.014))
    draw = random.Random(1)
    for side in (-1, 1):
        for i in range(15):
            x, y = side * draw.uniform(5.2, 13), draw.uniform(-8.5, 3)
            fir(draw.uniform(1.6, 4.4) * (0.5 + 0.06 * abs(x)), (x, y, -0.1), tree, i)
    width = 90.0
    lights = sheet(
        "Lights",
        [[(width * (u - 0.5), 52 - 26 * (2 * u - 1) ** 2, z) for u in (i / 40 for i in range(41))] for z in (4, 34)],
    )
    show(item, lights, 0.95)
    lamp("Green", (0, 14, 16), 6500, (0.25, 1.0, 0.5), radius=5)
    sun((0.5, 0.8, -0.7), 0.12, (0.5, 0.65, 1.0), width=5)


@subject(pixels=(512, 320), tile="x", element=256, seed=2, density=0.55, hue=0.45, detail=0.7)
def nebula(item: Any) -> None:
    """A nebula behind a planet with rings and its moon."""
    camera((0, -11, 0), (0, 0, 0), lens=40)
    sky((0, 0, 0))
    planet = surface("Planet", (0.3, 0.2, 0.15), roughness=0.9)
    _bands(planet, ((0.16, 0.09, 0.06), (0.52, 0.33, 0.2), (0.7, 0.55, 0.4), (0.3, 0.16, 0.1), (0.6, 0.4, 0.27)))
    body = ball("Planet", 1.75, (-1.5, 0, -0.35), planet)
    body.rotation_euler = (0.3, 0.42, 0)
    ball("Moon", 0.3, (2.6, 0.8, 1.25), rough(surface("Moon", (0.4, 0.38, 0.36)), 3.0, (0.2,) * 3))
    turns = [math.tau * i / 128 for i in range(129)]
    rows = [[(r * math.cos(t), r * math.sin(t), 0) for t in turns] for r in (2.3, 3.9)]
    ring = surface("Ring", (0.6, 0.47, 0.34))
    disc = sheet("Ring", rows, ring, (-1.5, 0, -0.35))
    disc.rotation_euler = (0.22, 0.42, 0)
    _grooves(ring)
    sun((-1, 0.3, -0.35), 4.0, (1.0, 0.9, 0.8))
    show_behind(item, 0.9)


def _terrace(y: float, tall: float, made: Any, draw: random.Random) -> None:
    """A row of houses about as tall; where it is near, with lit windows."""
    light = glowing("Window", (1.0, 0.6, 0.22), 1.2)
    x = -16.0
    while x < 16:
        width, height = draw.uniform(1.4, 2.6), tall * draw.uniform(0.75, 1.2)
        box("House", (width, 2, height), (x, y, -1), made)
        outline("Roof", ((-0.56 * width, 0), (0.56 * width, 0), (0, 0.55 * width)), (x, y - 1.02, height - 1), made)
        for _ in range(3 if y < 9 else 0):
            place = (x + draw.uniform(-0.3, 0.3) * width, y - 1.05, height - 1 - draw.uniform(0.5, 1.4))
            box("Window", (0.16, 0.05, 0.26), place, light)
        x += width + draw.uniform(0, 0.5)


def _plume(x: float, y: float, z: float, size: float, share: float) -> list[Point]:
    """A cut through smoke that the wind bends and widens, at a share of its length."""
    half = size * (0.5 + 2.0 * share**0.7)
    middle, rise = x + 5.0 * size * share**1.5, 5.2 * size * share
    return [(middle + half * u, y, z + rise - 0.4 * half * u * share) for u in (-1, -0.5, 0, 0.5, 1)]


def _bands(made: Any, colours: tuple[Colour, ...]) -> None:
    nodes = Nodes(made.node_tree)
    place = nodes.new("ShaderNodeTexCoord").outputs["Object"]
    stretched = nodes.new("ShaderNodeVectorMath", operation="MULTIPLY")
    nodes.link(place, stretched.inputs[0])
    stretched.inputs[1].default_value = (0.25, 0.25, 1.6)
    swirl = nodes.new("ShaderNodeTexNoise", Vector=stretched.outputs[0], Scale=1.6, Detail=6.0, Distortion=0.6)
    bands = nodes.ranged(swirl.outputs["Fac"], 0.25, 0.75)
    nodes.link(nodes.gradient(bands, colours), made.node_tree.nodes["Principled BSDF"].inputs["Base Color"])


def _grooves(made: Any) -> None:
    nodes = Nodes(made.node_tree)
    v = nodes.new("ShaderNodeSeparateXYZ", Vector=nodes.layer(WHOLE)).outputs["Y"]
    grooves = nodes.new(
        "ShaderNodeTexNoise", Vector=nodes.new("ShaderNodeCombineXYZ", X=v).outputs[0], Scale=14.0, Detail=3.0
    )
    share = nodes.ranged(grooves.outputs["Fac"], 0.3, 0.65)
    masked(
        made, nodes.math("MULTIPLY", share, nodes.math("MULTIPLY", nodes.ranged(v, 0, 0.05), nodes.ranged(v, 1, 0.9)))
    )
