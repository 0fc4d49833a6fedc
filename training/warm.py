# SPDX-License-Identifier: GPL-3.0-or-later
"""A trained model as the start of another: all that it knows of motion and pictures, with rows for other styles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from aigc_blender.card import Style
from aigc_blender.generator.checkpoint import Model
from aigc_blender.generator.network import Generator


@torch.no_grad()
def warm_network(model: Model, styles: Sequence[Style], scenery: tuple[int, int] = (0, 0)) -> Generator:
    """The model's network with one row a style of ``styles`` in place of its own, and room for so much scenery.

    A style that the model has under the same name starts as it is there at default controls, others start
    as the mean of all the model has. Controls start without effect.
    """
    tensors = dict(model.network.state_dict())
    defaults = torch.zeros(len(model.card.styles), tensors["control"].shape[1])
    for row, style in enumerate(model.card.styles):
        defaults[row, : len(style.controls)] = torch.tensor([control.default for control in style.controls])
    known = tensors["style"] + torch.einsum("nc,ncw->nw", defaults * 2 - 1, tensors["control"])
    names = [style.name for style in model.card.styles]
    rows = [known[names.index(s.name)] if s.name in names else known.mean(0) for s in styles]
    slots = max(1, *(len(style.controls) for style in styles))
    network = Generator(replace(model.architecture, styles=len(styles), controls=slots, scenery=scenery))
    tensors["style"] = torch.stack(rows)
    tensors["control"] = torch.zeros_like(network.control)
    fresh = network.state_dict()
    network.load_state_dict({name: tensors.get(name, fresh[name]) for name in fresh})
    return network
