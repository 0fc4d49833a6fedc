# SPDX-License-Identifier: GPL-3.0-or-later
"""The gallery of the README: ``python -m examples.gallery``, as ``make gallery`` does.

For each element it lets the extension draw a loop, builds a scene around that, and renders a preview that loops and a
still to ``docs/gallery``, and all stills on one sheet. Exit codes: 0 all are there, 1 some could not be made, 2 the
input is at fault.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .subject import LOOP, Subject

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the gallery, or some elements of it; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m examples.gallery", description="Renders the gallery of elements.")
    parser.add_argument("--only", default="", help="elements, parted by commas; all by default")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "gallery", help="folder of frames and renders")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="folder of the gallery and its sheet")
    parser.add_argument("--percent", type=int, default=100, help="size of the pictures, for a quick look")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="aigc-gallery-", ignore_cleanup_errors=True) as own:
        os.environ["BLENDER_USER_RESOURCES"] = own  # read when bpy is imported: the user's own Blender stays as it is
        os.environ.setdefault("AIGC_HOME", str(Path(own) / "aigc"))
        from .scenes import SUBJECTS

        wanted = options.only.split(",") if options.only else list(SUBJECTS)
        if unknown := [name for name in wanted if name not in SUBJECTS]:
            parser.error(f"{', '.join(unknown)} is not in the gallery; choose of {', '.join(SUBJECTS)}")
        return _make([SUBJECTS[name] for name in wanted], options)


def _make(subjects: list[Subject], options: argparse.Namespace) -> int:
    import aigc_blender
    from aigc_blender.library import find_models

    from . import film
    from .scenes import SUBJECTS

    drawn = {style.name for model in find_models()[0] for style in model.card.styles}
    failed = [subject.style for subject in subjects if subject.style not in drawn]
    if failed:
        print(f"No installed model draws {', '.join(failed)}: left out.", file=sys.stderr)
    aigc_blender.register()
    try:
        for subject in [subject for subject in subjects if subject.style in drawn]:
            try:
                _shoot(subject, options)
            except RuntimeError as error:  # how an operator's report reaches a script
                print(f"{subject.style}: {str(error).strip()}", file=sys.stderr)
                failed.append(subject.style)
    finally:
        aigc_blender.unregister()
    gallery = options.docs / "gallery"
    stills = {name: gallery / f"{name}.jpg" for name in SUBJECTS if (gallery / f"{name}.jpg").exists()}
    if stills:
        film.write_sheet(stills, options.docs / "gallery.png")
    return 1 if failed else 0


def _shoot(subject: Subject, options: argparse.Namespace) -> None:
    """One element's pictures."""
    from . import film, stage

    began = time.monotonic()
    renders = options.out / "renders" / subject.style
    shutil.rmtree(renders, ignore_errors=True)
    scene = stage.empty()
    subject.build(_sequence(subject, scene, options.out / "frames" / subject.style))
    film.prepare(scene, options.percent)
    generated = time.monotonic()
    film.write_loop(
        film.preview(scene, range(1, LOOP + 1), renders), options.docs / "gallery" / f"{subject.style}.webp"
    )
    film.write_still(film.still(scene, renders), options.docs / "gallery" / f"{subject.style}.jpg")
    now = time.monotonic()
    print(f"{subject.style}: generated in {generated - began:.0f} s, rendered in {now - generated:.0f} s", flush=True)


def _sequence(subject: Subject, scene: Any, folder: Path) -> Any:
    """What a user does in the sidebar: add the element, set it, generate it; gives the item (bpy.types.NodeTree)."""
    import bpy

    bpy.ops.aigc.add(style=subject.style)
    item = scene.aigc_item
    settings = item.aigc
    settings.width, settings.height = subject.pixels
    settings.element_height, settings.seed = subject.element, subject.seed
    settings.tile_x, settings.tile_y = "x" in subject.tile, "y" in subject.tile
    settings.placement = set()
    for name, value in subject.controls.items():
        item[name] = value
    bpy.ops.aigc.generate(folder=str(folder))
    return item


if __name__ == "__main__":
    sys.exit(main())
