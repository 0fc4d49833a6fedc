# SPDX-License-Identifier: GPL-3.0-or-later
"""German for the interface. Labels and tooltips are looked up by Blender, composed texts where they are composed."""

import bpy

from .german import GERMAN


def messages() -> dict[str, dict[tuple[str, str], str]]:
    """The dictionary as Blender wants it; operators' labels have a context of their own."""
    table = {(context, text): german for text, german in GERMAN.items() for context in ("*", "Operator")}
    return {"de_DE": table, "de": table}  # Blender's name of the language has been both


def register() -> None:
    """Give Blender the dictionary."""
    bpy.app.translations.register(__name__, messages())


def unregister() -> None:
    """Take it back."""
    bpy.app.translations.unregister(__name__)
