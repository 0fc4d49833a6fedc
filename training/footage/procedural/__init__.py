# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage that the project renders itself, so that the bundled model's rights are clean."""

from __future__ import annotations

from .aurora import AURORA
from .caustics import CAUSTICS
from .clouds import CLOUDS
from .element import Element
from .embers import EMBERS
from .energy import ENERGY
from .fire import FIRE
from .ink import INK
from .lava import LAVA
from .nebula import NEBULA
from .ocean import OCEAN
from .rain import RAIN
from .smoke import SMOKE
from .snow import SNOW
from .torch_flame import TORCH

ELEMENTS: dict[str, Element] = {
    element.name: element
    for element in (
        FIRE,
        TORCH,
        EMBERS,
        SMOKE,
        INK,
        CAUSTICS,
        OCEAN,
        LAVA,
        CLOUDS,
        AURORA,
        NEBULA,
        ENERGY,
        RAIN,
        SNOW,
    )
}
