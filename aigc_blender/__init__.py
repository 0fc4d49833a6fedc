# SPDX-License-Identifier: GPL-3.0-or-later
"""A video generator for elements and plates, and the Blender extension around it.

The package imports without Blender: the worker, render farms and ``training`` use it too.
"""


def register() -> None:
    """Add the extension to Blender."""
    from . import ui

    ui.register()


def unregister() -> None:
    """Take the extension out of Blender again, its worker included."""
    from . import ui

    ui.unregister()
