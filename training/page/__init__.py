# SPDX-License-Identifier: GPL-3.0-or-later
"""The page that shows what an evaluation found."""
