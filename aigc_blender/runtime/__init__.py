# SPDX-License-Identifier: GPL-3.0-or-later
"""The interpreter that has torch: finding it, and giving it the code to run. Never imports torch."""
