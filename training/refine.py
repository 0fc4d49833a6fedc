# SPDX-License-Identifier: GPL-3.0-or-later
"""A trained network that draws at twice the size: what it knew of shapes and motion, and a step more of its head for what is finer."""

from __future__ import annotations

from dataclasses import replace

import torch

from aigc_blender.generator.architecture import HEAD_STRIDE
from aigc_blender.generator.network import Generator


@torch.no_grad()
def refined(network: Generator) -> Generator:
    """A copy whose cells are twice as wide, with a step more in its head, that begins by drawing the same, only softer.

    What it drew at an element height it draws at twice that. Its trunk and the steps of its head before cost a quarter a pixel.

    Raises:
        ValueError: its head has as many steps as one can have, or what it draws stands before scenery.
    """
    old = network.architecture
    if any(old.scenery):
        raise ValueError("a network with scenery cannot be refined")
    trunk = tuple(replace(level, stride=2 * level.stride) for level in old.trunk)
    with torch.random.fork_rng(devices=[]):  # alike in every process
        torch.manual_seed(0)
        fine = Generator(replace(old, trunk=trunk, head=(*old.head, old.head[-1])))
    tensors = {**fine.state_dict(), **network.state_dict()}
    # Twice the height is to mean what the height did.
    tensors["mapping_layers.0.bias"] = tensors["mapping_layers.0.bias"] - tensors["mapping_layers.0.weight"][:, -1]
    added = f"head_finer.{len(old.head) - 2}.second"
    for name in (f"{added}.weight", f"{added}.bias.weight", f"{added}.bias.bias"):
        tensors[name] = torch.zeros_like(tensors[name])
    # Each of the pixels of a cell was drawn by filters of its own; now each cell is one of those.
    for name in ("to_pixels.weight", "to_pixels.bias.weight", "to_pixels.bias.bias"):
        filters = tensors[name].unflatten(0, (-1, HEAD_STRIDE**2))
        tensors[name] = filters.mean(1, keepdim=True).expand_as(filters).flatten(0, 1)
    fine.load_state_dict(tensors)
    return fine
