# SPDX-License-Identifier: GPL-3.0-or-later
"""What the two networks play for, written as in the papers.

``real`` and ``fake`` are scores (logits) of a pair, (N,) each. All losses are to be minimised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Objective:
    """The losses of the discriminator and of the generator, each of (real, fake)."""

    discriminator: Loss
    generator: Loss


def classifier_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Minus the value function of Goodfellow et al. 2014: -E[log D(x)] - E[log(1 - D(G(z)))]; log 4 at the optimum."""
    return (softplus(-real) + softplus(fake)).mean()


def _saturating(_real: Tensor, fake: Tensor) -> Tensor:
    return -softplus(fake).mean()


def _nonsaturating(_real: Tensor, fake: Tensor) -> Tensor:
    return softplus(-fake).mean()


OBJECTIVES = {
    # The textbook game: the generator minimises the same value.
    "minimax": Objective(classifier_loss, _saturating),
    # The same discriminator; the generator maximises E[log D(G(z))], whose gradient does not vanish.
    "nonsaturating": Objective(classifier_loss, _nonsaturating),
    # Jolicoeur-Martineau 2019, as used by Huang et al. 2024 (R3GAN): which of a pair is more real?
    "relativistic": Objective(
        lambda real, fake: softplus(fake - real).mean(),
        lambda real, fake: softplus(real - fake).mean(),
    ),
}


def claim_loss(true: Tensor, false: Tensor) -> Tensor:
    """Which of two claims about a real clip is more real? The matching-aware loss of Reed et al. 2016, of pairs.

    Scores (N,) of what is true and (..., N) of what is false; log 2 where nothing tells them apart. A discriminator
    that only learns from generated clips hardly looks at a control as long as other things give them away.
    """
    return softplus(false - true).mean()


def gradient_penalty(scores: Tensor, clips: Tensor) -> Tensor:
    """E[|grad D|^2], summed over a clip's pixels, in float32 (Mescheder et al. 2018): R1 on real clips, R2 on fake.

    ``scores`` (N,) must be a function of ``clips`` (N, ...), each of its own clip. Differentiable.
    """
    (gradient,) = torch.autograd.grad(scores.sum(), clips, create_graph=True)
    return gradient.float().square().flatten(1).sum(1).mean()
