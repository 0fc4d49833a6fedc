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

    A style that the model has under the same name starts as it is there, with its controls of the same names;
    others start as the mean of all the model has at default controls. New controls start without effect.
    """
    tensors = dict(model.network.state_dict())
    old = model.card.styles
    slots = max(1, *(len(style.controls) for style in styles))
    defaults = torch.zeros(len(old), tensors["control"].shape[1])
    for row, style in enumerate(old):
        defaults[row, : len(style.controls)] = torch.tensor([control.default for control in style.controls])
    at_default = tensors["style"] + torch.einsum("nc,ncw->nw", defaults * 2 - 1, tensors["control"])
    rows, effects = [], torch.zeros(len(styles), slots, tensors["style"].shape[1])
    for index, style in enumerate(styles):
        known = next((i for i, other in enumerate(old) if other.name == style.name), None)
        if known is None:
            rows.append(at_default.mean(0))
            continue
        row = tensors["style"][known].clone()
        names = [control.name for control in style.controls]
        for slot, control in enumerate(old[known].controls):
            effect = tensors["control"][known, slot]
            if control.name in names:
                effects[index, names.index(control.name)] = effect
            else:  # as if it stood at its default
                row += (control.default * 2 - 1) * effect
        rows.append(row)
    network = Generator(replace(model.architecture, styles=len(styles), controls=slots, scenery=scenery))
    tensors["style"], tensors["control"] = torch.stack(rows), effects
    fresh = network.state_dict()
    network.load_state_dict(
        {n: tensors[n] if n in tensors and tensors[n].shape == t.shape else t for n, t in fresh.items()}
    )
    return network
