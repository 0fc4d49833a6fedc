# SPDX-License-Identifier: GPL-3.0-or-later
"""What a few steps of the loop gave when it was last changed on purpose.

After such a change: ``python -m tests.training.golden`` records anew; look at the difference before committing it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn.utils import parameters_to_vector

from tests.training.test_trainer import CONFIG, trainer
from training.objectives import OBJECTIVES
from training.trainer import Config

RECORD = Path(__file__).with_name("golden.json")
STEPS = 4
# Relative. Other instruction sets and numbers of threads round otherwise, and Adam without momentum lets that grow:
# within these steps up to 1e-4 was seen between one and two threads, AVX-512, AVX2 and neither.
TOLERANCE = 1e-3


def measure(config: Config) -> list[dict[str, float]]:
    """The losses of each step, then how far the averaged generator has moved and is from the generator."""
    run = trainer(config)
    start = parameters_to_vector(run.average.parameters())
    curve = [run.step() for _ in range(STEPS)]
    average, now = (parameters_to_vector(n.parameters()).detach() for n in (run.average, run.generator))
    return [*curve, {"moved": (average - start).norm().item(), "behind": (now - average).norm().item()}]


def configurations() -> dict[str, Config]:
    """What is measured, by name."""
    return {name: replace(CONFIG, objective=name) for name in OBJECTIVES}


def main() -> None:
    """Record anew."""
    torch.set_num_threads(1)
    record = {name: measure(config) for name, config in configurations().items()}
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(f"Wrote {RECORD}.")


if __name__ == "__main__":
    main()
