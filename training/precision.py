# SPDX-License-Identifier: GPL-3.0-or-later
"""Which arithmetic networks are trained in."""

from __future__ import annotations

import torch


def half_precision(wanted: str, device: torch.device) -> bool:
    """Whether networks compute in bfloat16: ``half``, ``full``, or by ``auto`` where the hardware does."""
    if wanted == "auto":
        return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return wanted == "half"
