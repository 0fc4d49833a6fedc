# SPDX-License-Identifier: GPL-3.0-or-later
"""Films become clips: every format to the same pixels, no clip across a cut, bad files left out with one line."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import OpenImageIO
import pytest
from numpy.typing import NDArray

from aigc_blender.card import MAX_STYLES
from training.errors import FootageError
from training.footage.clips import Footage
from training.footage.names import style_name
from training.footage.read import read_footage
from training.footage.sources import find_sources, read_frames
from training.footage.store import LONGEST_CLIP

ROOT = Path(__file__).parents[3]
REAL = Path(__file__).parents[4] / "shared" / "footage"


def moving(frames: int, height: int = 32, width: int = 40, colour: int = 0) -> NDArray[np.uint8]:
    """A smooth wave that drifts; (F, H, W, 3)."""
    t, y, x = np.meshgrid(np.arange(frames), np.arange(height), np.arange(width), indexing="ij")
    wave = 100 + 60 * np.sin((x + t) / 6) * np.cos(y / 9)
    film = np.stack([wave, wave * 0.5, np.full_like(wave, colour)], axis=-1)
    return np.asarray(film.round(), np.uint8)


def video(path: Path, film: NDArray[np.uint8], fps: int = 25) -> Path:
    """Without loss."""
    iio.imwrite(path, film, plugin="pyav", codec="ffv1", fps=fps, in_pixel_format="rgb24", out_pixel_format="bgr0")
    return path


def picture(path: Path, pixels: NDArray[Any], kind: str) -> None:
    spec = OpenImageIO.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kind)
    out = OpenImageIO.ImageOutput.create(str(path))
    assert out.open(str(path), spec)
    assert out.write_image(pixels)
    out.close()


def read(*paths: Path, cache: Path, size: int = 32, frames: int = 9, **options: Any) -> tuple[Footage, list[str]]:
    """The footage and all lines but the last, which sums up."""
    lines: list[str] = []
    options = {"style": "waves", "crop": "none", "anchored": (), **options}
    material = read_footage(paths, cache, size=size, frames=frames, report=lines.append, **options)
    (footage,) = material.footage
    return footage, lines[:-1]


def test_a_video_becomes_its_frames(tmp_path: Path) -> None:
    film = moving(30)
    footage, lines = read(video(tmp_path / "a.mkv", film), cache=tmp_path / "cache")
    assert lines == []
    assert footage.style.fps == 25
    assert not footage.style.alpha
    assert footage.style.anchored == footage.periodic == ()
    (clips,) = footage.scales.values()
    assert clips.shape == (1, 30, 32, 40, 4)
    assert (clips[..., 3] == 255).all()
    assert np.abs(clips[0, ..., :3].astype(int) - film).max() <= 1
    assert len(footage.controls) == len(clips)


def test_large_films_give_a_second_scale_and_small_ones_do_not(tmp_path: Path) -> None:
    small = video(tmp_path / "a_small.mkv", moving(20, 40, 50))
    large = video(tmp_path / "b_large.mkv", moving(20, 128, 160, colour=200))
    footage, _ = read(small, large, cache=tmp_path / "cache")
    assert {height: len(array) for height, array in footage.scales.items()} == {32: 2, 64: 1}
    assert (footage.style.native_height, footage.style.max_height) == (32, 64)
    coarse, fine = footage.scales[32][0], footage.scales[64][0]
    assert fine.shape == (20, 64, 80, 4)
    assert (fine[..., 2] == 200).all(), "the large film's"
    halved = fine.reshape(20, 32, 2, 40, 2, 4).mean((2, 4))
    assert np.abs(halved - coarse).mean() < 3, "the same clip"


def test_films_of_other_shapes_are_cropped_to_what_all_have(tmp_path: Path) -> None:
    tall = moving(20, 64, 32)
    tall[:, 32:, :, 2] = 255
    paths = video(tmp_path / "wide.mkv", moving(20, 32, 48)), video(tmp_path / "tall.mkv", tall)
    middle, _ = read(*paths, cache=tmp_path / "cache")
    assert middle.scales[32].shape[2:] == (32, 32, 4)
    assert 100 < middle.scales[32][1, ..., 2].mean() < 160
    bottom, _ = read(*paths, cache=tmp_path / "cache", anchored=("y",))
    assert bottom.style.anchored == ("y",)
    assert (bottom.scales[32][1, ..., 2] == 255).all()


def test_clips_do_not_span_cuts(tmp_path: Path) -> None:
    film = np.concatenate([moving(25), 255 - moving(14), moving(40)])
    footage, _ = read(video(tmp_path / "a.mkv", film), cache=tmp_path / "cache")
    (clips,) = footage.scales.values()
    changes = np.abs(np.diff(clips.astype(int), axis=1)).mean((2, 3, 4))
    assert changes.max() < 10
    assert len(clips) * clips.shape[1] >= 60
    blue = clips[..., 2].mean((1, 2, 3))
    assert set(blue) == {0, 255}, "both shots are there"


def test_clips_are_at_most_so_long_and_lose_little(tmp_path: Path) -> None:
    footage, _ = read(video(tmp_path / "a.mkv", moving(100)), cache=tmp_path / "cache", frames=21)
    clips, length = footage.scales[32].shape[:2]
    assert 21 <= length <= LONGEST_CLIP
    assert clips * length >= 95


@pytest.mark.parametrize(("suffix", "kind"), [("png", "uint8"), ("png", "uint16"), ("tif", "uint16"), ("exr", "half")])
def test_pictures_are_read_alike_with_alpha_premultiplied(tmp_path: Path, suffix: str, kind: str) -> None:
    alpha = np.tile(np.linspace(0, 1, 40, dtype=np.float32)[None, :, None], (32, 1, 1))
    colour = alpha * np.array([1.0, 0.5, 0.25], np.float32)  # premultiplied, sRGB
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    for number in range(8, 20):  # the number of digits changes
        stored = np.concatenate([linear if suffix == "exr" else colour, alpha], axis=2).astype(np.float32)
        picture(tmp_path / f"a.{number}.{suffix}", stored, kind)
    footage, lines = read(tmp_path, cache=tmp_path / "cache", fps=12.0)
    assert lines == []
    assert footage.style.alpha
    assert footage.style.fps == 12
    expected = np.concatenate([colour, alpha], axis=2) * 255
    assert footage.scales[32].shape[:2] == (1, 12)
    # Straight alpha in 8 bits loses as much where alpha is small.
    assert np.abs(footage.scales[32][0, 3] - expected).max() <= 1.5


def test_grey_and_jpeg_pictures_are_opaque(tmp_path: Path) -> None:
    for number in range(10):
        picture(tmp_path / f"grey{number}.png", np.full((32, 32, 1), 0.6, np.float32), "uint8")
        picture(tmp_path / f"photo{number}.jpg", np.full((32, 32, 3), 0.6, np.float32), "uint8")
    footage, lines = read(tmp_path, cache=tmp_path / "cache")
    assert lines == []
    assert len(footage.scales[32]) == 2
    assert np.abs(footage.scales[32][..., :3].astype(int) - 153).max() <= 2
    assert not footage.style.alpha


def test_a_missing_number_ends_a_film(tmp_path: Path) -> None:
    for number in [*range(1, 11), *range(12, 24)]:
        picture(tmp_path / f"f{number:04d}.png", np.zeros((8, 8, 3), np.float32), "uint8")
    (tmp_path / "cover.png").write_bytes((tmp_path / "f0001.png").read_bytes())
    sources, faults = find_sources([tmp_path])
    assert [(s.name, len(s.files)) for s in sources] == [("f0001-0010.png", 10), ("f0012-0023.png", 12)]
    assert len(faults) == 1
    assert "cover.png" in faults[0]
    named, _ = find_sources(sorted(tmp_path.glob("f*.png")))
    assert named == sources, "as a shell lists them"


def test_bad_files_are_left_out_with_one_line_each(tmp_path: Path) -> None:
    good = video(tmp_path / "good.mkv", moving(30))
    text = tmp_path / "notes.txt"
    text.write_text("not a film\n" * 50)
    liar = tmp_path / "liar.mp4"
    liar.write_text("not a film\n" * 50)
    empty = tmp_path / "empty.mov"
    empty.touch()
    cut_off = tmp_path / "cut_off.mkv"
    cut_off.write_bytes(good.read_bytes()[: good.stat().st_size * 2 // 3])
    small = video(tmp_path / "small.mkv", moving(30, 24, 30))
    short = video(tmp_path / "short.mkv", moving(8))
    fast = video(tmp_path / "fast.mkv", moving(30), fps=50)
    damaged = [tmp_path / f"d{number:02d}.png" for number in range(12)]
    for path in damaged:
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 100)
    bad = [text, liar, empty, small, short, fast, *damaged, tmp_path / "missing.mp4"]
    footage, lines = read(good, cut_off, *bad, cache=tmp_path / "cache")
    assert len(footage.scales[32]) >= 1
    for name in ("notes.txt", "liar.mp4", "empty.mov", "small.mkv", "short.mkv", "fast.mkv", "d00.png", "missing.mp4"):
        assert len([line for line in lines if name in line]) == 1, name
    assert not any("\n" in line or "good.mkv" in line for line in lines)
    with pytest.raises(FootageError, match="None of the footage"):
        read(*bad[:4], cache=tmp_path / "cache")
    with pytest.raises(FootageError, match="long enough"):
        read(short, cache=tmp_path / "cache")


def test_a_text_file_is_never_a_film(tmp_path: Path) -> None:
    """Some decoders draw text."""
    path = tmp_path / "notes.txt"
    path.write_text("hello\n" * 100)
    assert find_sources([tmp_path]) == ([], [])
    with pytest.raises(FootageError):
        read(path, cache=tmp_path / "cache")


def test_files_are_read_once_and_again_when_they_change(tmp_path: Path) -> None:
    path, cache = video(tmp_path / "a.mkv", moving(30)), tmp_path / "cache"

    def stored() -> dict[Path, int]:
        return {p: p.stat().st_mtime_ns for p in cache.rglob("*.rgba")}

    first, _ = read(path, cache=cache)
    before = stored()
    again, _ = read(path, cache=cache)
    assert stored() == before
    assert (again.scales[32] == first.scales[32]).all()
    video(path, moving(30, colour=99))
    changed, _ = read(path, cache=cache)
    assert (changed.scales[32][..., 2] == 99).all()


# Ends itself where the film does, its frames written but the cache not finished.
CHILD = """
import os, signal, sys
from pathlib import Path
from training.footage.read import read_footage
def report(line):
    if "first 20 frames" in line:
        os.kill(os.getpid(), signal.SIGKILL)
