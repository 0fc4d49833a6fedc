# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the extension's zip: ``python scripts/build_extension.py [folder]``, ``dist`` if none is given.

Blender wants the package's content beside the manifest, so both are copied to one folder, which
Blender's own builder then checks and packs. Needs bpy to be installed, but does not load it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import tomllib
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent


def builder() -> Path:
    """Blender's command line for extensions, as it lies in the installed bpy."""
    spec = find_spec("bpy")
    if spec is None or spec.origin is None:
        sys.exit("bpy is not installed here, and the extension is built with it; type 'make extension'.")
    return next(Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))


def build(folder: Path) -> Path:
    """Build the zip into a folder and return its path; ends the process if Blender's builder refuses it."""
    manifest = ROOT / "blender_manifest.toml"
    about = tomllib.loads(manifest.read_text())
    target = folder / f"{about['id']}-{about['version']}.zip"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        stage = Path(temporary) / about["id"]
        shutil.copytree(ROOT / "aigc_blender", stage, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        for file in (manifest, ROOT / "LICENSE"):
            shutil.copy(file, stage)
        command = [
            sys.executable,
            str(builder()),
            "build",
            "--source-dir",
            str(stage),
            "--output-filepath",
            str(target),
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"Blender's builder refused the extension:\n{done.stdout}{done.stderr}")
    return target


if __name__ == "__main__":
    print(build(Path(sys.argv[1] if len(sys.argv) > 1 else "dist")))
