# SPDX-License-Identifier: GPL-3.0-or-later
"""What the discriminator can see: it cannot teach what it is blind to."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from aigc_blender.generator.network import Placement
from training.discriminator import Claim, Discriminator, DiscriminatorShape
from training.warm import known_rows

SIZE, FRAMES = 32, 4


@pytest.fixture(scope="module")
def network() -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(DiscriminatorShape(SIZE, FRAMES, styles=2, controls=2, channels=(16, 16, 16, 16)))


def clips(n: int = 4) -> torch.Tensor:
    """Smooth moving pictures."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.randn(n, FRAMES * 4, 4, 4, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=SIZE, mode="bicubic")
    return smooth.unflatten(1, (FRAMES, 4)).permute(0, 1, 3, 4, 2) * 0.5


def claim(
    n: int = 4,
    style: int = 0,
    control: float = 0.5,
    stride: int = 1,
    height: float = 64,
    base: float = 0,
    still: float = 0,
) -> Claim:
    placement = Placement(torch.full((n, 2), base), torch.full((n,), height), torch.ones(n, 2), torch.full((n,), style))
    return Claim(torch.full((n, 2), control), stride, placement, torch.full((n, SIZE, SIZE, 4), still), torch.ones(n))


CHANGES = ({"style": 1}, {"control": 0.9}, {"stride": 4}, {"height": 128.0}, {"base": 30.0}, {"still": 0.5})


@pytest.mark.parametrize("change", CHANGES)
def test_a_score_depends_on_what_the_clip_claims_to_be(network: Discriminator, change: dict[str, float]) -> None:
    with torch.no_grad():
        assert not torch.allclose(network(clips(), claim()), network(clips(), claim(**change)), atol=1e-5)  # type: ignore[arg-type]


def test_a_mistaken_claim_is_about_one_control_and_needs_no_second_look(network: Discriminator) -> None:
    true, others = claim(control=0.5), torch.rand(4, 2, generator=torch.Generator().manual_seed(2))
    false = true.mistaken(others)
    for slot, controls in enumerate(false.controls.split(4)):
        assert torch.equal(controls[:, slot], others[:, slot])
        assert (controls[:, 1 - slot] == 0.5).all()
    with torch.no_grad():
        summary = network.summarise(clips(), true)
        assert torch.equal(network.judge(summary, true), network(clips(), true))
        judged = network.judge(summary.repeat(2, 1), false)
        assert torch.allclose(judged, network(clips().repeat(2, 1, 1, 1, 1), false), atol=1e-5)


def test_the_finest_patterns_and_the_order_of_frames_are_seen(network: Discriminator) -> None:
    """A checkerboard of single pixels lies at the frequency that low-pass resampling removes."""
    rows, columns = torch.arange(SIZE)[:, None], torch.arange(SIZE)
    board = ((rows + columns) % 2 * 2.0 - 1)[..., None] * 0.2
    stripes = (columns % 2 * 2.0 - 1)[None, :, None] * 0.2
    with torch.no_grad():
        plain = network(clips(), claim())
        typical = (network(clips() + 0.2, claim()) - plain).abs().mean()
        for changed in (clips() + board, clips() + stripes, clips().flip(1)):
            assert (network(changed, claim()) - plain).abs().mean() > 0.02 * typical


def test_a_tremble_counts_more_than_as_small_a_shift(network: Discriminator) -> None:
    """Of one grey level in 8 bits."""
    level = 1 / 255
    tremble = (torch.arange(FRAMES) % 2 * 2.0 - 1)[:, None, None, None] * level
    with torch.no_grad():
        plain = network.summarise(clips(), claim())
        shifted, moved = ((network.summarise(clips() + x, claim()) - plain).norm() for x in (level, tremble))
    assert moved > 2 * shifted


def test_each_score_is_of_its_own_clip(network: Discriminator) -> None:
    """Pairs and penalties rely on it."""
    batch = clips().requires_grad_()
    (gradient,) = torch.autograd.grad(network(batch, claim())[1], batch)
    assert gradient[1].abs().sum() > 0
    assert gradient[[0, 2, 3]].abs().sum() == 0


def test_a_size_that_does_not_halve_to_four_is_refused() -> None:
    with pytest.raises(ValueError, match="64"):
        Discriminator(DiscriminatorShape(48, FRAMES, 1, 1, channels=(8, 8, 8, 8, 8)))


def test_a_style_is_judged_in_its_new_row_as_it_was_in_its_old_one(network: Discriminator) -> None:
    wanted = ["smoke", "fire"]
    other = Discriminator(network.shape)
    other.load_state_dict(known_rows(network.state_dict(), ["fire", "smoke"], wanted))
    with torch.no_grad():
        for row, name in enumerate(wanted):
            before = network(clips(), claim(style=["fire", "smoke"].index(name), control=0.8))
            assert torch.allclose(other(clips(), claim(style=row, control=0.8)), before, atol=1e-5)
    fewer = known_rows(network.state_dict(), ["fire", "smoke"], ["smoke"])
    Discriminator(replace(network.shape, styles=1)).load_state_dict(fewer)
    strange = known_rows(network.state_dict(), ["fire", "smoke"], ["smoke", "rain"])
    assert torch.equal(strange["style.weight"], network.style.weight)
