# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage that the project renders itself, so that the bundled model's rights are clean."""

from __future__ import annotations

from .caustics import CAUSTICS
from .clouds import CLOUDS
from .element import Element
from .fire import FIRE
from .smoke import SMOKE

ELEMENTS: dict[str, Element] = {element.name: element for element in (FIRE, SMOKE, CAUSTICS, CLOUDS)}
