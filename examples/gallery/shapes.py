# SPDX-License-Identifier: GPL-3.0-or-later
"""Things of simple shape, standing on the place they are given."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import bmesh
import bpy
from mathutils import Matrix, Vector, noise

from .stage import Point, add

WHOLE = "Whole"  # the UV map that masks are laid by


def box(name: str, size: Point, at: Point, made: Any, turn: Point = (0, 0, 0)) -> Any:
    """A box on its base (bpy.types.Object)."""
    form = bmesh.new()
    bmesh.ops.create_cube(form, matrix=Matrix.Translation((0, 0, size[2] / 2)) @ Matrix.Diagonal((*size, 1)))
    return _thing(name, form, at, made, turn=turn)


def cone(
    name: str, low: float, top: float, height: float, at: Point, made: Any, sides: int = 32, turn: Point = (0, 0, 0)
) -> Any:
    """A cone, cut off at the radius ``top``, or a pillar (bpy.types.Object)."""
    form = bmesh.new()
    middle = Matrix.Translation((0, 0, height / 2))
    bmesh.ops.create_cone(
        form, cap_ends=True, segments=sides, radius1=low, radius2=top, depth=height, matrix=middle, calc_uvs=False
    )
    return _thing(name, form, at, made, smooth=sides > 12, turn=turn)


def ball(name: str, radius: float, at: Point, made: Any) -> Any:
    """A sphere about its middle (bpy.types.Object)."""
    form = bmesh.new()
    bmesh.ops.create_uvsphere(form, u_segments=48, v_segments=24, radius=radius, calc_uvs=True)
    return _thing(name, form, at, made, smooth=True)


def rock(name: str, size: Point, at: Point, made: Any, seed: int = 0, edge: float = 0.35) -> Any:
    """A boulder about its middle (bpy.types.Object); ``edge`` is how far it is from an ellipsoid."""
    form = bmesh.new()
    bmesh.ops.create_icosphere(form, subdivisions=3, radius=1)
    shift = Vector((7.3 * seed, 1.7 * seed, 3.1 * seed))
    for vertex in form.verts:
        way = vertex.co.normalized()
        bulge = noise.noise(1.1 * way + shift) + 0.5 * noise.cell(2.5 * way + shift)
        vertex.co = Vector(a * b for a, b in zip(way * (1 + edge * bulge), size, strict=True))
    return _thing(name, form, at, made)


def fir(height: float, at: Point, made: Any, seed: int = 0) -> None:
    """A fir: cones of branches, one above the other."""
    tiers = 5
    for i in range(tiers):
        share = i / tiers
        width = 0.24 * height * (1 - share) * (0.9 + 0.2 * math.sin(5 * i + 3 * seed))
        cone("Fir", width, 0.01, 0.36 * height, (at[0], at[1], at[2] + height * (0.08 + 0.62 * share)), made, sides=9)
    cone("Trunk", 0.025 * height, 0.02 * height, 0.2 * height, at, made, sides=6)


def lathe(name: str, profile: Sequence[tuple[float, float]], at: Point, made: Any) -> Any:
    """A surface of revolution from (radius, height) pairs (bpy.types.Object)."""
    turns = [math.tau * i / 48 for i in range(49)]
    return sheet(name, [[(r * math.cos(t), r * math.sin(t), z) for t in turns] for r, z in profile], made, at)


def sheet(name: str, rows: Sequence[Sequence[Point]], made: Any = None, at: Point = (0, 0, 0)) -> Any:
    """A smooth grid of points from the bottom row up (bpy.types.Object).

    Two UV maps go from 0 to 1: what a picture is laid by, which `stretch` may change, and ``WHOLE``.
    """
    height, width = len(rows), len(rows[0])
    corners = [(j, i) for j in range(height - 1) for i in range(width - 1)]
    faces = [[(j, i), (j, i + 1), (j + 1, i + 1), (j + 1, i)] for j, i in corners]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([p for row in rows for p in row], [], [[j * width + i for j, i in face] for face in faces])
    uvs = [share for face in faces for j, i in face for share in (i / (width - 1), j / (height - 1))]
    for layer in ("UVMap", WHOLE):
        mesh.uv_layers.new(name=layer).data.foreach_set("uv", uvs)
    mesh.shade_smooth()
    if made is not None:
        mesh.materials.append(made)
    return add(name, mesh, at)


def card(name: str, width: float, height: float, at: Point, repeat: float = 1.0, start: float = 0.0) -> Any:
    """An upright picture that faces the camera along y, standing on its lower edge (bpy.types.Object).

    It is repeated sideways, from a place in its width on.
    """
    thing = sheet(name, [[(-width / 2, 0, z), (width / 2, 0, z)] for z in (0, height)], at=at)
    stretch(thing, repeat, 1.0, start)
    return thing


def ground(
    name: str,
    x: tuple[float, float],
    y: tuple[float, float],
    made: Any = None,
    height: Callable[[float, float], float] | None = None,
    steps: int = 64,
) -> Any:
    """A floor over ranges of x and y, as high as a function says (bpy.types.Object)."""
    count = steps if height else 1

    def along(span: tuple[float, float]) -> list[float]:
        return [span[0] + (span[1] - span[0]) * i / count for i in range(count + 1)]

    rows = [[(u, v, height(u, v) if height else 0.0) for u in along(x)] for v in along(y)]
    return sheet(name, rows, made)


def outline(name: str, points: Sequence[tuple[float, float]], at: Point, made: Any, turn: Point = (0, 0, 0)) -> Any:
    """A flat shape in x and z (bpy.types.Object)."""
    form = bmesh.new()
    form.faces.new([form.verts.new((x, 0, z)) for x, z in points])
    return _thing(name, form, at, made, turn=turn)


def stretch(thing: Any, u: float, v: float, start: float = 0.0) -> None:
    """Repeat the picture on a sheet so many times, from a place in its width on."""
    for corner in thing.data.uv_layers["UVMap"].data:
        corner.uv = (start + corner.uv[0] * u, corner.uv[1] * v)


def _thing(name: str, form: Any, at: Point, made: Any, smooth: bool = False, turn: Point = (0, 0, 0)) -> Any:
    mesh = bpy.data.meshes.new(name)
    form.to_mesh(mesh)
    form.free()
    if smooth:
        mesh.shade_smooth()
    if made is not None:
        mesh.materials.append(made)
    return add(name, mesh, at, turn)
