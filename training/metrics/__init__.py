# SPDX-License-Identifier: GPL-3.0-or-later
"""How far generated footage is from real footage: distances, motion, seams, controls."""
