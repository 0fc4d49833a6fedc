# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen of a run while it goes: figures, sheets, sample videos, and a warning where it has gone wrong."""

from __future__ import annotations

import importlib.util
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from aigc_blender.generator.sampler import Sampler

from ..sheet import contact_sheet, write_sheet
from ..trainer import Trainer
from ..video import write_video
from .board import Board
from .collapse import collapse_warning, defeat_warning, diversity, gradient_size, real_diversity
from .log import Log
from .run import Run
from .undisturbed import undisturbed
from .views import looping_clips, real_clips

SHEET_FRAMES = range(0, 20, 2)
ZOOM = 2
EARLY = 5  # the first look comes after this part of the interval


@dataclass(frozen=True)
class Intervals:
    """How often a run is logged, looked at and saved.

    ``log`` and ``sheet`` are in steps, the latter 0 for no look at all. ``share``: looks that would make up more of the run's time are left out.
    """

    log: int = 20
    sheet: int = 500
    save_minutes: float = 5.0
    share: float = 0.03


USUAL = Intervals()


class Monitor:
    """Watches a run from its folder: ``events.jsonl``, ``tensorboard``, ``sheets`` and ``videos``."""

    def __init__(self, run: Run, intervals: Intervals, report: Callable[[str], None]) -> None:
        self.run, self.intervals, self.report = run, intervals, report
        self.log = Log(run.folder / "events.jsonl")
        self.board = Board(run.folder / "tensorboard", report)
        self._suffix = ".mp4" if importlib.util.find_spec("av") else ".webp"
        self._real: dict[int, float] = {}
        self._began, self._looking = time.monotonic(), 0.0
        self.rewind()

    def rewind(self) -> None:
        """Forget what is logged of steps that are still to be done."""
        steps = self.run.trainer.steps
        self.log.rewind(steps)
        self.board.rewind(steps)

    def step(self, losses: Mapping[str, float]) -> dict[str, float] | None:
        """After a step; the figures of one that is logged."""
        steps, figures = self.run.trainer.steps, None
        # The first step and then every so many: one with a penalty, where that is due every second or fourth.
        if (steps - 1) % self.intervals.log == 0:
            figures = self._log(losses)
        if look_is_due(steps, self.intervals.sheet) and self._has_time():
            self.look()
        return figures

    def look(self) -> None:
        """Draw sheets and videos and measure diversity, unless that was done at this step."""
        run, steps = self.run, self.run.trainer.steps
        if (
            not steps
            or not self.intervals.sheet
            or any(e["step"] == steps and "diversity" in e for e in self.log.events[-3:])
        ):
            return
        began = time.monotonic()
        with undisturbed():
            self._draw()
            ratios = {style.name: self._diversity(index) for index, style in enumerate(run.styles)}
        self.log.append(steps, seconds=round(run.seconds, 1), diversity=ratios)
        self.board.figures(steps, {f"diversity/{name}": ratio for name, ratio in ratios.items()})
        self._warn_if(collapse_warning(self.log.events))
        self._looking += time.monotonic() - began

    def warn(self, words: str) -> None:
        """Tell the user, here and in the records."""
        steps = self.run.trainer.steps
        self.report(words)
        self.log.append(steps, seconds=round(self.run.seconds, 1), warning=words)
        self.board.text(steps, "warning", words)

    def flush(self) -> None:
        """See to it that all is on disk before a state says that it was done."""
        self.board.flush()

    def close(self) -> None:
        """Write what is left."""
        self.board.close()

    def _log(self, losses: Mapping[str, float]) -> dict[str, float]:
        trainer = self.run.trainer
        gradient = gradient_size(trainer) if "generator" in losses else None
        figures = {**losses, **({} if gradient is None else {"gradient": gradient})}
        self.log.append(trainer.steps, seconds=round(self.run.seconds, 1), **figures)
        self.board.figures(
            trainer.steps,
            {
                **{f"loss/{name}": value for name, value in figures.items()},
                **{f"rate/{name}": value for name, value in _rates(trainer).items()},
                "gamma": trainer.gamma,
                "clips a second": self.run.clips_a_second,
            },
        )
        self._warn_if(defeat_warning(self.log.events))
        return figures

    def _draw(self) -> None:
        run = self.run
        steps, footage, size = run.trainer.steps, run.trainer.footage, run.trainer.config.size
        sampler = Sampler(run.model(), run.device, threads=1)
        for index, style in enumerate(run.styles):
            name = f"{steps:06d}-{style.name}"
            drawn = looping_clips(sampler, footage[index], size)
            rows = [*real_clips(footage, index, size, SHEET_FRAMES.stop), *drawn]
            rows_shown = [[row[i] for i in SHEET_FRAMES if i < len(row)] for row in rows]
            sheet = write_sheet(run.folder / "sheets" / f"{name}.png", rows_shown, ZOOM)
            self.board.picture(steps, style.name, sheet)
            film = np.stack([contact_sheet([pictures], ZOOM) for pictures in zip(*drawn, strict=True)])
            write_video(run.folder / "videos" / f"{name}{self._suffix}", film, footage[index].style.fps)

    def _diversity(self, style: int) -> float:
        trainer = self.run.trainer
        if style not in self._real:
            self._real[style] = real_diversity(trainer.footage, style, trainer.config.size)
        drawn, real = diversity(trainer, style), self._real[style]
        return round(drawn / real, 3) if real else 1.0  # footage that does not change asks for none

    def _warn_if(self, words: str | None) -> None:
        if words:
            self.warn(words)

    def _has_time(self) -> bool:
        return self._looking <= self.intervals.share * (time.monotonic() - self._began)


def _rates(trainer: Trainer) -> dict[str, float]:
    optimisers = {"generator": trainer.generator_optimiser, "discriminator": trainer.discriminator_optimiser}
    return {name: optimiser.param_groups[0]["lr"] for name, optimiser in optimisers.items()}


def look_is_due(step: int, every: int) -> bool:
    """Every so many steps, and earlier in the beginning: after a fifth of that, and after two; 0: never."""
    early = math.ceil(every / EARLY)
    return every > 0 and (step % every == 0 or step in (early, 2 * early))
