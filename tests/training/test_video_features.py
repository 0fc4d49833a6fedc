# SPDX-License-Identifier: GPL-3.0-or-later
"""Video networks in both calling conventions give features; what is none is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.metrics.comparison import compare
from training.metrics.features import INPUT, FeaturesError
from training.metrics.video_features import load_video_network

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.*deprecated:DeprecationWarning")

CPU = torch.device("cpu")


class Plain(nn.Module):
    """Mean and change of (N, 3, T, H, W) in -1..1, and its size."""

    def forward(self, x: Tensor) -> Tensor:
        change = (x[:, :, 1:] - x[:, :, :-1]).abs().mean(dim=(2, 3, 4))
        size = torch.full_like(change[:, :1], float(x.shape[3] * x.shape[4]))
        return torch.cat([x.mean(dim=(2, 3, 4)), change, size], dim=1)


class Flagged(nn.Module):
    """The same from bytes, when told so."""

    def forward(self, x: Tensor, rescale: bool = False, resize: bool = False, return_features: bool = False) -> Tensor:
        assert return_features
        if resize:
            x = torch.nn.functional.interpolate(x, size=(x.shape[2], 224, 224), mode="trilinear")
        if rescale:
            x = 2 * x / 255 - 1
        change = (x[:, :, 1:] - x[:, :, :-1]).abs().mean(dim=(2, 3, 4))
        size = torch.full_like(change[:, :1], float(x.shape[3] * x.shape[4]))
        return torch.cat([x.mean(dim=(2, 3, 4)), change, size], dim=1)


class Short(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool3d(x, [32, 1, 1])


def saved(module: nn.Module, folder: Path) -> Path:
    path = folder / f"{type(module).__name__}.pt"
    torch.jit.save(torch.jit.script(module), str(path))
    return path


def clips(seed: int, count: int = 8) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    base = rng.integers(60, 180, (count, 1, 32, 48, 4))
    return np.clip(base + 4 * rng.standard_normal((count, 20, 1, 1, 4)).cumsum(1), 0, 255).astype(np.uint8)


def test_both_conventions_see_the_same(tmp_path: Path) -> None:
    plain, flagged = (load_video_network(saved(module, tmp_path), CPU) for module in (Plain(), Flagged()))
    assert flagged.flagged
    assert not plain.flagged
    seen = plain.features(clips(0))
    assert seen.shape == (8, 7)
    np.testing.assert_allclose(flagged.features(clips(0)), seen, atol=1e-4)
    np.testing.assert_allclose(seen[:, :3], clips(0)[:, :16, ..., :3].mean((1, 2, 3)) / 127.5 - 1, atol=0.02)
    assert set(seen[:, 6]) == {INPUT**2}


def test_the_frechet_video_distance_sees_a_difference_and_stands_beside_its_floor(tmp_path: Path) -> None:
    network = load_video_network(saved(Plain(), tmp_path), CPU)
    real, like, dark = clips(0, 4), clips(1, 4), (clips(1, 4) // 2).astype(np.uint8)
    same, other = (compare(real, generated, 2, None, network) for generated in (like, dark))
    assert list(other)[-2:] == ["kernel, video", "Frechet, video"], "never the headline"
    name = "Frechet, video"
    assert same[name].floor == other[name].floor > 0
    assert other[name].generated > 10 * same[name].generated
    shuffled = same[name].shuffled
    assert shuffled is not None
    assert shuffled > same[name].floor


def test_what_is_no_video_network_is_refused_with_a_remedy(tmp_path: Path) -> None:
    other = tmp_path / "other.pt"
    other.write_bytes(b"not a network")
    for path in (other, tmp_path / "missing.pt", tmp_path):
        with pytest.raises(FeaturesError, match=r"torch\.jit\.save"):
            load_video_network(path, CPU)
    with pytest.raises(FeaturesError, match="16 frames"):
        load_video_network(saved(Short(), tmp_path), CPU).features(clips(0))