read_footage([Path(sys.argv[1])], Path(sys.argv[2]), size=32, frames=9, report=report, crop="none", style="waves", anchored=())
"""


def test_a_killed_reader_leaves_a_cache_that_is_made_anew(tmp_path: Path) -> None:
    place, cache = tmp_path / "waves", tmp_path / "cache"
    place.mkdir()
    for number, frame in enumerate(moving(30)):
        picture(place / f"a{number:02d}.png", frame.astype(np.float32) / 255, "uint8")
    (place / "a20.png").write_bytes(b"no picture")
    child = subprocess.run([sys.executable, "-c", CHILD, str(place), str(cache)], cwd=ROOT, check=False)
    assert child.returncode == -signal.SIGKILL
    assert list(cache.rglob("*.rgba")), "it was killed in the middle"
    footage, _ = read(place, cache=cache)
    assert footage.scales[32].shape == (1, 20, 32, 40, 4)
    assert np.abs(footage.scales[32][0, ..., :3].astype(int) - moving(20)).max() <= 1
    assert not list(cache.rglob("*.part"))


def test_a_cache_that_cannot_be_written_is_an_error_of_one_sentence(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mkv", moving(30))
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(FootageError, match="cannot be stored"):
        read(path, cache=tmp_path / "cache")


@pytest.mark.parametrize(
    ("name", "style"), [("Camp Fire 01.mov", "camp_fire"), ("ÄÖ.mp4", "footage"), ("lake.mp4", "lake")]
)
def test_a_style_is_named_after_its_footage(tmp_path: Path, name: str, style: str) -> None:
    assert style_name([tmp_path / name]) == style


@pytest.mark.skipif(not REAL.is_dir(), reason="no real footage beside the checkout")
def test_real_footage(tmp_path: Path) -> None:
    footage, lines = read(REAL / "lake.mp4", REAL / "fountain.avi", cache=tmp_path, size=64, frames=21)
    assert lines == []
    assert footage.style.fps == 25
    assert set(footage.scales) == {64, 128}
    assert footage.scales[64].shape[0] * footage.scales[64].shape[1] > 350
    first = next(read_frames(find_sources([REAL / "lake.mp4"])[0][0])).frame
    assert abs(first[..., :3].mean() - footage.scales[128][0, 0, ..., :3].mean()) < 10


def test_films_of_different_scenes_are_told_and_can_each_be_a_style(tmp_path: Path) -> None:
    scenes = [moving(30), np.flip(moving(30, colour=255), axis=3).copy()]
    scenes[1][:, :16] //= 4
    for name, film in zip(("left", "right"), scenes, strict=True):
        video(tmp_path / f"{name}.mkv", film)
    lines: list[str] = []
    options: dict[str, Any] = {"crop": "none", "anchored": ("x", "y"), "report": lines.append}
    mixed = read_footage([tmp_path], tmp_path / "cache", size=32, frames=9, style="both", **options)
    assert [f.style.name for f in mixed.footage] == ["both"]
    assert sum("--each" in line for line in lines) == 1
    lines.clear()
    apart = read_footage([tmp_path], tmp_path / "cache", size=32, frames=9, each=True, **options)
    assert [f.style.name for f in apart.footage] == ["left", "right"]
    assert not any("--each" in line for line in lines)


def test_each_film_has_a_style_of_its_own_whatever_its_name(tmp_path: Path) -> None:
    film = moving(12)
    for name in ("shot_01.mkv", "shot_02.mkv", "more/shot_02.mkv", "0001.mkv", "火.mkv", "水.mkv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        video(tmp_path / name, film)
    (tmp_path / "fire").mkdir()
    for number, pixels in enumerate(film):
        picture(tmp_path / "fire" / f"{number:04d}.png", pixels.astype(np.float32) / 255, "uint8")
    (tmp_path / "footage.toml").write_text('[[clips]]\nfiles = "shot_01.mkv"\nstyle = "footage"\n')
    material = read_footage(
        [tmp_path], tmp_path / "cache", size=32, frames=9, crop="none", anchored=(), each=True, report=print
    )
    names = {film.path.removeprefix(f"{tmp_path}/"): film.style for film in material.films}
    assert names == {
        "shot_01.mkv": "footage",
        "shot_02.mkv": "shot_02_2",
        "more/shot_02.mkv": "shot_02",
        "0001.mkv": "0001",
        "水.mkv": "footage_2",
        "火.mkv": "footage_3",
        "fire/0000.png": "fire",
    }
    assert len(material.footage) == len(names)


def test_more_styles_than_a_model_holds_are_refused_before_they_are_read(tmp_path: Path) -> None:
    for number in range(MAX_STYLES + 1):
        (tmp_path / f"{number}.mkv").write_bytes(b"")
    lines: list[str] = []
    with pytest.raises(FootageError, match=f"{MAX_STYLES + 1} styles"):
        read_footage([tmp_path], tmp_path / "cache", size=32, frames=9, each=True, report=lines.append)
    assert not lines


def test_takes_of_one_scene_are_one_style(tmp_path: Path) -> None:
    for name, start in (("a", 0), ("b", 25)):
        video(tmp_path / f"{name}.mkv", moving(60)[start : start + 30])
    lines: list[str] = []
    read_footage(
        [tmp_path], tmp_path / "cache", size=32, frames=9, crop="none", anchored=("x", "y"), report=lines.append
    )
    assert not any("--each" in line for line in lines)


def test_each_leaves_out_films_of_no_use_and_goes_on(tmp_path: Path) -> None:
    film = moving(30)
    for name, shown in (("b", film), ("short", film[:4]), ("small", film[:, :24]), ("z", film)):
        video(tmp_path / f"{name}.mkv", shown)
    (tmp_path / "a.mp4").write_text("no film")
    lines: list[str] = []
    options: dict[str, Any] = {"size": 32, "frames": 9, "crop": "none", "each": True, "report": lines.append}
    material = read_footage([tmp_path], tmp_path / "cache", **options)
    assert [f.style.name for f in material.footage] == ["b", "z"]
    skipped = {film.name: film.skipped for film in material.films if film.skipped}
    assert set(skipped) == {"a.mp4", "short.mkv", "small.mkv"}
    for name, reason in skipped.items():
        assert reason
        assert [line for line in lines if line.startswith(name)] == [f"{name}: {reason}; skipped."]
    (tmp_path / "b.mkv").unlink()
    (tmp_path / "z.mkv").unlink()
    with pytest.raises(FootageError, match="None of the footage"):
        read_footage([tmp_path], tmp_path / "cache", **options)
