# SPDX-License-Identifier: GPL-3.0-or-later
"""What the discriminator is shown of a larger window: crops that know where they lie, and the whole as a smaller element."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from aigc_blender.card import Style
from tests.models import TINY
from training.footage.clips import Footage, draw_batch, draw_crops
from training.trainer import Config, Trainer
from training.windows import shown, shown_batch, views

SIZE = 16
CONFIG = Config(size=32, frames=2, batch=4, windows=(2,), strides=(1,), stride_odds=(1.0,), penalty_every=1)


def slope(scales: tuple[int, ...] = (64,)) -> Footage:
    """Anchored on both axes, red rises with the height above the base and green to the right, in element heights."""
    films = {}
    for height in scales:
        up, right = np.meshgrid(height - np.arange(height) - 0.5, np.arange(height) + 0.5, indexing="ij")
        film = np.zeros((2, 6, height, height, 4), np.uint8)
        film[..., 0], film[..., 1] = up / height * 255, right / height * 255
        films[height] = film
    return Footage(Style("slope", anchored=("x", "y"), alpha=True), films, np.zeros((2, 0), np.float32))


def test_every_view_shows_what_its_claim_says() -> None:
    """The place that the claim gives a pixel, in element heights, is the one that the pixel was painted with."""
    window = draw_batch([slope()], np.random.default_rng(0), 3, 2, 2 * SIZE, 1, torch.device("cpu"))
    seen = shown_batch(window, SIZE)
    assert seen.clips.shape == (3 * views(2), 2, SIZE, SIZE, 4)
    place = seen.claim.placement
    pixels = torch.arange(SIZE) + 0.5
    up = (place.base[:, 1, None] - pixels) / place.height[:, None]
    right = (pixels - place.base[:, 0, None]) / place.height[:, None] + 0.5  # measured from the middle
    red, green = ((seen.clips[:, 0, ..., c] + 1) / 2 for c in (0, 1))
    assert torch.allclose(red, up[:, :, None].expand_as(red), atol=0.01)
    assert torch.allclose(green, right[:, None].expand_as(green), atol=0.01)
    assert place.height.tolist() == [64.0] * 12 + [32.0] * 3


def test_views_are_alike_for_real_and_generated_clips() -> None:
    window = draw_batch([slope()], np.random.default_rng(1), 2, 2, 2 * SIZE, 1, torch.device("cpu"))
    assert torch.equal(shown_batch(window, SIZE).clips, shown(window.clips, SIZE))
    whole = shown(window.clips, SIZE)[-2:]
    assert torch.allclose(whole.mean((2, 3)), window.clips.mean((2, 3)), atol=1e-5)


def test_a_window_of_one_crop_is_left_as_it_is() -> None:
    batch = draw_batch([slope()], np.random.default_rng(2), 2, 2, SIZE, 1, torch.device("cpu"))
    assert shown_batch(batch, SIZE) is batch
    assert views(1) == 1


def test_windows_come_from_elements_that_are_tall_enough() -> None:
    crops = draw_crops([slope((32, 64, 128))], np.random.default_rng(0), 60, 2, 64, 1)
    assert {crop.height for crop in crops} == {64, 128}


def test_both_networks_learn_from_windows() -> None:
    run = Trainer(CONFIG, replace(TINY, styles=1), [slope()])
    before = [{n: p.clone() for n, p in net.named_parameters()} for net in (run.generator, run.discriminator)]
    for _ in range(2):
        losses = run.step()
    for net, old in zip((run.generator, run.discriminator), before, strict=True):
        moved = {n.split(".")[0] for n, p in net.named_parameters() if not torch.equal(p, old[n])}
        assert moved >= {n.split(".")[0] for n in old} - {"control"}
    assert losses["penalty"] > 0
