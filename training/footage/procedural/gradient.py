# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours along a path."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def gradient(stops: Sequence[Sequence[float]], place: Tensor) -> Tensor:
    """Evenly spaced ``stops`` blended at ``place`` in 0..1, of any shape (B, ...): colours (B, channels, ...)."""
    colours = place.new_tensor(stops)
    place = place.clamp(0, 1) * (len(stops) - 1)
    below = place.floor().clamp(max=len(stops) - 2)
    first = below.long()
    return colours[first].lerp(colours[first + 1], (place - below)[..., None]).movedim(-1, 1)
