# SPDX-License-Identifier: GPL-3.0-or-later
"""A burning brazier from the bundled model: ``python examples/demo.py``, as ``make demo`` does.

Installs the extension as a user would, into a Blender of its own, lets its Generate operator draw a fire that loops
and tiles, puts that on an object and behind the scene, and renders some frames. All of it lands in ``out/demo``.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "out" / "demo"
LOOP = 48  # frames
RENDERED = range(1, LOOP + 1, LOOP // 8)
RENDER_SIZE = (480, 270)
SAMPLES = 24


def main() -> int:
    """Run the demo; gives the exit code."""
    began = time.monotonic()
    shutil.rmtree(OUT, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="aigc-demo-", ignore_cleanup_errors=True) as own:
        os.environ["BLENDER_USER_RESOURCES"] = own  # read when bpy is imported: the user's own Blender stays as it is
        os.environ.setdefault("AIGC_HOME", str(Path(own) / "aigc"))
        install_extension()
        flame = build_scene()
        try:
            generate_fire(flame)
        except RuntimeError as error:  # how an operator's report reaches a script
            print(str(error).strip(), file=sys.stderr)
            return 1
        render()
        uninstall_extension()
    sheet = contact_sheet()
    print(f"\nThe fire:          {OUT / 'fire' / 'fire.0001.png'} ... ({LOOP} frames, a loop that also tiles sideways)")
    print(f"Rendered by it:    {OUT / 'render' / '0001.png'} ... ({len(RENDERED)} frames)")
    print(f"All at a glance:   {sheet}")
    print(f"It took {time.monotonic() - began:.0f} s.")
    return 0


def install_extension() -> None:
    """Build the zip, and install and enable it as from disk."""
    import bpy

    sys.path.insert(0, str(ROOT))
    from scripts.build_extension import build

    package = build(Path(os.environ["BLENDER_USER_RESOURCES"]) / "dist")
    bpy.ops.extensions.package_install_files(
        filepath=str(package), repo="user_default", enable_on_install=True, overwrite=True
    )
    assert "bl_ext.user_default.aigc_blender" in bpy.context.preferences.addons, "the extension was not enabled"


def uninstall_extension() -> None:
    """End the worker, before the folder that it lives in goes."""
    import addon_utils

    addon_utils.disable("bl_ext.user_default.aigc_blender")


def build_scene() -> Any:
    """A dark hall with a brazier between pillars; gives the tube that is to burn (bpy.types.Object)."""
    import bpy

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)
    scene = bpy.context.scene
    world = scene.world = bpy.data.worlds.new("Night")
    if bpy.app.version < (5, 0, 0):
        world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.004, 0.006, 0.014, 1)

    stone = surface("Stone", (0.06, 0.055, 0.05), roughness=0.65)
    bronze = surface("Bronze", (0.25, 0.13, 0.06), roughness=0.4, metallic=0.7)
    floor = surface("Floor", (0.09, 0.085, 0.08), roughness=0.25)

    bpy.ops.mesh.primitive_plane_add(size=40)
    bpy.context.object.data.materials.append(floor)
    for x, y in ((-2.3, 1.2), (2.3, 1.2), (-3.3, 4.2), (3.3, 4.2)):
        bpy.ops.mesh.primitive_cylinder_add(vertices=8, radius=0.34, depth=6, location=(x, y, 3), rotation=(0, 0, 0.39))
        bpy.context.object.data.materials.append(stone)
        bpy.ops.mesh.primitive_cube_add(size=1, location=(x, y, 0.12))
        bpy.context.object.scale = (1.0, 1.0, 0.24)
        bpy.context.object.data.materials.append(stone)
    brazier(bronze)

    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (0, -6.4, 1.35), (math.radians(90), 0, 0)
    camera.data.lens, camera.data.shift_y = 38, 0.05
    scene.collection.objects.link(camera)
    scene.camera = camera

    light("Glow", (0, 0, 1.5), energy=420, colour=(1.0, 0.42, 0.12), radius=0.25)
    light("Moon", (-6, -7, 6), energy=1600, colour=(0.4, 0.55, 1.0), radius=0.6)

    flame = tongue()
    scene.collection.objects.link(flame)
    bpy.context.view_layer.objects.active = flame
    return flame


def surface(name: str, colour: tuple[float, float, float], roughness: float, metallic: float = 0.0) -> Any:
    """A plain material (bpy.types.Material)."""
    import bpy

    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Metallic"].default_value = metallic
    return material


def light(
    name: str, place: tuple[float, float, float], energy: float, colour: tuple[float, ...], radius: float
) -> None:
    """A soft lamp; energy in watts, radius in metres."""
    import bpy

    lamp = bpy.data.objects.new(name, bpy.data.lights.new(name, "POINT"))
    lamp.location = place
    lamp.data.energy, lamp.data.color, lamp.data.shadow_soft_size = energy, colour, radius
    bpy.context.scene.collection.objects.link(lamp)


def brazier(material: Any) -> None:
    """The brazier: a bowl on a foot."""
    import bpy

    profile = ((0.34, 0.0), (0.3, 0.06), (0.1, 0.12), (0.09, 0.45), (0.2, 0.56), (0.5, 0.74), (0.56, 0.88), (0.5, 0.86))
    mesh = revolve("Brazier", profile)
    mesh.materials.append(material)
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("Brazier", mesh))
    for angle in range(6):
        bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=2, radius=0.17)
        coal = bpy.context.object
        coal.location = (0.3 * math.cos(angle), 0.3 * math.sin(angle), 0.8)
        coal.scale.z = 0.6
        coal.data.materials.append(material)


def tongue() -> Any:
    """A surface in the shape of a flame; its UV map wraps the fire around it, and tiling closes the seam."""
    import bpy

    heights = [i / 24 for i in range(25)]
    profile = tuple((0.46 * (1 + 1.1 * h) * (1 - h) ** 0.8 + 0.03, 0.78 + 1.75 * h) for h in heights)
    mesh = revolve("Flame", profile, uv_rows=heights)
    return bpy.data.objects.new("Flame", mesh)


def revolve(name: str, profile: tuple[tuple[float, float], ...], uv_rows: list[float] | None = None) -> Any:
    """A surface of revolution about the z axis (bpy.types.Mesh) from (radius, height) pairs.

    ``uv_rows`` gives each pair its v coordinate.
    """
    import bpy

    sides = 64
    columns = range(sides + 1)
    turns = [(math.cos(t), math.sin(t)) for t in (2 * math.pi * i / sides for i in columns)]
    points = [(r * c, r * s, z) for r, z in profile for c, s in turns]
    faces = [
        (j + i, j + i + 1, j + sides + i + 2, j + sides + i + 1)
        for j in range(0, (len(profile) - 1) * (sides + 1), sides + 1)
        for i in range(sides)
    ]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points, [], faces)
    mesh.shade_smooth()
    if uv_rows:
        uvs = [(i / sides, v) for v in uv_rows for i in columns]
        mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", [x for face in faces for p in face for x in uvs[p]])
    return mesh


def generate_fire(flame: Any) -> None:
    """What a user does in the sidebar: add the element, set it, generate it on the active object and as backdrop."""
    import bpy

    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, LOOP
    scene.render.fps = 24
    bpy.ops.aigc.add(style="fire")
    element = scene.aigc_item
    settings = element.aigc
    settings.width, settings.height = 512, 256
    settings.use_loop, settings.tile_x, settings.seed = True, True, 7
    settings.placement = {"MATERIAL", "BACKDROP"}
    if "height" in element:  # the model's own slider
        element["height"] = 0.85
    settings.format = "png"
    began = time.monotonic()
    bpy.ops.aigc.generate(folder=str(OUT / "fire"))
    print(f"Generated in {time.monotonic() - began:.1f} s.")
    flame.active_material.cycles.emission_sampling = "NONE"  # the lamp inside lights the hall with less noise
    strength(flame.active_material, 1.6)
    backdrop = next(o for o in scene.objects if o.get("aigc_made") == "BACKDROP")
    strength(backdrop.active_material, 0.22)


def strength(material: Any, value: float) -> None:
    """Set the light of an element in one material."""
    node = next(n for n in material.node_tree.nodes if n.bl_idname == "ShaderNodeGroup")
    node.inputs["Strength"].default_value = value


def render() -> None:
    """Render some frames with Cycles on the CPU."""
    import bpy

    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = SAMPLES, False
    scene.cycles.max_bounces, scene.cycles.sample_clamp_indirect = 3, 1.0  # little noise in little time
    scene.render.resolution_x, scene.render.resolution_y = RENDER_SIZE
    scene.view_settings.view_transform = "Standard"  # the fire's colours as the model drew them
    scene.render.image_settings.file_format = "PNG"
    for frame in RENDERED:
        scene.frame_set(frame)
        scene.render.filepath = str(OUT / "render" / f"{frame:04d}.png")
        bpy.ops.render.render(write_still=True)


def contact_sheet() -> Path:
    """The rendered frames above the fire's own, over black."""
    import imageio.v3 as imageio

    rendered = [imageio.imread(OUT / "render" / f"{frame:04d}.png")[..., :3] for frame in RENDERED]
    fire = [over_black(imageio.imread(OUT / "fire" / f"fire.{frame:04d}.png")) for frame in RENDERED]
    gap, columns = 6, 4
    width = columns * (RENDER_SIZE[0] + gap) + gap
    rows = [rendered[i : i + columns] for i in range(0, len(rendered), columns)]
    rows.append([resized(picture, (width - gap) // len(fire) - gap) for picture in fire])
    sheet = np.full((sum(r[0].shape[0] + gap for r in rows) + gap, width, 3), 24, np.uint8)
    y = gap
    for row in rows:
        x = gap
        for picture in row:
            sheet[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
            x += picture.shape[1] + gap
        y += row[0].shape[0] + gap
    path = OUT / "contact-sheet.png"
    imageio.imwrite(path, sheet)
    return path


def over_black(pixels: np.ndarray) -> np.ndarray:
    """Straight uint8 RGBA composited over black in light, which the exponent stands for; RGB as it is."""
    if pixels.shape[2] == 3:
        return pixels
    return (pixels[..., :3] * (pixels[..., 3:] / 255) ** (1 / 2.2) + 0.5).astype(np.uint8)


def resized(pixels: np.ndarray, width: int) -> np.ndarray:
    """The nearest pixels of a picture at another width."""
    height = round(pixels.shape[0] * width / pixels.shape[1])
    rows = (np.arange(height) + 0.5) * pixels.shape[0] / height
    columns = (np.arange(width) + 0.5) * pixels.shape[1] / width
    return pixels[rows.astype(int)[:, None], columns.astype(int)[None]]


if __name__ == "__main__":
    sys.exit(main())
