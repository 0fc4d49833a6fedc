# SPDX-License-Identifier: GPL-3.0-or-later
"""The discriminator: scores clips, with time folded into channels at once.

Frames of a clip are much alike, and so are neighbouring pixels: what changes between them is small, and a network learns
late what is small. It is shown frequencies in time and fine detail enlarged instead. Each of its levels is read.

It is told what each clip claims to be (style, controls, element height, clip stride; by projection,
Miyato & Koyama 2018), where each pixel lies on anchored axes, and what always stands there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from aigc_blender.generator.architecture import CHANNELS
from aigc_blender.generator.network import BASE_HEIGHT, SLOPE, Placement

from .augment import Augmentation

DETAIL_GAIN = 4.0


@dataclass(frozen=True)
class DiscriminatorShape:
    """``size``: pixels a side of a clip, a power of two times 4; ``frames`` a clip; ``channels`` at each halving."""

    size: int
    frames: int
    styles: int
    controls: int
    channels: tuple[int, ...] = (32, 64, 96, 128, 128)


@dataclass(frozen=True)
class Claim:
    """What N clips are said to show.

    ``controls``: (N, slots) in 0..1. ``stride``: model frames from frame to frame. ``still``: (N, H, W, 4) in -1..1,
    the mean of all frames at this place where they were filmed, else 0. ``spread``: (N,), how far frames deviate
    from it, else 1.
    """

    controls: Tensor
    stride: int
    placement: Placement
    still: Tensor
    spread: Tensor

    def deviation(self, clips: Tensor) -> Tensor:
        """Clips (N, F, H, W, 4) in -1..1 as what differs from what always stands there, in units of its usual size."""
        return (clips - self.still[:, None]) / self.spread[:, None, None, None, None]

    @property
    def style(self) -> Tensor:
        """(N,) int64."""
        return self.placement.style

    def mistaken(self, others: Tensor) -> Claim:
        """As many sets of N as there are controls (set 0 first): in each, one control of a clip is what ``others`` (N, slots) says."""
        slots = self.controls.shape[1]
        claim = self.repeat(slots)
        one = torch.eye(slots, dtype=torch.bool, device=others.device).repeat_interleave(len(others), 0)
        return replace(claim, controls=torch.where(one, others.repeat(slots, 1), claim.controls))

    def repeat(self, times: int) -> Claim:
        """The same of several sets of N clips, one after the other."""
        p = self.placement
        base, height, anchored, style, controls, still, spread = (
            t.repeat(times, *[1] * (t.ndim - 1))
            for t in (p.base, p.height, p.anchored, p.style, self.controls, self.still, self.spread)
        )
        return Claim(controls, self.stride, Placement(base, height, anchored, style), still, spread)


class Discriminator(nn.Module):
    """Early fusion in time, residual blocks in space, no normalisation."""

    def __init__(self, shape: DiscriminatorShape) -> None:
        """Randomly initialised.

        Raises:
            ValueError: the size does not halve to 4.
        """
        super().__init__()
        self.shape = shape
        if shape.size != 4 * 2 ** (len(shape.channels) - 1):
            raise ValueError(
                f"{len(shape.channels)} levels of channels need clips of {4 * 2 ** (len(shape.channels) - 1)} pixels"
            )
        self.register_buffer("time", _frequencies(shape.frames), persistent=False)
        seen = 2 * shape.frames * CHANNELS  # frequencies, and their fine detail
        self.stem = _convolution(seen + CHANNELS + 2, shape.channels[0], 3)
        self.blocks = nn.ModuleList([_Down(a, b) for a, b in zip(shape.channels, shape.channels[1:], strict=False)])
        last = shape.channels[-1]
        self.summary = nn.Linear(sum(shape.channels), last)
        self.score = nn.Linear(last, 1)
        self.style = nn.Embedding(shape.styles, last)
        # A belief about a control in the shape of a bell has a logarithm of degree 2.
        self.control = nn.Parameter(torch.randn(shape.styles, 2, max(shape.controls, 1), last))
        self.claim = nn.Sequential(
            nn.Linear(last + shape.styles * max(shape.controls, 1) + 2, last),
            nn.LeakyReLU(SLOPE),
            nn.Linear(last, last),
        )

    def forward(self, clips: Tensor, claim: Claim, augmentation: Augmentation | None = None) -> Tensor:
        """Scores (N,) of clips (N, F, H, W, 4) of premultiplied RGBA, as ``claim.deviation`` gives them, seen through the augmentation."""
        return self.judge(self.summarise(clips, claim, augmentation), claim)

    def summarise(self, clips: Tensor, claim: Claim, augmentation: Augmentation | None = None) -> Tensor:
        """What is seen in clips: (N, channels) float32. Of the claim only the places and what always stands there matter."""
        height, width = clips.shape[2:4]
        pictures = torch.cat([clips, claim.still[:, None]], dim=1)
        if augmentation is not None:
            pictures = augmentation.paint(pictures)
        planes = torch.einsum("kf,nfhwc->nkchw", self.time, pictures[:, :-1]).flatten(1, 2)
        still = pictures[:, -1].permute(0, 3, 1, 2)
        x = torch.cat([planes, DETAIL_GAIN * _detail(planes), still, _positions(claim.placement, height, width)], dim=1)
        if augmentation is not None:
            x = augmentation.place(x)
        x = x.contiguous(memory_format=torch.channels_last)
        # Rectified before the first low-pass, which would hide a checkerboard from a linear layer.
        x = functional.leaky_relu(self.stem(x), SLOPE)
        levels = [x]
        for block in self.blocks:
            x = block(x)
            levels.append(functional.leaky_relu(x, SLOPE))
        with torch.autocast(x.device.type, enabled=False):  # in half precision scores would be coarse
            # Means over places: what is wrong is learnt once for all of them, and where they lie is an input.
            means = torch.cat([level.float().mean((2, 3)) for level in levels], dim=1)
            summary: Tensor = functional.leaky_relu(self.summary(means), SLOPE)
            return summary

    def judge(self, summary: Tensor, claim: Claim) -> Tensor:
        """Scores (N,) of clips that were summarised, and claim to show this."""
        with torch.autocast(summary.device.type, enabled=False):
            projected = (summary * self._embed(claim)).sum(1) / math.sqrt(summary.shape[1])
            scores: Tensor = self.score(summary)[:, 0] + projected
            return scores

    def _embed(self, claim: Claim) -> Tensor:
        n = len(claim.style)
        slots = torch.zeros(n, self.shape.styles, max(self.shape.controls, 1), device=claim.style.device)
        slots[torch.arange(n), claim.style, : claim.controls.shape[1]] = claim.controls * 2 - 1
        height = torch.log2(claim.placement.height / BASE_HEIGHT)[:, None]
        stride = torch.full_like(height, math.log2(claim.stride))
        told = self.claim(torch.cat([self.style(claim.style), slots.flatten(1), height, stride], dim=1))
        controls = claim.controls * 2 - 1
        degrees = torch.stack([controls, controls**2 - 1 / 3], dim=1)  # each of mean 0, for a uniform control
        return told + torch.einsum("ndc,ndcl->nl", degrees, self.control[claim.style][:, :, : controls.shape[1]])


class _Down(nn.Module):
    """Residual block that halves the size with [1, 2, 1] low-pass resampling."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.skip = _convolution(inputs, outputs, 1)
        self.first = _convolution(inputs, outputs, 3)
        self.second = _convolution(outputs, outputs, 3, gain=0.3)

    def forward(self, x: Tensor) -> Tensor:
        x = _halve(x)
        y = self.first(functional.leaky_relu(x, SLOPE))
        return self.skip(x) + self.second(functional.leaky_relu(y, SLOPE))


