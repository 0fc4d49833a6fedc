# SPDX-License-Identifier: GPL-3.0-or-later
"""The video generator: a network over a space-time field. Needs torch, never bpy."""
