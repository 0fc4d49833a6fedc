# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a camera writes becomes upright, progressive frames with square pixels, their colour and alpha kept."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.training.footage.films import waves, write_video
from training.errors import FootageError
from training.footage.video import read_video, video_info

ONE = 1 << 16


@pytest.mark.parametrize(
    ("matrix", "turns", "mirrored"),
    [
        ((0, ONE, -ONE, 0), -1, False),
        ((-ONE, 0, 0, -ONE), 2, False),
        ((0, -ONE, ONE, 0), 1, False),
        ((-ONE, 0, 0, ONE), 0, True),
    ],
)
def test_phone_clips_stand_upright(
    tmp_path: Path, matrix: tuple[int, int, int, int], turns: int, mirrored: bool
) -> None:
    film = waves(5)
    path = write_video(tmp_path / "a.mp4", film, codec="libx264", pixels="yuv444p", options={"crf": "5"})
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 44
    a, b, c, d = matrix
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    frames = [timed.frame for timed in read_video(path)]
    expected = np.rot90(film[:, :, ::-1] if mirrored else film, turns, axes=(1, 2))
    assert np.abs(np.stack(frames)[..., :3].astype(int) - expected).mean() < 6


def test_interlaced_video_has_no_combs(tmp_path: Path) -> None:
    film = waves(40)
    woven = film[::2].copy()
    woven[:, 1::2] = film[1::2, 1::2]
    options = {"x264-params": "tff=1:interlaced=1", "crf": "5"}
    path = write_video(tmp_path / "a.mp4", woven, codec="libx264", pixels="yuv420p", options=options)
    frames = np.stack([t.frame for t in read_video(path)])
    assert len(frames) == len(woven)

    def combs(pictures: np.ndarray) -> float:
        rows = pictures[..., 0].astype(float)
        return float(np.abs(rows[:, 2:] - 2 * rows[:, 1:-1] + rows[:, :-2]).mean())

    assert combs(frames) < combs(woven) / 4


@pytest.mark.parametrize(
    ("aspect", "shape"), [(Fraction(16, 11), (48, 94)), (Fraction(1, 2), (96, 64)), (Fraction(1), (48, 64))]
)
def test_pixels_become_square(tmp_path: Path, aspect: Fraction, shape: tuple[int, int]) -> None:
    path = write_video(tmp_path / "a.mp4", waves(3), codec="libx264", pixels="yuv420p", aspect=aspect)
    assert {t.frame.shape[:2] for t in read_video(path)} == {shape}


@pytest.mark.parametrize(
    ("codec", "pixels", "name"),
    [
        ("ffv1", "gbrp12le", "a.mkv"),
        ("ffv1", "yuv444p10le", "a.mkv"),
        ("prores_ks", "yuv422p10le", "a.mov"),
        ("png", "rgb48be", "a.mov"),
    ],
)
def test_deep_video_keeps_its_colours(tmp_path: Path, codec: str, pixels: str, name: str) -> None:
    film = waves(4, 49, 65) if pixels != "yuv422p10le" else waves(4)  # odd sizes, where the codec has them
    frames = np.stack([t.frame for t in read_video(write_video(tmp_path / name, film, codec=codec, pixels=pixels))])
    assert frames.shape == (*film.shape[:3], 4)
    assert (frames[..., 3] == 255).all()
    assert np.abs(frames[..., :3].astype(int) - film).mean() < 4


@pytest.mark.parametrize(
    ("codec", "pixels", "name"),
    [
        ("ffv1", "bgra", "a.mkv"),
        ("prores_ks", "yuva444p10le", "a.mov"),
        ("qtrle", "argb", "a.mov"),
        ("libvpx-vp9", "yuva420p", "a.webm"),
    ],
)
def test_alpha_is_kept_and_premultiplied(tmp_path: Path, codec: str, pixels: str, name: str) -> None:
    film = np.concatenate([waves(4), np.full((4, 48, 64, 1), 128, np.uint8)], axis=3)
    frames = np.stack([t.frame for t in read_video(write_video(tmp_path / name, film, codec=codec, pixels=pixels))])
    assert np.abs(frames[..., 3].astype(int) - 128).max() <= 3
    assert np.abs(frames[..., :3] - film[..., :3] * (128 / 255)).mean() < 3


def test_reading_from_the_middle_gives_the_same_frames(tmp_path: Path) -> None:
    film = waves(60)
    path = write_video(tmp_path / "a.mp4", film, codec="libx264", pixels="yuv444p", options={"crf": "1"})
    whole = list(read_video(path))
    assert [t.time for t in whole] == pytest.approx([i / 25 for i in range(60)])
    part = list(read_video(path, start=39.5 / 25))
    assert [t.time for t in part] == [t.time for t in whole[40:]]
    assert all((a.frame == b.frame).all() for a, b in zip(part, whole[40:], strict=True))
    assert {t.frame.shape for t in read_video(path, shorter=24)} == {(24, 32, 4)}


def test_what_holds_no_pictures_is_named(tmp_path: Path) -> None:
    sound = tmp_path / "sound.mp4"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(FootageError, match=r"sound\.mp4: has no pictures"):
        next(read_video(sound))
    with pytest.raises(FootageError, match="cannot be read"):
        video_info(tmp_path / "missing.mp4")
