# SPDX-License-Identifier: GPL-3.0-or-later
"""All subjects, in the gallery's order."""

from __future__ import annotations

from .fires import embers, fire, lava, torch
from .skies import aurora, clouds, nebula, smoke
from .subject import Subject
from .waters import caustics, ink, ocean
from .weather import energy, rain, snow

_ALL = (fire, torch, embers, lava, smoke, clouds, aurora, nebula, energy, caustics, ocean, ink, rain, snow)
SUBJECTS: dict[str, Subject] = {subject.style: subject for subject in _ALL}
