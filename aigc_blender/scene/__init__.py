# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in the .blend: items, the images of their sequences, and where those are placed."""
