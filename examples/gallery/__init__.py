# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundled model's elements, each in a scene as an animator would use it: ``python -m examples.gallery``."""
