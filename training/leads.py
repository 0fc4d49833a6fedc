# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the discriminator is ahead of the generator, style by style.

It knows one style sooner than another: a mean over all would let the generator drift where it does not lead yet,
or rest where it has long been ahead.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

LEAD_CLIPS = 100  # of a style that its lead is averaged over


class Leads:
    """``of``: for each style, how many more pairs real clips have won of late than lost, -1..1."""

    def __init__(self, styles: int) -> None:
        """Nobody leads."""
        self.of = [0.0] * styles

    @property
    def mean(self) -> float:
        """Over the styles."""
        return sum(self.of) / len(self.of)

    def tally(self, ahead: Tensor, style: Tensor) -> dict[str, Tensor]:
        """By name, for ``take``: of each style how many clips there were, and how many more won, as means over the N clips.

        ``ahead``: (N,) real scores less fake ones; ``style``: (N,) int64. Means over processes are those of all their clips.
        """
        shown = functional.one_hot(style, len(self.of)).float()
        won = ahead.detach().sign()[:, None] * shown
        named: dict[str, Tensor] = {}
        for index in range(len(self.of)):
            named |= {f"shown {index}": shown[:, index].mean(), f"won {index}": won[:, index].mean()}
        return named

    def take(self, losses: dict[str, float], batch: int) -> None:
        """Move towards a batch's tally, which is taken out of ``losses``."""
        for index, lead in enumerate(self.of):
            shown, won = losses.pop(f"shown {index}"), losses.pop(f"won {index}")
            if shown:
                self.of[index] += (won / shown - lead) * min(1.0, shown * batch / LEAD_CLIPS)

    def enough(self, style: Tensor, least: float) -> Tensor:
        """Whether the discriminator leads by ``least`` in the style of each of N clips: (N,) bool."""
        return torch.tensor(self.of, device=style.device)[style] >= least

    def load(self, of: Sequence[float] | float) -> None:
        """Go on from a saved state's; one number was once kept for all styles."""
        self.of = list(of) if isinstance(of, Sequence) else [of] * len(self.of)
