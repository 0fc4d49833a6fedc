# SPDX-License-Identifier: GPL-3.0-or-later
"""A journey through a real window; see README.md."""
