# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the discriminator is ahead, style by style."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.training.test_trainer import CONFIG, trainer
from training.leads import LEAD_CLIPS, Leads


def tallied(leads: Leads, ahead: torch.Tensor, style: torch.Tensor) -> dict[str, float]:
    return {name: value.item() for name, value in leads.tally(ahead, style).items()}


def test_each_style_has_a_lead_of_its_own() -> None:
    leads = Leads(3)
    ahead, style = torch.tensor([2.0, 0.1, -1.0, 3.0]), torch.tensor([0, 0, 1, 0])
    for _ in range(20 * LEAD_CLIPS):
        losses = {"margin": 1.0, **tallied(leads, ahead, style)}
        leads.take(losses, batch=4)
    assert losses == {"margin": 1.0}
    assert leads.of == pytest.approx([1.0, -1.0, 0.0], abs=1e-6)
    assert leads.mean == pytest.approx(0.0, abs=1e-6)
    assert leads.enough(torch.tensor([1, 0, 2, 0]), 0.5).tolist() == [False, True, False, True]


def test_a_lead_counts_clips_not_steps() -> None:
    """One batch of four clips moves it as far as two of two, nearly."""
    ahead, style = torch.tensor([1.0, 2.0, -1.0, 1.0]), torch.zeros(4, dtype=torch.int64)
    at_once, in_turn = Leads(1), Leads(1)
    at_once.take(tallied(at_once, ahead, style), batch=4)
    for part in ahead.split(2):
        in_turn.take(tallied(in_turn, part, style[:2]), batch=2)
    assert at_once.of == pytest.approx([0.5 * 4 / LEAD_CLIPS])
    assert in_turn.of == pytest.approx(at_once.of, rel=0.03)


def test_shares_of_a_batch_tally_to_the_whole() -> None:
    ahead, style = torch.randn(8), torch.tensor([0, 1, 1, 0, 0, 1, 1, 1])
    leads = Leads(2)
    whole = tallied(leads, ahead, style)
    shares = [tallied(leads, a, s) for a, s in zip(ahead.split(4), style.split(4), strict=True)]
    assert whole == pytest.approx({name: (shares[0][name] + shares[1][name]) / 2 for name in whole})


def test_a_style_that_is_not_known_yet_teaches_the_generator_nothing() -> None:
    """Its row of styles stands still, though the generator moves for the other one."""
    run = trainer(replace(CONFIG, least_lead=0.3))
    run.leads.of = [0.9, -0.9]
    before = run.generator.style.detach().clone()
    for _ in range(3):
        assert "generator" in run.step()
    moved = (run.generator.style - before).norm(dim=1)
    assert moved[0] > 0
    assert moved[1] == 0


def test_one_lead_for_all_styles_is_still_read() -> None:
    run = trainer()
    state = {**run.state(), "lead": 0.25}
    run.load_state(state)
    assert run.leads.of == [0.25, 0.25]