def _frequencies(frames: int) -> Tensor:
    """(F, F): what takes F frames to their frequencies, lowest first (DCT-II); the higher, the more it is enlarged."""
    k, f = torch.arange(frames)[:, None], torch.arange(frames)
    waves = torch.cos(math.pi * (f + 0.5) * k / frames)
    return (2 * k).clamp(min=1) * waves / waves.norm(dim=1, keepdim=True)


def _detail(x: Tensor) -> Tensor:
    """What differs from the mean of 3 x 3 pixels."""
    return x - functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)


def _halve(x: Tensor) -> Tensor:
    """[1, 2, 1] x [1, 2, 1] / 16 at every second pixel, as two averages: a 2x2 box between pixels, then again with stride."""
    x = functional.pad(x, (1, 0, 1, 0), mode="replicate")
    return functional.avg_pool2d(functional.avg_pool2d(x, 2, stride=1), 2)


def _convolution(inputs: int, outputs: int, kernel: int, gain: float = 1.0) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    nn.init.normal_(layer.weight, std=gain * math.sqrt((2 if kernel > 1 else 1) / (inputs * kernel**2)))
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def _positions(placement: Placement, height: int, width: int) -> Tensor:
    """(N, 2, H, W): distance from the anchor in element heights along x and y, 0 on free axes."""
    device = placement.height.device
    x = (torch.arange(width, device=device) + 0.5 - placement.base[:, 0, None]) / placement.height[:, None]
    y = (placement.base[:, 1, None] - torch.arange(height, device=device) - 0.5) / placement.height[:, None]
    planes = torch.stack([x[:, None, :].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)], dim=1)
    return planes * placement.anchored[:, :, None, None]
