# SPDX-License-Identifier: GPL-3.0-or-later
"""A tiny, randomly initialised model: it draws noise, fast, through all the real code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from aigc_blender.card import Card, Control, Rights, Style
from aigc_blender.generator.architecture import Architecture, TrunkLevel
from aigc_blender.generator.checkpoint import save_model
from aigc_blender.generator.network import Generator

TINY = Architecture(
    styles=2,
    controls=1,
    trunk=(TrunkLevel(16, 8, 8, 4), TrunkLevel(8, 4, 8, 2), TrunkLevel(4, 2, 8, 0)),
    head=(8, 8),
    latent=4,
    width=8,
)

# A step more in the head: cells are as wide, the trunk is a level shorter.
FINE = replace(TINY, trunk=(TrunkLevel(16, 8, 8, 4), TrunkLevel(8, 4, 8, 2)), head=(8, 8, 8))

STYLES = (
    Style(
        name="fire",
        anchored=("y",),
        native_height=64,
        max_height=128,
        alpha=True,
        emissive=True,
        controls=(Control("height", 0.6, low=("low",), high=("tall",)),),
        words=("flame",),
    ),
    Style(name="caustics", fps=12.0, max_height=128, controls=(Control("scale", 0.5),)),
)


def tiny_model(folder: Path, seed: int = 0, name: str = "tiny", architecture: Architecture = TINY) -> Path:
    """Write the model ``<name>.safetensors`` into a folder and give its path."""
    torch.manual_seed(seed)
    network = Generator(architecture)
    with torch.no_grad():  # Enough contrast that frames, controls and seeds differ visibly.
        for parameter in network.to_pixels.parameters():
            parameter.mul_(4)
    card = Card(
        name="Tiny",
        styles=STYLES,
        architecture=architecture.to_dict(),
        licence="GPL-3.0-or-later",
        rights=Rights("random weights, made by the tests"),
    )
    path = folder / f"{name}.safetensors"
    save_model(path, card, network)
    return path
