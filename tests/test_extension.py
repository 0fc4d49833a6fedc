# SPDX-License-Identifier: GPL-3.0-or-later
"""The zip that users install: what is in it, and that Blender takes it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ID = "aigc_blender"
JOURNEY = """
import sys, bpy
package, folder = sys.argv[1:]
bpy.ops.extensions.package_install_files(filepath=package, repo="user_default", enable_on_install=True, overwrite=True)
name = "bl_ext.user_default.aigc_blender"
assert name in bpy.context.preferences.addons, "installed, but not enabled"
print("INSTALLED", sys.modules[name].__file__)

scene = bpy.context.scene
scene.frame_start, scene.frame_end = 1, 2
bpy.ops.aigc.add(style="fire")
settings = scene.aigc_item.aigc
settings.width, settings.height, settings.format = 64, 64, "png"
bpy.ops.aigc.generate(folder=folder)
assert not {"torch", "imageio", "OpenImageIO", "safetensors"} & sys.modules.keys(), "Blender loaded what it does not have"
"""


def run(*command: str | Path, resources: Path | None = None) -> str:
    """The output of a child process that must succeed."""
    env = os.environ | ({"BLENDER_USER_RESOURCES": str(resources)} if resources else {})
    done = subprocess.run(
        [str(part) for part in (sys.executable, *command)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip, built as `make extension` does."""
    return Path(run("scripts/build_extension.py", tmp_path_factory.mktemp("dist")).strip())


def test_the_manifest_lies_beside_the_package(extension: Path) -> None:
    names = set(zipfile.ZipFile(extension).namelist())
    assert {"blender_manifest.toml", "__init__.py", "LICENSE"} <= names


def test_it_holds_the_whole_package_and_nothing_else(extension: Path) -> None:
    shipped = set(zipfile.ZipFile(extension).namelist()) - {"blender_manifest.toml", "LICENSE"}
    package = {
        path.relative_to(ROOT / ID).as_posix()
        for path in (ROOT / ID).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    assert shipped == package


def test_it_holds_the_bundled_models(extension: Path) -> None:
    models = [name for name in zipfile.ZipFile(extension).namelist() if name.endswith(".safetensors")]
    assert models
    assert all(name.startswith("models/") for name in models)


def test_it_holds_nothing_of_training(extension: Path) -> None:
    names = zipfile.ZipFile(extension).namelist()
    assert not [name for name in names if "training" in name or "states" in name or name.endswith("state.json")]


def test_blenders_validator_accepts_it(extension: Path) -> None:
    from importlib.util import find_spec

    spec = find_spec("bpy")
    assert spec
    assert spec.origin
    tool = next(Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    run(tool, "validate", extension)


@pytest.mark.slow
def test_blender_installs_and_enables_it_and_it_generates(extension: Path, tmp_path: Path) -> None:
    resources, frames = tmp_path / "resources", tmp_path / "frames"
    resources.mkdir()
    output = run("-c", JOURNEY, extension, frames, resources=resources)
    assert f"INSTALLED {resources}" in output
    assert {path.name for path in frames.glob("*.png")} == {"fire.0001.png", "fire.0002.png"}
