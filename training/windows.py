# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows of the canvas as the discriminator is shown them: cut into crops of its size, and once as a whole, reduced to it.

A window costs the generator less than its crops one by one, since each would have a halo of its own; and only the
whole shows whether what is larger than a crop is right.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from .discriminator import Claim
from .footage.clips import Batch


def views(across: int) -> int:
    """How many clips are shown of a window of ``across`` by ``across`` crops."""
    return across**2 + (across > 1)


def shown(clips: Tensor, size: int) -> Tensor:
    """Clips of N windows (N, F, H, W, 4), whose sides are ``size`` times a whole number: (N views, F, size, size, 4), one view of all after the other."""
    across = clips.shape[2] // size
    if across == 1:
        return clips
    crops = [clips[:, :, y : y + size, x : x + size] for y, x in _corners(size, across)]
    planes = clips.flatten(0, 1).permute(0, 3, 1, 2)
    whole = avg_pool2d(planes, across).permute(0, 2, 3, 1).unflatten(0, clips.shape[:2])
    return torch.cat([*crops, whole])


def shown_batch(batch: Batch, size: int) -> Batch:
    """A batch of windows as what is shown of it, in the order of ``shown``. The whole claims an element that is smaller in turn."""
    across = batch.clips.shape[2] // size
    if across == 1:
        return batch
    place, still = batch.claim.placement, batch.claim.still
    bases = [place.base - torch.tensor([x, y], device=place.base.device) for y, x in _corners(size, across)]
    many = views(across)
    repeated = batch.claim.repeat(many)
    placement = replace(
        repeated.placement,
        base=torch.cat([*bases, place.base / across]),
        height=torch.cat([place.height.repeat(across**2), place.height / across]),
    )
    claim: Claim = replace(repeated, placement=placement, still=shown(still[:, None], size)[:, 0])
    return replace(
        batch,
        clips=shown(batch.clips, size),
        claim=claim,
        others=batch.others.repeat(many, 1),
        period_x=batch.period_x.repeat(many),
        period_y=batch.period_y.repeat(many),
    )


def _corners(size: int, across: int) -> list[tuple[int, int]]:
    """Row and column of each crop."""
    starts = range(0, size * across, size)
    return [(y, x) for y in starts for x in starts]
