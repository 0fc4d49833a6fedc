# SPDX-License-Identifier: GPL-3.0-or-later
"""Training: from footage to a model file."""
