# SPDX-License-Identifier: GPL-3.0-or-later
"""The process boundary: what Blender asks for on one side, the generator on the other."""
