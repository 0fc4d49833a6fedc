# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a generated clip is seen: pixels beyond black, white and opaque are shown as these."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Visible(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, clips: Tensor) -> Tensor:
        context.save_for_backward(clips)
        return clips.clamp(-1, 1)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        (clips,) = context.saved_tensors
        # Downhill is against the gradient: what is beyond a limit already has no reason to go on.
        away = ((clips < -1) & (gradient > 0)) | ((clips > 1) & (gradient < 0))
        return gradient.masked_fill(away, 0.0)


def visible(clips: Tensor) -> Tensor:
    """Clips of any shape cut to -1..1, as frames are when they are drawn; differentiable, but for what would lead further away.

    A judge that saw them uncut would teach the generator to reach black exactly, from both sides, instead of at least:
    most of a flame's picture is black.
    """
    seen: Tensor = _Visible.apply(clips)
    return seen
