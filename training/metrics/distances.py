# SPDX-License-Identifier: GPL-3.0-or-later
"""Distances between sets of clips.

A kernel between clips gives an unbiased distance (maximum mean discrepancy) that is zero on average between two sets
of the same kind, however few they are. Clips are what is independent, so frames of one clip are never paired.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Array = NDArray[np.floating[Any]]

RESAMPLES = 500
PATCH = 7  # pixels a side
PATCHES = 8  # a side of a level
SMALLEST = 16  # pixels a side of the pyramid's last level
PROJECTIONS = 128


@dataclass(frozen=True)
class Score:
    """A metric of generated clips and, as its scale, of real ones against other real ones.

    ``shuffled``: of real clips with their frames out of order. ``excess``: 95% interval of generated over floor, None of too few clips.
    """

    generated: float
    floor: float
    shuffled: float | None = None
    excess: tuple[float, float] | None = None
    distance: bool = True  # 0 for the same footage, so that ratios mean something

    @property
    def ratio(self) -> float | None:
        """How many times the floor a distance is, where there is one."""
        return self.generated / self.floor if self.distance and self.floor else None


def polynomial_kernel(features: Array) -> Array:
    """The kernel of the kernel inception distance, (x.y / d + 1)^3, between clips of (n, m, d) features: (n, n)."""
    n, m, d = features.shape
    flat = features.reshape(n * m, d).astype(np.float64)
    return ((flat @ flat.T / d + 1) ** 3).reshape(n, m, n, m).mean((1, 3))


def distance_kernel(signatures: Array) -> Array:
    """Minus the root mean square difference of (n, d) signatures, which makes the discrepancy an energy distance: (n, n)."""
    differences = signatures[:, None].astype(np.float64) - signatures[None]
    return -np.sqrt((differences**2).mean(2))


def discrepancy(kernel: Array, x: Array, y: Array) -> float:
    """Unbiased squared discrepancy of two sets, given as how often each of the kernel's n clips is in them: (n,) each."""

    def within(counts: Array) -> Array:
        pairs = np.outer(counts, counts)
        np.fill_diagonal(pairs, 0)
        return (pairs * kernel).sum() / pairs.sum()

    across = x @ kernel @ y / (x.sum() * y.sum())
    return float(within(x) + within(y) - 2 * across)


def score(kernel: Array, clips: int, seed: int = 0) -> Score:
    """Score from the kernel of ``clips`` real clips, then their generated twins, then, if given, the shuffled ones.

    Generated twins of one half of the real clips are held against the other half, so that all sets have the same size and
    nothing is compared with its own twin. The floor is the root mean square over random halvings of the real clips,
    since the unbiased distance scatters about zero; the interval is a bootstrap over clips together with their twins.
    """
    rng = np.random.default_rng(seed)
    even = (np.arange(clips) % 2 == 0).astype(np.float64)
    halves = (even, 1 - even)

    def place(counts: Array, block: int) -> Array:
        placed = np.zeros(len(kernel))
        placed[block * clips : (block + 1) * clips] = counts
        return placed

    def against_real(block: int, a: Array, b: Array) -> float:
        pairs = ((a, b), (b, a))
        return sum(discrepancy(kernel, place(one, block), place(other, 0)) for one, other in pairs) / 2

    splits, excesses = [], []
    for _ in range(RESAMPLES):
        chosen: Array = rng.permutation(even)
        splits.append(discrepancy(kernel, place(chosen, 0), place(1 - chosen, 0)))
        a, b = (rng.multinomial(int(half.sum()), half / half.sum()).astype(np.float64) for half in halves)
        if min((a > 0).sum(), (b > 0).sum()) > 1:
            excesses.append(against_real(1, a, b) - against_real(0, a, b))
    # Of halves of two clips only both can be drawn: all resamples are the same.
    low, high = np.percentile(excesses, [2.5, 97.5])
    return Score(
        generated=against_real(1, *halves),
        floor=float(np.sqrt(np.mean(np.square(splits)))),
        shuffled=against_real(2, *halves) if len(kernel) > 2 * clips else None,
        excess=(float(low), float(high)) if clips // 2 > 2 else None,
    )


def frechet(x: Array, y: Array) -> float:
    """Squared Frechet distance of normal distributions fitted to features (n, d) and (m, d).

    |mean difference|^2 + trace(A + B - 2 (A B)^(1/2)) of covariances A and B (Heusel et al. 2017). With centred features
    X and Y, the trace of the root is the sum of the singular values of X Y^T, so that no root of a nearly singular matrix
    is taken; those of their triangular factors are the same. Few clips make it greater: compare distances of sets of the
    same size only.
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    means = x.mean(0), y.mean(0)
    scaled = [(a - mean) / np.sqrt(max(1, len(a) - 1)) for a, mean in zip((x, y), means, strict=True)]
    factors = [np.asarray(np.linalg.qr(a, mode="r")) for a in scaled]
    shared = np.linalg.svd(factors[0] @ factors[1].T, compute_uv=False).sum()
    return max(0.0, float(((means[0] - means[1]) ** 2).sum() + sum((a**2).sum() for a in scaled) - 2 * shared))


def crossed(distance: Callable[[Array, Array], float], clips: Array, real: Array) -> float:
    """Mean distance of each half of ``clips`` from the other half of their real twins, so that no set is compared with itself."""
    return (distance(clips[::2], real[1::2]) + distance(clips[1::2], real[::2])) / 2


def sliced_wasserstein(x: Array, y: Array, seed: int = 0) -> float:
    """Distance of the patches of two sets of as many pictures (n, H, W, C), in standard deviations of those of ``y``.

    Mean over the levels of a Laplacian pyramid and over fixed random projections (Karras et al. 2018).
    """
    distances = []
    generator = torch.Generator().manual_seed(seed)
    for level_x, level_y in zip(_pyramid(_planes(x)), _pyramid(_planes(y)), strict=True):
        channels = level_y.shape[1]
        mean = level_y.mean((0, 2, 3))[:, None, None]
        deviation = level_y.std((0, 2, 3))[:, None, None].clamp(min=1 / 255)
        directions = functional.normalize(torch.randn(channels * PATCH**2, PROJECTIONS, generator=generator), dim=0)
        projected = [
            ((_patches((level - mean) / deviation)) @ directions).sort(0).values for level in (level_x, level_y)
        ]
        distances.append((projected[0] - projected[1]).abs().mean().item())
    return float(np.mean(distances))


def _planes(pictures: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures, np.float32)).permute(0, 3, 1, 2)


def _pyramid(x: Tensor) -> list[Tensor]:
    """What each halving loses, and at last what is left."""
    levels = []
    while min(x.shape[2:]) >= 2 * SMALLEST:
        small = functional.avg_pool2d(x, 2)
        levels.append(x - functional.interpolate(small, x.shape[2:], mode="bilinear", align_corners=False))
        x = small
    return [*levels, x]


def _patches(x: Tensor) -> Tensor:
    """(n, C, H, W) -> (patches, C PATCH^2), from a regular grid of places."""
    steps = [max(1, (side - PATCH) // (PATCHES - 1)) for side in x.shape[2:]]
    found = x.unfold(2, PATCH, steps[0]).unfold(3, PATCH, steps[1])
    return found.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(0, 2)
