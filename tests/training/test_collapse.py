# SPDX-License-Identifier: GPL-3.0-or-later
"""A generator that draws the same whatever the seed is found out; ordinary and fresh ones are not accused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from aigc_blender.generator.architecture import Architecture
from aigc_blender.generator.checkpoint import load_model, save_model
from tests.models import TINY, tiny_model
from tests.training.test_fit import SMALL, folder_of_run, run, waves
from tests.training.test_trainer import CONFIG, two_styles
from training.footage.clips import Footage
from training.run.collapse import (
    LEAST_DIVERSITY,
    LINES,
    LOOKS,
    collapse_warning,
    defeat_warning,
    diversity,
    gradient_size,
    real_diversity,
)
from training.run.monitor import Intervals
from training.trainer import Trainer


def ratios(trainer: Trainer) -> list[float]:
    return [
        diversity(trainer, i) / real_diversity(trainer.footage, i, trainer.config.size)
        for i in range(len(trainer.footage))
    ]


def moving_styles() -> list[Footage]:
    return [waves("a"), waves("b", seed=1)]


def looks(*values: float) -> list[dict[str, Any]]:
    return [{"step": i, "diversity": {"fire": value, "smoke": 0.9}} for i, value in enumerate(values)]


def lines(*margins: float, gradient: float = 1e-3) -> list[dict[str, Any]]:
    return [{"step": i, "generator": 1.0, "margin": m, "gradient": gradient} for i, m in enumerate(margins)]


@pytest.mark.parametrize("architecture", [TINY, Architecture(styles=2, controls=1)])
def test_a_fresh_generator_is_as_diverse_as_real_footage(architecture: Architecture) -> None:
    assert min(ratios(Trainer(SMALL, architecture, moving_styles()))) > LEAST_DIVERSITY


def test_a_constant_generator_has_no_diversity() -> None:
    trainer = Trainer(SMALL, TINY, moving_styles())
    with torch.no_grad():
        for parameter in trainer.average.to_pixels.parameters():
            parameter.zero_()
    assert max(ratios(trainer)) < 0.01


def test_what_controls_explain_is_not_diversity() -> None:
    """Clips that differ by their control alone, and do not move, ask for no difference between seeds."""
    anchored, still = two_styles()
    assert real_diversity([anchored], 0, 32) < 0.001
    assert real_diversity([still], 0, 32) < 0.001
    assert real_diversity([waves()], 0, 32) > 0.02


def test_a_warning_comes_once_a_spell() -> None:
    assert collapse_warning([]) is None
    low = LEAST_DIVERSITY / 2
    said = [bool(collapse_warning(looks(*[0.8] * 3, *[low] * n))) for n in range(LOOKS + 4)]
    assert said == [n == LOOKS for n in range(LOOKS + 4)]
    assert collapse_warning(looks(*[low] * LOOKS, 0.8, *[low] * LOOKS)), "another spell"
    assert collapse_warning(looks(*[low, 0.8] * LOOKS)) is None
    assert "fire" in str(collapse_warning(looks(*[low] * LOOKS)))


def test_a_discriminator_that_has_won_is_said_once() -> None:
    healthy = [0.5, 4.0, -1.0, 9.0] * LINES
    assert defeat_warning(lines(*healthy)) is None
    said = [bool(defeat_warning(lines(*healthy, *[30.0] * n))) for n in range(LINES + 3)]
    assert said == [n == LINES for n in range(LINES + 3)]
    assert "vanished" in str(defeat_warning(lines(*[1.0] * LINES, gradient=1e-10)))
    alone = [{"step": i, "margin": 30.0} for i in range(2 * LINES)]
    assert defeat_warning(alone) is None, "the generator rests"


def test_the_gradient_is_that_of_the_last_step() -> None:
    trainer = Trainer(CONFIG, TINY, two_styles())
    assert gradient_size(trainer) is None
    trainer.step()
    size = gradient_size(trainer)
    assert size is not None
    assert 1e-7 < size < 10


def warnings_of(folder: Path) -> list[str]:
    events = map(json.loads, (folder_of_run(folder) / "events.jsonl").read_text().splitlines())
    return [event["warning"] for event in events if "warning" in event]


@pytest.mark.slow
def test_a_run_that_has_collapsed_says_so_once_and_goes_on(tmp_path: Path) -> None:

    model = load_model(tiny_model(tmp_path))
    with torch.no_grad():
        for parameter in model.network.to_pixels.parameters():
            parameter.zero_()
    save_model(tmp_path / "tiny.safetensors", model.card, model.network)
    said: list[str] = []
    at_each = Intervals(log=1, sheet=1, save_minutes=1, share=float("inf"))
    resting = replace(SMALL, alone=1000)  # the generator stays as it is
    assert run(tmp_path, LOOKS - 1, resting, intervals=at_each, report=said.append)
    assert said == []
    assert run(tmp_path, LOOKS + 2, resting, intervals=at_each, report=said.append), "looks before count"
    assert len(said) == 1
    assert all(remedy in said[0] for remedy in ("waves", "--gamma", "--rate", "footage", "augmentation"))
    assert warnings_of(tmp_path) == said
    # And an ordinary one has nothing to say.
    (tmp_path / "ordinary").mkdir()
    tiny_model(tmp_path / "ordinary")
    assert run(tmp_path / "ordinary", LOOKS + 1, intervals=at_each)
    assert warnings_of(tmp_path / "ordinary") == []
