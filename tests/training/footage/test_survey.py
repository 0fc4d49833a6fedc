# SPDX-License-Identifier: GPL-3.0-or-later
"""What a film is: its rate, whatever its timestamps say, and the part of it that is used."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest

from tests.training.footage.films import opaque, ripples, waves, write_video
from training.errors import FootageError
from training.footage.pixels import Frame
from training.footage.sources import Source
from training.footage.survey import even_frames, survey
from training.footage.video import Timed

REAL = Path(__file__).parents[4] / "shared" / "footage"
DARK = np.zeros((1, 1, 4), np.uint8)


def rate(path: Path) -> tuple[float | None, bool]:
    found = survey(Source((path,)), "none", 32)
    return found.fps, found.uneven


def test_a_constant_rate_is_the_one_that_the_file_states(tmp_path: Path) -> None:
    assert rate(write_video(tmp_path / "a.mkv", waves(40), fps=25)) == (25, False)
    # Matroska rounds times to milliseconds.
    assert rate(write_video(tmp_path / "b.mkv", waves(40), fps=60)) == (60, False)


def test_a_variable_rate_is_resampled_by_its_times(tmp_path: Path) -> None:
    times = list(accumulate([80 if i % 7 == 3 else 40 for i in range(59)], initial=0))
    path = write_video(tmp_path / "a.mkv", waves(60), times=times)
    assert rate(path) == (25, True)


def test_even_frames_are_those_nearest_in_time() -> None:
    def frame(value: int) -> Frame:
        return DARK + np.uint8(value)

    film = [Timed(t, frame(i)) for i, t in enumerate((0.0, 0.04, 0.12, 0.16, 0.17, 0.2))]
    assert [int(f[0, 0, 0]) for f in even_frames(iter(film), 25)] == [0, 1, 2, 2, 3, 5]
    # A gap of hours is a cut, not hours of stills.
    leap = [Timed(0.0, frame(0)), Timed(0.04, frame(1)), Timed(9000.0, frame(2)), Timed(9000.04, frame(3))]
    assert [int(f[0, 0, 0]) for f in even_frames(iter(leap), 25)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [([0, 0, 1, 1, 2, 2], 1 / 2), ([0, 0, 0, 1, 1, 1], 1 / 3), ([0, 0, 1, 2, 3], 4 / 5), ([0, 1, 2, 3], 1)],
)
@pytest.mark.parametrize("lossy", [False, True])
def test_held_frames_do_not_count(tmp_path: Path, pattern: list[int], kept: float, lossy: bool) -> None:
    drawn = ripples(80, 64, 96)[..., :3]
    each = max(pattern) + 1
    film = np.concatenate([drawn[[each * n + i for i in pattern]] for n in range(60 // len(pattern))])
    options = {"codec": "libx264", "pixels": "yuv420p", "options": {"crf": "20"}} if lossy else {}
    found = survey(Source((write_video(tmp_path / "a.mkv", film, fps=24, **options),)), "none", 32)  # type: ignore[arg-type]
    assert found.fps == pytest.approx(24 * kept)
    assert (found.held > 0) == (kept < 1)


def test_the_crop_is_never_smaller_than_a_training_clip(tmp_path: Path) -> None:
    film = np.repeat(opaque(np.random.default_rng(0).uniform(40, 200, (1, 96, 128))), 60, axis=0)
    film[:, 10:30, 50:70] = ripples(60, 20, 20)
    path = write_video(tmp_path / "a.mkv", film[..., :3])
    rows, columns = survey(Source((path,)), "auto", 48).box.pixels(96, 128)
    assert rows.stop - rows.start == columns.stop - columns.start == 48
    assert rows.start <= 10 < 30 <= rows.stop
    assert columns.start <= 50 < 70 <= columns.stop
    box = survey(Source((path,)), (8, 4, 100, 80), 48).box
    assert box.pixels(96, 128) == np.s_[4:84, 8:108]
    with pytest.raises(FootageError, match="128x96"):
        survey(Source((path,)), (100, 0, 100, 80), 48)


def test_a_cut_is_no_motion(tmp_path: Path) -> None:
    film = np.repeat(opaque(np.full((1, 96, 128), 60)), 80, axis=0)
    film[40:, :, :, :3] = 200
    film[:, 50:, :] = ripples(80, 46, 128)
    rows, _ = survey(Source((write_video(tmp_path / "a.mkv", film[..., :3]),)), "auto", 32).box.pixels(96, 128)
    assert abs(rows.start - 50) <= 3


def test_a_long_film_is_looked_at_here_and_there(tmp_path: Path) -> None:
    """What moves only in its second half is found."""
    film = np.repeat(opaque(np.full((1, 48, 64), 90)), 600, axis=0)
    film[300:, 20:, :40] = ripples(300, 28, 40)
    rows, columns = survey(Source((write_video(tmp_path / "a.mkv", film[..., :3]),)), "auto", 24).box.pixels(48, 64)
    assert abs(rows.start - 20) <= 2
    assert abs(columns.stop - 40) <= 2


@pytest.mark.skipif(not REAL.is_dir(), reason="no real footage beside the checkout")
@pytest.mark.parametrize(
    ("name", "box", "anchored"),
    [
        ("lake.mp4", (0, 118, 320, 239), ()),
        ("boiling_water.avi", (0, 0, 384, 234), ("x", "y")),
        ("fountain.avi", (16, 18, 285, 288), ("x", "y")),
    ],
)
def test_real_footage_is_cut_to_what_a_person_would_cut_it_to(
    name: str, box: tuple[int, int, int, int], anchored: tuple[str, ...]
) -> None:
    found = survey(Source((REAL / name,)), "auto", 64)
    rows, columns = found.box.pixels(found.height, found.width)
    assert (columns.start, rows.start, columns.stop, rows.stop) == pytest.approx(box, abs=10)
    assert found.anchored == anchored
    assert found.fps == 25
