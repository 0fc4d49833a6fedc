# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated clips against real ones, metric by metric, with real clips out of order as a control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .distances import (
    Score,
    crossed,
    distance_kernel,
    frechet,
    polynomial_kernel,
    score,
    sliced_wasserstein,
)
from .features import SqueezeNet, difference_features, frame_features
from .motion import spectral_signature
from .video_features import VideoNetwork

Array = NDArray[np.floating[Any]]
Clips = NDArray[np.uint8]  # (n, F, H, W, 4), premultiplied RGBA

LAGS = (1, 2, 4)  # frames


def compare(
    real: Clips, generated: Clips, instants: int, network: SqueezeNet | None, video: VideoNetwork | None
) -> dict[str, Score]:
    """Distances of generated clips from as many real ones, which are their twins in what they show, by metric.

    Without a network the distances that need it are left out.

    Raises:
        FeaturesError: the video network cannot see such clips.
    """
    shuffled = shuffle(real)
    scores = {}
    if network is not None:
        last = real.shape[1] - max(LAGS)
        places = [int((i + 0.5) * last / instants) for i in range(instants)]
        scores["kernel, frames"] = _kernel_score(frame_features(network, (real, generated), places))
        for lag in LAGS:
            sets = [difference_features(network, c, places, lag) for c in (real, generated, shuffled)]
            scores[f"kernel, lag {lag}"] = _kernel_score(sets)
    scores["patches, frames"] = _patch_score(*(_every_fourth(c) for c in (real, generated)))
    scores["patches, lag 1"] = _patch_score(*(_changes(c) for c in (real, generated, shuffled)))
    signatures = np.array([spectral_signature(clip) for clips in (real, generated, shuffled) for clip in clips])
    scores["spectrum, dB"] = score(distance_kernel(signatures), len(real))
    if video is not None:
        seen = [video.features(c) for c in (real, generated, shuffled)]
        scores["kernel, video"] = _kernel_score([s[:, None] for s in seen])
        made, floor, control = (crossed(frechet, s, seen[0]) for s in (seen[1], seen[0], seen[2]))
        scores["Frechet, video"] = Score(made, floor, control)
    return scores


def shuffle(clips: Clips) -> Clips:
    """Every clip's frames in an order of its own."""
    rng = np.random.default_rng(0)
    return np.stack([clip[rng.permutation(len(clip))] for clip in clips])


def _kernel_score(sets: Sequence[NDArray[np.float32]]) -> Score:
    """From features (n, m, d) of real clips, generated ones and, if given, shuffled ones."""
    unit = np.sqrt((sets[0] ** 2).mean())
    return score(polynomial_kernel(np.concatenate(sets) / unit), len(sets[0]))


def _patch_score(real: Array, generated: Array, shuffled: Array | None = None) -> Score:
    """From pictures (n, m, H, W, C)."""

    def distance(x: Array, y: Array) -> float:
        return sliced_wasserstein(np.concatenate(x), np.concatenate(y))

    control = None if shuffled is None else crossed(distance, shuffled, real)
    return Score(crossed(distance, generated, real), crossed(distance, real, real), control)


def _every_fourth(clips: Clips) -> NDArray[np.float32]:
    return clips[:, ::4].astype(np.float32) / 255


def _changes(clips: Clips) -> NDArray[np.float32]:
    """Every fourth frame's change to the next."""
    return (clips[:, 1::4].astype(np.float32) - clips[:, :-1:4]) / 255
