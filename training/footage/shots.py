# SPDX-License-Identifier: GPL-3.0-or-later
"""Where one shot ends and the next begins: a frame that differs from the last far more than its neighbours do."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

RADIUS = 8  # changes on either side that a cut is compared with
RATIO = 4.0  # how much more than their median it must be
FLOOR = 0.04  # below this difference nothing is a cut


def find_shots(changes: Sequence[float]) -> list[tuple[int, int]]:
    """First and last + 1 frame of each shot of a film.

    ``changes[i]`` is the mean absolute difference of frames i and i + 1, in 0..1: there is one frame
    more than there are changes. Fire and lightning change a lot, but all the time: they are not cut.
    """
    cuts = []
    for i, change in enumerate(changes):
        around = [*changes[max(0, i - RADIUS) : i], *changes[i + 1 : i + 1 + RADIUS]]
        if change > max(FLOOR, RATIO * median(around or [0.0])):
            cuts.append(i + 1)
    return list(zip([0, *cuts], [*cuts, len(changes) + 1], strict=True))
