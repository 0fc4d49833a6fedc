# SPDX-License-Identifier: GPL-3.0-or-later
"""A training run as it goes: its states, its records, what is seen of it, how it ends."""
