# SPDX-License-Identifier: GPL-3.0-or-later
"""Every text of the interface: what classes and properties say, and what is written in the source of ``ui``."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.blender import kit

CALLS = ("iface", "rpt")  # Blender's translation calls, as the sources name them
LAYOUT = ("text", "heading")  # arguments that Blender translates


def of_classes() -> Iterator[str]:
    """Labels and tooltips of our classes and of their properties."""
    from aigc_blender.ui import CLASSES, properties

    for cls in (*CLASSES, properties.AIGC_PG_item):
        yield getattr(cls, "bl_label", "")
        if not hasattr(cls, "bl_space_type") and not issubclass(cls, _without_tooltip()):
            yield inspect.cleandoc(cls.__doc__ or "")
        for annotation in inspect.get_annotations(cls).values():
            yield from _of_property(annotation)


def of_sources() -> Iterator[str]:
    """Literals that are translated where they are composed, or handed to a layout."""
    for path in sorted((kit.ROOT / "aigc_blender" / "ui").glob("*.py")):
        yield from _of_source(path)


def _without_tooltip() -> tuple[type, ...]:
    import bpy

    return bpy.types.PropertyGroup, bpy.types.FileHandler, bpy.types.AddonPreferences


def _of_property(annotation: Any) -> Iterator[str]:
    keywords = getattr(annotation, "keywords", {})
    options = keywords.get("options", set())
    if "HIDDEN" in options:
        return
    yield keywords.get("name", "")
    yield keywords.get("description", "")
    items = keywords.get("items", ())
    for item in () if callable(items) else items:
        yield from item[1:3]


def _of_source(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in CALLS:
            yield from (a.value for a in node.args if isinstance(a, ast.Constant))
        elif any(k.arg == "translate" for k in node.keywords):
            continue
        elif isinstance(node.func, ast.Attribute):
            values = [k.value for k in node.keywords if k.arg in LAYOUT]
            yield from (v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str))
