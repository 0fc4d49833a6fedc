# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a run has gone wrong for good: the generator draws the same whatever the seed, or the discriminator has won.

Diversity is how much frames differ at the same place of the picture: generated ones from seed to seed at the
same controls, real ones from clip to clip and from instant to instant, less what their controls explain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..footage.clips import Footage, read_crops
from ..trainer import Trainer
from .views import crop_at_anchors

GRID = 8  # places a side, each a mean of pixels: fine noise differs even between copies of one picture
SEEDS = 8  # generated frames compared
SAMPLES = 256  # real frames compared

LEAST_DIVERSITY = 0.25  # of real frames' ...
LOOKS = 4  # ... in so many looks in a row
MOST_MARGIN = 10.0  # between the scores of real and of generated clips: the discriminator's loss is 5e-5 there
LEAST_GRADIENT = 1e-8  # a weight of the generator, root mean square: Adam's epsilon, below which its steps shrink
LINES = 25  # of the log in a row

Event = Mapping[str, Any]


def real_diversity(footage: Sequence[Footage], style: int, size: int) -> float:
    """Root mean square deviation of real frames at the same place in a view of ``size`` pixels, in 0..1 of the display range."""
    rng = np.random.default_rng(0)
    source = footage[style]
    count, length = source.scales[min(source.scales)].shape[:2]
    chosen = [(int(rng.integers(count)), int(rng.integers(length))) for _ in range(SAMPLES)]
    crops = [crop_at_anchors(footage, style, clip, start, size, rng) for clip, start in chosen]
    places = _places(read_crops(footage, crops, 1, size, 1, torch.device("cpu")).clips)
    controls = source.controls[[clip for clip, _ in chosen]]
    # Squares too: what a control does is rarely linear.
    known = np.concatenate([np.ones((SAMPLES, 1), np.float32), controls, controls**2], axis=1)
    rest = places - known @ np.linalg.lstsq(known, places, rcond=None)[0]
    freedom = SAMPLES - int(np.linalg.matrix_rank(known))
    return float(np.sqrt((rest**2).sum(axis=0).mean() / freedom))


@torch.no_grad()
def diversity(trainer: Trainer, style: int) -> float:
    """The same of frames that the averaged generator draws of a style, one a seed, at the controls of one real clip."""
    source, size = trainer.footage[style], trainer.config.size
    defaults = [control.default for control in source.style.controls]
    count = len(source.scales[min(source.scales)])
    typical = int(((source.controls[:count] - np.array(defaults, np.float32)) ** 2).sum(axis=1).argmin())
    crop = crop_at_anchors(trainer.footage, style, typical, 0, size)
    shown = read_crops(trainer.footage, [crop] * SEEDS, 1, size, 1, trainer.device)
    seeds = torch.arange(SEEDS, device=trainer.device)
    places = _places(trainer.generate(trainer.average, seeds, shown, [0.0], (0, 0)))
    return float(np.sqrt(places.var(axis=0, ddof=1).mean()))


def collapse_warning(events: Sequence[Event]) -> str | None:
    """What to say of the last look; None unless a style has just been far below real footage for so many of them."""
    looks = [event["diversity"] for event in events if "diversity" in event]
    for style, ratio in (looks[-1] if looks else {}).items():
        if _just_now([look.get(style, 1.0) < LEAST_DIVERSITY for look in looks], LOOKS):
            return (
                f"{style}: its clips differ from seed to seed {ratio:.0%} as much as real ones do, {LOOKS} looks in a row; "
                "the generator has collapsed: begin anew with --gamma up, --rate down, more footage or more augmentation."
            )
    return None


def defeat_warning(events: Sequence[Event]) -> str | None:
    """What to say of the last logged step; None unless the discriminator has just won so many of them."""
    lines = [event for event in events if "generator" in event]
    if _just_now([line["margin"] > MOST_MARGIN for line in lines], LINES):
        reason = f"real clips score {lines[-1]['margin']:.0f} above generated ones"
    elif _just_now([line["gradient"] < LEAST_GRADIENT for line in lines], LINES):
        reason = f"the generator's gradient has vanished ({lines[-1]['gradient']:.0e} a weight)"
    else:
        return None
    return (
        f"The discriminator has won: {reason}, {LINES} logged steps in a row, and the generator learns little from it; "
        "begin anew with --gamma up, --rate down, more footage or more augmentation."
    )


def gradient_size(trainer: Trainer) -> float | None:
    """The generator's last gradient, root mean square a weight; None where it did not move."""
    gradients = [p.grad for p in trainer.generator.parameters() if p.grad is not None]
    if not gradients:
        return None
    squares = torch.stack([gradient.square().sum() for gradient in gradients]).sum()
    return float((squares / sum(gradient.numel() for gradient in gradients)).sqrt())


def _places(clips: Tensor) -> NDArray[np.float32]:
    """Clips of one frame (N, 1, size, size, 4) in -1..1 as means over a grid of places in 0..1: (N, values)."""
    planes = clips[:, 0].permute(0, 3, 1, 2).mul(0.5).add(0.5).clamp(0, 1)
    places: NDArray[np.float32] = torch.nn.functional.adaptive_avg_pool2d(planes, GRID).flatten(1).cpu().numpy()
    return places


def _just_now(flags: Sequence[bool], times: int) -> bool:
    """Whether the last so many are set and the one before them is not, so that it is true once a spell."""
    spell = flags[-times - 1 :]
    return len(spell) >= times and all(spell[-times:]) and not (len(spell) > times and spell[0])
