# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames on disk: names, formats, atomic writes, sidecar and resume."""
