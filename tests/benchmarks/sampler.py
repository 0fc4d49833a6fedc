# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the sampler is against what the same core can do at best, in one run.

    python -m tests.benchmarks.sampler [MODEL]

Prints CPU-seconds of one thread: frames of 256x256 a core-second, arithmetic a second, and its share
of a plain matrix product's. Run it on a quiet machine; the share hardly minds a busy one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from aigc_blender.generator.checkpoint import load_model
from aigc_blender.generator.sampler import Sampler
from aigc_blender.library import find_models
from aigc_blender.recipe import Recipe

SIZE, FRAMES, ROUNDS = 256, 48, 3


def best(work: Callable[[], object]) -> float:
    """Least CPU-seconds of a few rounds."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def main() -> None:
    """Measure the given model, or the first that is found."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else find_models()[0][0].path
    model = load_model(path)
    sampler = Sampler(model, "cpu", threads=1)
    recipe = Recipe(model.card.styles[0].name, width=SIZE, height=SIZE)
    side = 2048
    a, b = torch.randn(side, side), torch.randn(side, side)
    peak = 2 * side**3 / best(lambda: a @ b)
    seconds = best(lambda: list(sampler.frames(recipe, range(FRAMES))))
    rate = sampler.plan(recipe).flop * FRAMES / seconds
    print(f"{path.name}: {FRAMES / seconds:.1f} frames of {SIZE}x{SIZE} a core-second")
    print(f"{rate / 1e9:.0f} GFLOP/s of convolutions, {rate / peak:.0%} of a matrix product's {peak / 1e9:.0f}")


if __name__ == "__main__":
    main()
