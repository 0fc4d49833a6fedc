# SPDX-License-Identifier: GPL-3.0-or-later
"""A trained network with fewer channels at its coarse levels, which hold half of its weights: what has no large shapes hardly needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from aigc_blender.generator.network import Generator


@torch.no_grad()
def narrowed(network: Generator, channels: Sequence[int]) -> Generator:
    """A copy that keeps so many channels at each trunk level but the finest, coarsest first: those whose weights bring most to the next level.

    Raises:
        ValueError: there is not one number for each of these levels, from 1 to what it has.
    """
    *coarse, finest = network.architecture.trunk
    if len(channels) != len(coarse) or not all(
        1 <= count <= level.channels for count, level in zip(channels, coarse, strict=True)
    ):
        raise ValueError(
            f"channels must be {len(coarse)} numbers, of at most {', '.join(str(level.channels) for level in coarse)}"
        )
    tensors = dict(network.state_dict())
    noises = iter(range(len(channels)))  # levels without noise have no layer for it
    for index, (level, count) in enumerate(zip(coarse, channels, strict=True)):
        into = [f"position.{index}"]
        into += [f"noise_in.{next(noises)}"] if level.noise else []
        into += [f"up.{index - 1}"] if index else []
        _narrow(tensors, index, into, count)
    trunk = [replace(level, channels=count) for level, count in zip(coarse, channels, strict=True)]
    narrow = Generator(replace(network.architecture, trunk=(*trunk, finest)))
    narrow.load_state_dict(tensors)
    return narrow


def _narrow(tensors: dict[str, Tensor], index: int, into: Sequence[str], count: int) -> None:
    """Cut a level's features, which are a sum of what the layers ``into`` give, and those within its block to so many channels."""
    onward, block = f"up.{index}.weight", f"trunk_blocks.{index}"
    first, second = tensors[f"{block}.first.weight"], tensors[f"{block}.second.weight"]
    brought = second.square().sum((1, 2, 3))
    for layer in into:
        gain = tensors[f"noise_gain.{index}"] if layer.startswith("noise") else 1.0
        brought = brought + (gain * tensors[f"{layer}.weight"]).square().sum(1)
    kept = _greatest(brought * tensors[onward].square().sum(0), count)
    inner = _greatest(first.square().sum((1, 2, 3)) * second.square().sum((0, 2, 3)), count)
    for layer in (*into, f"{block}.first.scale", f"{block}.second.bias"):
        _keep(tensors, layer, kept)
    for layer in (f"{block}.first.bias", f"{block}.second.scale"):
        _keep(tensors, layer, inner)
    past_now_next = first.unflatten(1, (3, -1))
    tensors[f"{block}.first.weight"] = past_now_next[inner][:, :, kept].flatten(1, 2)
    tensors[f"{block}.second.weight"] = second[kept][:, inner]
    tensors[onward] = tensors[onward][:, kept]


def _keep(tensors: dict[str, Tensor], layer: str, rows: Tensor) -> None:
    for name in (f"{layer}.weight", f"{layer}.bias"):
        if name in tensors:
            tensors[name] = tensors[name][rows]


def _greatest(values: Tensor, count: int) -> Tensor:
    """Where they are, in ascending order."""
    return values.topk(count).indices.sort().values
