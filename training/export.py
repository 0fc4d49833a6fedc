# SPDX-License-Identifier: GPL-3.0-or-later
"""From a training run to a model file: the averaged generator, its card and a thumbnail a style."""

from __future__ import annotations

import base64
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aigc_blender.card import THUMBNAIL_SIZE, Card, ModelFile, Rights, Style
from aigc_blender.generator.checkpoint import Model, save_model
from aigc_blender.generator.network import Generator
from aigc_blender.generator.sampler import Sampler
from aigc_blender.recipe import Recipe

THUMBNAIL_FRAME = 24


@dataclass(frozen=True)
class Label:
    """What a person states of a model."""

    name: str
    author: str = ""
    licence: str = ""
    rights: Rights = field(default_factory=Rights)


def inherited(label: Label, card: Card) -> Label:
    """The label of what goes on from a model's weights: what that one's footage and licence permit holds for it as well."""
    own, theirs = label.rights, card.rights
    stated = own.statement.rstrip(".")
    statement = f"{stated}; begun with {card.name}: {theirs.statement}"
    if theirs.statement == own.statement or theirs.statement.startswith(f"{stated}; begun with "):
        statement = theirs.statement
    sources = tuple(dict.fromkeys((*own.sources, *theirs.sources)))
    digests = tuple(dict.fromkeys((*own.digests, *theirs.digests)))
    return replace(label, licence=label.licence or card.licence, rights=Rights(statement, sources, digests))


def build_model(
    network: Generator, styles: Sequence[Style], label: Label, training: Mapping[str, Any], path: Path = Path("unsaved")
) -> Model:
    """The network as a model in memory, rounded to half precision as its file will hold it, with thumbnails."""
    rounded = copy.deepcopy(network).cpu().requires_grad_(requires_grad=False).eval()
    for parameter in rounded.parameters():
        parameter.copy_(parameter.half().float())
    card = Card(
        name=label.name,
        styles=tuple(styles),
        architecture=network.architecture.to_dict(),
        author=label.author,
        licence=label.licence,
        rights=label.rights,
        channels="RGBA" if any(s.alpha for s in styles) else "RGB",
        training=dict(training),
    )
    model = Model(ModelFile(path, "", card), rounded)
    pictured = tuple(replace(style, thumbnail=thumbnail(model, style)) for style in styles)
    return Model(ModelFile(path, "", replace(card, styles=pictured)), rounded)


def write_model(model: Model, path: Path) -> None:
    """Write the model file.

    Raises:
        ModelError: the folder cannot be written.
    """
    save_model(path, model.card, model.network)


def thumbnail(model: Model, style: Style) -> str:
    """A frame of the style on black: raw RGB of 128 x 128 pixels in base64."""
    side = THUMBNAIL_SIZE
    threads = torch.get_num_threads()
    recipe = Recipe(style.name, seed=1, width=side, height=side)
    _, frame = next(iter(Sampler(model, threads=1).frames(recipe, [THUMBNAIL_FRAME])))
    torch.set_num_threads(threads)
    return base64.b64encode((np.clip(frame[..., :3], 0, 1) * 255 + 0.5).astype(np.uint8).tobytes()).decode()
