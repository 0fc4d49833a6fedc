# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an element ends that was seen only so wide: beside it there is nothing, not what no footage showed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..card import Style

FADE = 1 / 16  # in element heights, from all to nothing


def presence(
    styles: Sequence[tuple[Style, float, tuple[float, ...]]], places: NDArray[np.float64]
) -> NDArray[np.float32] | None:
    """How much of a mix is there, 0..1, at ``places`` (P,): element heights right of the anchor. None: all of it everywhere.

    A style that is anchored in x and has alpha is there as far to both sides as it was seen (``Style.aspect``), and fades
    beyond. A blend has it by its share.
    """
    bound = [
        (style.aspect / 2, share)
        for style, share, _ in styles
        if style.alpha and style.aspect and "x" in style.anchored
    ]
    if not bound:
        return None
    gone = sum(share * np.clip((np.abs(places) - edge) / FADE, 0, 1) for edge, share in bound)
    return (1 - np.asarray(gone)).astype(np.float32)
