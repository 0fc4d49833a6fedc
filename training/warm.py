# SPDX-License-Identifier: GPL-3.0-or-later
"""A trained model as the start of another: all that it knows of motion and pictures, with rows for other styles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from aigc_blender.card import Style
from aigc_blender.generator.architecture import Architecture, Drift
from aigc_blender.generator.checkpoint import Model
from aigc_blender.generator.network import Generator

STEPS_ALONE = 200  # in which a new discriminator catches up with a generator that is trained already
FINEST_NOISE = Architecture(styles=1, controls=0).trunk[-1].noise
ASIDE = 0.5  # of a new style from the mean: as far as fresh ones lie apart


def learned_tempo(model: Model, styles: Sequence[Style]) -> float:
    """Model frames that pass in one of the footage of ``styles``, as the model has learned those that it knows; else 1."""
    rates = {style.name: style.fps for style in model.card.styles}
    return float(max([1, *(round(rates[s.name] / s.fps) for s in styles if s.name in rates)]))


def learned_drift(model: Model, styles: Sequence[Style]) -> Drift:
    """The drift of the model's lattice for those of ``styles`` that it knows, none for others."""
    names = [style.name for style in model.card.styles]
    drifts = dict(zip(names, model.architecture.drift, strict=False))
    drift = tuple(drifts.get(style.name, (0.0, 0.0)) for style in styles)
    return drift if any(any(way) for way in drift) else ()


@torch.no_grad()
def warm_network(
    model: Model,
    styles: Sequence[Style],
    scenery: tuple[int, int] = (0, 0),
    drift: Drift = (),
) -> Generator:
    """The model's network with one row a style of ``styles`` in place of its own, room for so much scenery, and that drift.

    A style that the model has under the same name starts as it is there, with its controls of the same names;
    others start at the mean of all the model has at default controls, of several each to another side of it: two in one
    place could not be told apart. New controls start without effect. A finest level without noise is given some.
    """
    tensors = dict(model.network.state_dict())
    *coarser, finest = model.architecture.trunk
    if not finest.noise:
        finest = replace(finest, noise=FINEST_NOISE)
        del tensors[f"noise_gain.{len(coarser)}"]
    old = model.card.styles
    slots = max(1, *(len(style.controls) for style in styles))
    defaults = torch.zeros(len(old), tensors["control"].shape[1])
    for row, style in enumerate(old):
        defaults[row, : len(style.controls)] = torch.tensor([control.default for control in style.controls])
    at_default = tensors["style"] + torch.einsum("nc,ncw->nw", defaults * 2 - 1, tensors["control"])
    names = [other.name for other in old]
    strangers = [style.name for style in styles if style.name not in names]
    aside = ASIDE * torch.randn(len(strangers), tensors["style"].shape[1], generator=torch.Generator().manual_seed(0))
    aside -= aside.mean(0)
    rows, effects = [], torch.zeros(len(styles), slots, tensors["style"].shape[1])
    for index, style in enumerate(styles):
        if style.name in strangers:
            rows.append(at_default.mean(0) + aside[strangers.index(style.name)])
            continue
        known = names.index(style.name)
        row = tensors["style"][known].clone()
        controls = [control.name for control in style.controls]
        for slot, control in enumerate(old[known].controls):
            effect = tensors["control"][known, slot]
            if control.name in controls:
                effects[index, controls.index(control.name)] = effect
            else:  # as if it stood at its default
                row += (control.default * 2 - 1) * effect
        rows.append(row)
    trunk = (*coarser, finest)
    architecture = replace(
        model.architecture, trunk=trunk, styles=len(styles), controls=slots, scenery=scenery, drift=drift
    )
    with torch.random.fork_rng(devices=[]):  # alike in every process and every time the run goes on
        torch.manual_seed(0)
        network = Generator(architecture)
    tensors["style"], tensors["control"] = torch.stack(rows), effects
    fresh = network.state_dict()
    network.load_state_dict(
        {n: tensors[n] if n in tensors and tensors[n].shape == t.shape else t for n, t in fresh.items()}
    )
    return network


def known_rows(discriminator: Mapping[str, Tensor], known: Sequence[str], wanted: Sequence[str]) -> dict[str, Tensor]:
    """A discriminator's tensors with the rows of the styles ``wanted`` in place of those of the styles that are ``known``.

    Unless all are known it is returned as it is: its rows then fit only a run of as many styles, in their order.
    """
    if not set(wanted) <= set(known):
        return dict(discriminator)
    rows = [known.index(name) for name in wanted]
    styles, controls = discriminator["style.weight"], discriminator["control"]
    told, width, slots = discriminator["claim.0.weight"], styles.shape[1], len(known) * controls.shape[2]
    style, set_at, shape = told.split((width, slots, told.shape[1] - width - slots), dim=1)
    set_at = set_at.unflatten(1, (len(known), -1))[:, rows].flatten(1)
    return {
        **discriminator,
        "style.weight": styles[rows],
        "control": controls[rows],
        "claim.0.weight": torch.cat([style, set_at, shape], dim=1),
    }
