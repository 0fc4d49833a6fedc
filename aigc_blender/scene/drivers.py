# SPDX-License-Identifier: GPL-3.0-or-later
"""Drivers that follow the properties of other data-blocks.

Expressions stay within what Blender evaluates without Python, so that they need no permission to run, and within the
255 characters that it keeps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import bpy


def drive(driver: Any, expression: str, sources: Mapping[str, tuple[Any, str]]) -> None:
    """Set a new driver's expression, with a variable for each source (data-block and path) that it names."""
    assert len(expression) < 256, expression
    driver.type = "SCRIPTED"
    for name in sorted(set(re.findall(r"[a-z]+", expression)) & sources.keys()):
        variable = driver.variables.new()
        variable.name = name
        block, path = sources[name]
        target = variable.targets[0]
        if isinstance(block, bpy.types.Scene):
            target.id_type = "SCENE"
        target.id, target.data_path = block, path
    driver.expression = expression
