# SPDX-License-Identifier: GPL-3.0-or-later
"""Videos hold the frames that were written, at their pace, and are whole or not there."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from numpy.typing import NDArray

from training.video import write_video


def film(frames: int, height: int, width: int) -> NDArray[np.uint8]:
    """Smooth coloured waves that move to the left."""
    t, y, x = np.ogrid[:frames, :height, :width]
    waves = [128 + 100 * np.sin(x / a + y / b + t / 3) for a, b in ((9, 14), (17, 8), (12, 22))]
    return np.stack(np.broadcast_arrays(*waves), axis=-1).astype(np.uint8)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.webp"])
@pytest.mark.parametrize(("height", "width"), [(48, 64), (33, 47), (3, 2)])
def test_a_video_shows_its_frames(tmp_path: Path, name: str, height: int, width: int) -> None:
    frames = film(7, height, width)
    write_video(tmp_path / "new" / name, frames, 12.5)
    path = tmp_path / "new" / name
    read = np.stack(list(iio.imiter(path, plugin="pyav" if name.endswith("mp4") else "pillow")))
    assert len(read) == 7
    shown = read[:, :height, :width, :3].astype(float)
    assert np.abs(shown - frames).mean() < 4, "levels and colours are those that were written"
    errors = [[np.abs(a - b).mean() for b in frames.astype(float)] for a in shown]
    if height > 3:  # neighbouring colours are told apart
        assert np.argmin(errors, axis=1).tolist() == list(range(7)), "in their order"
    assert [p.name for p in path.parent.iterdir()] == [name]


def test_an_mp4_is_what_players_know_and_keeps_its_pace(tmp_path: Path) -> None:
    import av

    path = tmp_path / "clip.mp4"
    write_video(path, film(24, 31, 45), 24000 / 1001)
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (46, 32)
        assert float(stream.average_rate) == pytest.approx(24000 / 1001)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "the index comes first"


def test_a_webp_repeats_at_its_pace(tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "clip.webp"
    write_video(path, film(5, 20, 20), 25)
    with Image.open(path) as picture:
        assert picture.info["loop"] == 0
        picture.load()
        assert picture.info["duration"] == 40


@pytest.mark.parametrize("name", ["clip.mp4", "clip.webp"])
def test_what_cannot_be_written_leaves_the_video_that_was_there(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_video(path, film(2, 16, 16), 8)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="shape"):
        write_video(path, film(2, 16, 16)[..., :1], 8)
    with pytest.raises(ValueError, match="0 a second"):
        write_video(path, film(2, 16, 16), 0)
    (tmp_path / f"{name}.tmp").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_video(path, film(2, 16, 16), 8)
    assert path.read_bytes() == before


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.mp4 or \.webp"):
        write_video(tmp_path / "clip.gif", film(2, 8, 8), 8)
    assert not list(tmp_path.iterdir())
