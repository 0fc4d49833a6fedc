# SPDX-License-Identifier: GPL-3.0-or-later
"""Films become clips to compare with: as training cuts them, few ones cut short, told apart by their digests."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aigc_blender.card import Card, Control, Rights, Style
from tests.training.footage.films import ripples, write_picture, write_video
from training.footage.sources import digests, find_sources
from training.metrics.report import EvaluationError
from training.reference import HELD_OUT, SHORTEST, TRAINED, UNKNOWN, Protocol, Reference, films, simulations

REAL = Path(__file__).parents[3] / "shared" / "footage"
STYLE = Style(name="campfire", anchored=("y",), native_height=32, max_height=64, controls=(Control("wood", 0.25),))


def card(*trained_on: Path, size: int = 32) -> Card:
    digests = tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in trained_on)
    return Card("Fire", (STYLE,), {}, rights=Rights("ours", digests=digests), training={"config": {"size": size}})


def film(path: Path, frames: int, seed: int = 0, height: int = 36, width: int = 50) -> Path:
    return write_video(path, ripples(frames, height, width, seed)[..., :3])


def reference(known: Card, *paths: Path, cache: Path, **options: Any) -> Reference:
    protocol = options.pop("protocol", Protocol())
    return films(known, None, paths, protocol, cache, 24.0, "none", lambda _: None, **options)


def test_one_film_of_150_frames_gives_halves_that_are_called_dependent(tmp_path: Path) -> None:
    found = reference(card(), film(tmp_path / "a.mkv", 150), cache=tmp_path / "cache")
    count, frames = found.clips.shape[:2]
    assert count >= 8
    assert count % 2 == 0
    assert SHORTEST <= frames <= 32
    assert found.clips.shape[2:] == (32, 44, 4)
    assert any(f"{count} clips of {frames} frames" in note and "one film" in note for note in found.notes)
    assert any("not independent" in note for note in found.notes)
    # What is not known to be held out may have been trained on: there copies are looked for.
    assert found.files[0].role == UNKNOWN
    assert not found.unseen
    assert found.training is not None
    long = found.long.reshape(-1, *found.clips.shape[2:])
    for clip in found.clips:
        start = next(i for i, frame in enumerate(long) if np.array_equal(frame, clip[0]))
        np.testing.assert_array_equal(long[start : start + frames], clip)


def test_held_out_films_are_compared_with_and_those_trained_on_are_searched(tmp_path: Path) -> None:
    trained, held_out = film(tmp_path / "a.mkv", 80, seed=1), film(tmp_path / "b.mkv", 80, seed=2)
    found = reference(card(trained), trained, held_out, cache=tmp_path / "cache")
    assert {file.name: file.role for file in found.files} == {"a.mkv": TRAINED, "b.mkv": HELD_OUT}
    assert found.unseen
    assert found.training is not None
    alone = reference(card(trained), held_out, cache=tmp_path / "cache")
    assert alone.training is None
    assert {c.tobytes() for c in alone.clips[:, 0]} & {c.tobytes() for c in found.clips[:, 0]}
    known = {frame.tobytes() for clip in found.training for frame in clip}
    assert not known & {frame.tobytes() for clip in found.clips for frame in clip}
    seen = reference(card(trained), trained, cache=tmp_path / "cache")
    assert not seen.unseen
    assert any("No film is held out" in note for note in seen.notes)


def test_pictures_of_which_some_were_trained_on_are_not_held_out(tmp_path: Path) -> None:
    """However many are before or after those: a run of pictures is one film."""
    folder = tmp_path / "shot"
    folder.mkdir()
    for number, frame in enumerate(ripples(100, 36, 50)):
        write_picture(folder / f"{number:04d}.png", frame[..., :3].astype(np.float32) / 255, "uint8")
    (source,), _ = find_sources([folder])
    part = source.between(10, 60)
    assert part is not None
    trained = Card("Fire", (STYLE,), {}, rights=Rights("ours", digests=digests(part)))
    for first, last, role in (
        (0, 99, TRAINED),
        (15, 55, TRAINED),
        (10, 60, TRAINED),
        (60, 99, TRAINED),
        (61, 99, HELD_OUT),
    ):
        tags = tmp_path / "footage.toml"
        tags.write_text(f'[[clips]]\nfiles = "shot/*.png"\nframes = [{first}, {last}]\n')
        (file,) = reference(trained, tmp_path, cache=tmp_path / "cache").files
        assert file.role == role, (first, last)


def test_of_a_film_taller_than_the_element_an_anchored_style_takes_the_bottom(tmp_path: Path) -> None:
    frames = np.tile(np.arange(60, dtype=np.uint8)[:, None, None] * 4, (1, 32, 3))
    noise = np.random.default_rng(0).integers(0, 12, (40, 60, 32, 3), dtype=np.uint8)
    found = reference(card(), write_video(tmp_path / "a.mkv", frames + noise), cache=tmp_path / "cache")
    assert found.clips.shape[2:4] == (32, 32)
    assert found.clips[:, :, -1].mean((0, 1, 2))[0] > 230


def test_tags_give_controls_and_their_absence_the_defaults(tmp_path: Path) -> None:
    folder = tmp_path / "footage"
    folder.mkdir()
    for name in ("low", "high"):
        film(folder / f"{name}.mkv", 40, seed=len(name))
    plain = reference(card(), folder, cache=tmp_path / "cache")
    assert plain.trials is None
    assert set(plain.controls.ravel()) == {0.25}
    (folder / "footage.toml").write_text(
        '[[clips]]\nfiles = "low.mkv"\ncontrols = { wood = 0.0, wind = 0.5 }\n'
        '[[clips]]\nfiles = "high.mkv"\ncontrols = { wood = 1.0, wind = 0.5 }\n'
    )
    tagged = reference(card(), folder, cache=tmp_path / "cache")
    assert tagged.trials is not None
    assert tagged.controls.shape == (len(tagged.clips), 1)
    assert set(tagged.controls.ravel()) == {0.0, 1.0}


def test_too_little_footage_and_unknown_styles_are_refused_with_a_remedy(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", 20)
    with pytest.raises(EvaluationError, match="add longer shots"):
        reference(card(), path, cache=tmp_path / "cache")
    with pytest.raises(EvaluationError, match="campfire"):
        films(card(), "lava", [path], Protocol(), tmp_path / "cache", 24.0, None, lambda _: None)
    with pytest.raises(EvaluationError, match="give a --size"):
        reference(card(), path, cache=tmp_path / "cache", protocol=Protocol(size=16))


@pytest.mark.skipif(not REAL.is_dir(), reason="the real footage is not there")
def test_real_footage_gives_two_halves(tmp_path: Path) -> None:
    found = reference(card(), REAL / "lake.mp4", cache=tmp_path / "cache")
    assert len(found.clips) >= 8
    assert found.clips.shape[2] == 32


def test_a_model_is_compared_in_the_controls_that_it_knows(tmp_path: Path) -> None:
    old = Style(
        name="snow", native_height=32, max_height=32, alpha=True, controls=(Control("size"), Control("density"))
    )
    protocol = Protocol(clips=4, frames=8, stretch=8, loop=7, searched=8, trials=6, trial=8)
    told: list[str] = []
    (found,) = simulations(Card("Old", (old,), {}), [], protocol, tmp_path, torch.device("cpu"), told.append)
    assert found.controls.shape == (4, 2)
    assert any("wind" in note and "default" in note for note in found.notes)
    # In the style's own order: what has more flakes covers more.
    cover = found.clips[..., 3].mean((1, 2, 3))
    assert np.corrcoef(found.controls[:, 1], cover)[0, 1] > 0.5
    gone = replace(old, controls=(Control("sparkle"),))
    with pytest.raises(EvaluationError, match="sparkle"):
        simulations(Card("Odd", (gone,), {}), [], protocol, tmp_path, torch.device("cpu"), told.append)
