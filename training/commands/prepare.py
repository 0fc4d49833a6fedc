# SPDX-License-Identifier: GPL-3.0-or-later
"""``prepare``: read footage into the cache and show what was found."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FootageError
from . import reading

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..footage.clips import Footage
    from ..footage.read import Finding, Material

COLUMNS = 8  # training crops a row
ROW_HEIGHT = 128  # pixels
MOST_ROWS = 24


def add(commands: Any) -> None:
    """Add the command to a parser's commands."""
    prepare = commands.add_parser("prepare", help="read footage and show what fit would train on")
    prepare.add_argument(
        "footage", nargs="+", type=Path, help="videos, numbered pictures, folders of them, footage.toml"
    )
    prepare.add_argument("--style", help="name of the style (default: the first file's or folder's)")
    reading.add(prepare)
    prepare.add_argument("--size", type=int, default=64, help="pixels a side of a training clip (default: 64)")
    prepare.add_argument("--frames", type=int, help="frames of the shortest clip (default: what fit needs)")
    prepare.add_argument("--rights", help="what the footage's owner permits (default: as footage.toml says)")
    prepare.add_argument(
        "--cache", type=Path, default=Path("runs/footage"), help="folder of footage as read (default: runs/footage)"
    )
    prepare.add_argument("--out", type=Path, help="contact sheet to write (.png)")
    prepare.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from ..fit import clip_frames
    from ..trainer import Config

    for name in ("size", "fps"):
        if not 0 < getattr(arguments, name) < float("inf"):
            raise FootageError(f"--{name} is {getattr(arguments, name)}; give a number above 0.")
    if arguments.frames is not None and arguments.frames < 2:
        raise FootageError(f"--frames is {arguments.frames}; give 2 or more.")
    if arguments.out and arguments.out.suffix.lower() != ".png":
        raise FootageError(f"{arguments.out}: a contact sheet must end in .png; rename it.")
    _, material = reading.read(arguments, arguments.frames or clip_frames(Config(size=arguments.size)))
    print(f"\n{table(material.films)}\n\nRights: {material.rights.statement}")
    if arguments.out:
        _write_sheet(arguments.out, material, arguments.size)
        print(f"Wrote {arguments.out}: the part used of each picture, then clips as training draws them.")
    return 0


def table(films: Sequence[Finding]) -> str:
    """What became of each film, a line each."""
    rows = [("style", "film", "clips", "frames", "fps", "motion", "anchored", "crop", "skipped")]
    for film in films:
        x, y, wide, tall = film.crop
        whole = (wide, tall) == film.picture[::-1]
        cells = (
            str(film.clips),
            str(film.frames),
            f"{film.fps:g}",
            f"{film.motion:.1f}",
            "".join(film.anchored) or "none",
            "none" if whole else f"{x},{y},{wide},{tall}",
            "",
        )
        rows.append((film.style, film.name, *(("",) * 6 + (film.skipped,) if film.skipped else cells)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _write_sheet(path: Path, material: Material, size: int) -> None:
    """A row a film: its first picture with the crop drawn on it, and random training clips of it, frame by frame."""
    from ..sheet import write_sheet

    styles = {f.style.name: f for f in material.footage}
    used = [film for film in material.films if not film.skipped]
    if len(used) > MOST_ROWS:
        print(f"The sheet shows the first {MOST_ROWS} of {len(used)} films.")
    rows = [[_pictured(film), *_crops(film, styles[film.style], size)] for film in used[:MOST_ROWS]]
    width = max(row[0].shape[1] for row in rows)
    for row in rows:
        row[0] = _widened(row[0], width)
    try:
        write_sheet(path, rows)
    except OSError as error:
        raise FootageError(
            f"{path}: the contact sheet cannot be written ({error.strerror}); give another --out."
        ) from None


def _pictured(film: Finding) -> NDArray[np.float32]:
    """A film's first picture, scaled, with the part that is used bright inside a frame."""
    import numpy as np

    from ..footage.pixels import scaled
    from ..footage.sources import first_frame

    whole = first_frame(Path(film.path))
    factor = ROW_HEIGHT / whole.shape[0]
    picture = scaled(whole, ROW_HEIGHT, round(whole.shape[1] * factor)).astype(np.float32) / 255
    x, y, wide, tall = (round(v * factor) for v in film.crop)
    inside = np.zeros(picture.shape[:2], bool)
    inside[y : y + tall, x : x + wide] = True
    edge = inside.copy()
    edge[y + 1 : y + tall - 1, x + 1 : x + wide - 1] = False
    picture[~inside, :3] *= 0.5
    picture[edge] = (1, 0.3, 0.1, 1)
    return picture


def _crops(film: Finding, footage: Footage, size: int) -> list[NDArray[np.float32]]:
    """Frames of a film's clips, spread over it, of the size that training draws, in places drawn at random."""
    import numpy as np

    from ..footage.pixels import scaled

    clips = footage.scales[min(footage.scales)]
    rng = np.random.default_rng(0)
    frames = []
    for n in np.linspace(0, film.clips * clips.shape[1] - 1, COLUMNS).astype(int):
        picture = clips[film.first + n // clips.shape[1], n % clips.shape[1]].copy()
        side = min(size, *picture.shape[:2])
        top, left = (int(rng.integers(extent - side + 1)) for extent in picture.shape[:2])
        frames.append(scaled(picture[top : top + side, left : left + side], ROW_HEIGHT, ROW_HEIGHT))
    return [f.astype(np.float32) / 255 for f in frames]


def _widened(picture: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    import numpy as np

    return np.pad(picture, ((0, 0), (0, width - picture.shape[1]), (0, 0)))
