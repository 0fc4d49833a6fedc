# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated clips as they are seen: cut to the range of pictures, and led back into it by what judges them."""

from __future__ import annotations

import torch

from training.visible import visible


def test_clips_are_cut_as_frames_are() -> None:
    clips = torch.linspace(-3, 3, 61)
    assert torch.equal(visible(clips), clips.clamp(-1, 1))


def test_what_is_beyond_a_limit_is_led_back_but_not_further_away() -> None:
    clips = torch.tensor([-1.5, -1.5, -0.5, -0.5, 0.5, 0.5, 1.5, 1.5], requires_grad=True)
    wanted = torch.tensor([-2.0, 0.0, -2.0, 0.0, 2.0, 0.0, 2.0, 0.0])
    ((visible(clips) - wanted).square().sum() / 2).backward()
    assert clips.grad is not None
    assert clips.grad.tolist() == [0.0, -1.0, 1.5, -0.5, -1.5, 0.5, 0.0, 1.0]


def test_black_is_kept_once_it_is_seen() -> None:
    """A judge that wants black is content with anything below it; uncut clips would be drawn back up to it."""
    clips = torch.tensor([-1.8, -1.2, -0.9], requires_grad=True)
    descent = torch.optim.SGD([clips], lr=0.5)
    for _ in range(20):
        descent.zero_grad()
        (visible(clips) + 1).square().sum().backward()
        descent.step()
    assert torch.allclose(clips, torch.tensor([-1.8, -1.2, -1.0]), atol=1e-3)
