# SPDX-License-Identifier: GPL-3.0-or-later
"""Generates what a .blend lacks of its sequences, and renders: for farms, which get the file without its frames.

    blender -b shot.blend -noaudio --python-exit-code 1 -P farm_render.py -- --frames 1-48 [--render]

Any number of machines may work on any split of the frames. Exit codes: 0 done, 1 the machine is at fault, 2 the input.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

import bpy

NAME = "aigc_blender"


def main(argv: list[str]) -> int:
    """Run with the arguments after ``--``; gives the exit code."""
    parser = argparse.ArgumentParser(prog="farm_render.py", description=__doc__)
    parser.add_argument("--frames", required=True, help="frames of the scene: 5, 1-48, 1-48x2 or 1-10,40-48")
    parser.add_argument("--render", action="store_true", help="render them too, to the scene's own output path")
    parser.add_argument("--blend", metavar="FILE", help="open this file first, where Blender was given none")
    arguments = parser.parse_args(argv)

    package = extension()
    errors = importlib.import_module(f"{package}.errors")
    try:
        if arguments.blend:
            open_file(arguments.blend, errors)
        frames = importlib.import_module(f"{package}.sequence.names").parse_frames(arguments.frames)
        machine = importlib.import_module(f"{package}.ui.preferences").machine(bpy.context)
        written = importlib.import_module(f"{package}.scene.farm").generate_missing(frames, machine)
        print(f"{written} missing frames were generated.", flush=True)
        if arguments.render:
            render(frames, errors)
    except errors.AigcError as error:
        print(f"aigc: {error}", file=sys.stderr)
        return int(error.exit_code)
    return 0


def extension() -> str:
    """The name of the enabled extension's package; in a checkout without one, that of the checkout."""
    for name in bpy.context.preferences.addons.keys():  # noqa: SIM118 - a collection of Blender's: iterating gives values
        if name.rpartition(".")[2] == NAME:
            return str(name)
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    importlib.import_module(NAME).register()
    return NAME


def open_file(path: str, errors: Any) -> None:
    """Open a .blend.

    Raises:
        SceneError: it cannot be opened.
    """
    try:
        bpy.ops.wm.open_mainfile(filepath=path)
    except RuntimeError as error:
        raise errors.SceneError(f"{path} cannot be opened ({str(error).strip()}); check the path.") from None


def render(frames: tuple[int, ...], errors: Any) -> None:
    """Render frames to where the scene says.

    Raises:
        SceneError: the scene needs a camera and has none.
        AigcError: a frame cannot be rendered or written.
    """
    scene = bpy.context.scene
    pattern = scene.render.filepath
    for frame in frames:
        scene.frame_set(frame)
        scene.render.filepath = pattern
        scene.render.filepath = scene.render.frame_path(frame=frame)
        try:
            bpy.ops.render.render(write_still=True)
        except RuntimeError as error:
            if scene.camera is None:  # not asked before: compositor and sequencer may do without
                raise errors.SceneError(f"Scene {scene.name} has no camera to render with; give it one.") from None
            reason = " ".join(str(error).removeprefix("Error: ").split())
            raise errors.AigcError(f"Frame {frame} cannot be rendered ({reason}); check the scene's output.") from None
    scene.render.filepath = pattern


if __name__ == "__main__":
    sys.exit(main(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []))
