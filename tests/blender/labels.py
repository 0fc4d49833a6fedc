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
        if issubclass(cls, _with_tooltip()):
            yield inspect.cleandoc(cls.__doc__ or "")
        for annotation in inspect.get_annotations(cls).values():
            yield from _of_property(annotation)


def of_sources() -> Iterator[str]:
    """Literals that are translated where they are composed, or handed to a layout."""
    for path in sorted((kit.ROOT / "aigc_blender" / "ui").glob("*.py")):
        yield from _of_source(path)


def of_data() -> Iterator[str]:
    """What bundled models and presets are called, and how elements stand."""
    from aigc_blender.card import UNKNOWN_RIGHTS
    from aigc_blender.library import BUNDLED, find_models
    from aigc_blender.presets import find_presets
    from aigc_blender.ui import catalog, state

    yield UNKNOWN_RIGHTS
    yield from (text for _, text in state.STATES.values())
    yield from (file.preset.name for file in find_presets()[0] if file.bundled)
    for model in (m for m in find_models()[0] if m.path.parent == BUNDLED):
        yield model.card.rights.statement
        for style in model.card.styles:
            yield catalog.title(style.name)
            yield from (catalog.title(control.name) for control in style.controls)


def _with_tooltip() -> tuple[type, ...]:
    import bpy

    return bpy.types.Operator, bpy.types.Menu


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
            yield from (str(a.value) for a in node.args if isinstance(a, ast.Constant))
        elif isinstance(node.func, ast.Name) and node.func.id.endswith("Property"):
            yield from _of_registered(node)
        elif any(k.arg == "translate" for k in node.keywords):
            continue
        elif isinstance(node.func, ast.Attribute):
            values = [k.value for k in node.keywords if k.arg in LAYOUT]
            yield from (v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str))


def _of_registered(call: ast.Call) -> Iterator[str]:
    """Name and description of a property, wherever it is added; hidden ones are never read."""
    keywords = {k.arg: k.value for k in call.keywords}
    if "HIDDEN" in ast.unparse(keywords.get("options", ast.Constant(""))):
        return
    for value in (keywords.get("name"), keywords.get("description")):
        if isinstance(value, ast.Constant):
            yield str(value.value)
