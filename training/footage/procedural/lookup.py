# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading periodic fields at any place: how opaque plates are warped and carried along."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def pixel_middles(detail: int, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Where pixels lie, in frame sides: x (1, 1, detail) and y (1, detail, 1), downwards."""
    x = (torch.arange(detail, device=device, dtype=torch.float32) + 0.5) / detail
    return x.view(1, 1, -1), x.view(1, -1, 1)


def read(fields: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Periodic ``fields`` (B, C, n, n) at x, y (B, S, S), in frame sides, as (B, C, S, S).

    The first sample lies at 0, as ``plate.synthesize`` has it; between samples the reading is bilinear.
    """
    size = fields.shape[-1]
    column, row = (x - x.floor()) * size, (y - y.floor()) * size
    place = torch.stack((column, row), dim=-1) * (2 / size) - 1
    return F.grid_sample(F.pad(fields, (0, 1, 0, 1), mode="circular"), place, align_corners=True)
