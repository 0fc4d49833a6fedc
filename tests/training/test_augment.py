# SPDX-License-Identifier: GPL-3.0-or-later
"""Augmentation: alike for a pair and for where its pixels lie, and never on everything."""

from __future__ import annotations

import numpy as np
import torch

from training.augment import Augmentation, draw_augmentation

SIDE = 32
CPU = torch.device("cpu")


def drawn(clips: int = 64, probability: float = 0.5, seed: int = 0) -> Augmentation:
    return draw_augmentation(np.random.default_rng(seed), clips, SIDE, probability, CPU)


def test_without_probability_nothing_changes() -> None:
    pictures = torch.randn(4, 3, SIDE, SIDE, 4)
    seen = drawn(4, 0.0)
    assert torch.allclose(seen.paint(pictures), pictures, atol=1e-6)
    planes = torch.randn(4, 5, SIDE, SIDE)
    assert torch.allclose(seen.place(planes), planes, atol=1e-6)


def test_what_is_shown_stays_where_its_position_says() -> None:
    """A picture that shows its own position still does after it was moved, mirrored, zoomed and cut."""
    places = (torch.arange(SIDE) + 0.5) / SIDE
    position = torch.stack([places.expand(SIDE, SIDE), places[:, None].expand(SIDE, SIDE)])
    planes = torch.cat([position, 3 * position[:1] - 2 * position[1:]]).expand(64, -1, -1, -1)
    moved = drawn().place(planes)
    assert torch.allclose(moved[:, 2], 3 * moved[:, 0] - 2 * moved[:, 1], atol=1e-4)
    changed = (moved - planes).flatten(1).abs().amax(1) > 0.01
    assert 0.5 < changed.float().mean() < 1


def test_each_kind_leaves_its_share_of_clips_alone() -> None:
    """Otherwise what is augmented could not be told from what is not, and would leak."""
    seen = drawn(2000, 0.3)
    for kind, identity in (("colour", torch.eye(3)), ("rows", torch.eye(SIDE)), ("kept", torch.ones(SIDE, SIDE))):
        same = torch.isclose(getattr(seen, kind), identity, atol=1e-5).flatten(1).all(1).float().mean()
        assert 0.3 < same < 0.8, kind


def test_both_of_a_pair_are_changed_alike() -> None:
    planes = torch.randn(4, 2, SIDE, SIDE)
    pictures = torch.randn(4, 2, SIDE, SIDE, 4)
    seen = drawn(4, 0.9)
    both = seen.repeat(2)
    assert torch.equal(*both.place(planes.repeat(2, 1, 1, 1)).chunk(2))
    assert torch.equal(*both.paint(pictures.repeat(2, 1, 1, 1, 1)).chunk(2))
    assert torch.equal(both.place(planes.repeat(2, 1, 1, 1))[:4], seen.place(planes))


def test_a_clip_is_changed_as_one_and_keeps_its_alpha() -> None:
    frame = torch.randn(8, 1, SIDE, SIDE, 4)
    painted = drawn(8, 0.9).paint(frame.expand(-1, 5, -1, -1, -1))
    assert torch.equal(painted, painted[:, :1].expand_as(painted))
    assert torch.equal(painted[..., 3], frame[..., 3].expand(-1, 5, -1, -1))


def test_gradients_of_gradients_pass() -> None:
    """Penalties are taken with respect to what was not augmented yet."""
    clips = torch.randn(3, 2, SIDE, SIDE, 4, dtype=torch.float32, requires_grad=True)
    seen = drawn(3, 0.9)

    def score(pictures: torch.Tensor) -> torch.Tensor:
        return seen.place(seen.paint(pictures).permute(0, 1, 4, 2, 3).flatten(1, 2)).pow(3).sum()

    (gradient,) = torch.autograd.grad(score(clips), clips, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), clips)
    assert second.abs().sum() > 0
