# SPDX-License-Identifier: GPL-3.0-or-later
"""Cuts are found, flicker and flashes are none."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.footage.films import Film, opaque, ripples
from training.footage.shots import find_shots


def cuts(film: Film) -> list[int]:
    shots = find_shots(film)
    assert [i for first, last in shots for i in range(first, last)] == list(range(len(film)))
    return [first for first, _ in shots[1:]]


def shots(*lengths: int) -> Film:
    """Slow ripples, anew in each shot."""
    return np.concatenate([ripples(n, 48, 64, seed=seed, cell=8, pace=0.02) for seed, n in enumerate(lengths)])


@pytest.mark.parametrize("lengths", [(30, 40), (12, 12, 12), (25, 60, 9)])
def test_cuts_are_found(lengths: tuple[int, ...]) -> None:
    assert cuts(shots(*lengths)) == np.cumsum(lengths)[:-1].tolist()


def test_fast_motion_and_flicker_are_no_cuts() -> None:
    assert cuts(ripples(80, 48, 64, pace=0.8)) == []
    light = np.random.default_rng(0).uniform(0.5, 1, 80)
    assert cuts(opaque(shots(80)[..., 0] * light[:, None, None])) == []


def test_lightning_is_no_cut() -> None:
    rng = np.random.default_rng(0)
    night = 20 + rng.uniform(0, 8, (100, 48, 64))
    for flash in (20, 21, 50, 52, 80):
        night[flash] = 200
    for i, level in enumerate((220, 160, 110, 60)):
        night[62 + i] = level
    assert cuts(opaque(night)) == []


def test_a_flash_beside_a_cut_does_not_hide_it() -> None:
    film = shots(40, 40)
    film[36, ..., :3] = 250
    assert cuts(film) == [40]


@pytest.mark.parametrize("frames", [0, 1, 2, 5])
def test_short_films_are_one_shot(frames: int) -> None:
    assert find_shots(ripples(5)[:frames]) == [(0, frames)]
