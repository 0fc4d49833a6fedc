# SPDX-License-Identifier: GPL-3.0-or-later
"""A training run: footage in, model file out; interrupted at any time, the same command goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from aigc_blender.generator.checkpoint import Model

from .distributed import ALONE, Team
from .errors import RunFailedError, TrainingError
from .export import Label
from .footage.clips import Footage
from .lock import locked
from .run.exported import Exported
from .run.interrupt import StopOnSignal
from .run.monitor import USUAL, Intervals, Monitor
from .run.progress import Progress
from .run.run import Run, run_folder
from .trainer import Config, NotFiniteError


@dataclass(frozen=True)
class Limits:
    """When a run ends: at ``steps`` in all, or after ``minutes`` of this call, whichever comes first."""

    steps: int
    minutes: float | None = None


def fit(
    footage: Sequence[Footage],
    config: Config,
    limits: Limits,
    out: Path,
    label: Label,
    *,
    device: torch.device,
    team: Team = ALONE,
    start: Model | None = None,
    taught: Mapping[str, torch.Tensor] | None = None,
    resume: Exported | None = None,
    intervals: Intervals = USUAL,
    report: Callable[[str], None] = tqdm.write,
) -> bool:
    """Train and export to ``out``, the model so far too whenever the state is saved.

    States, log, sheets and videos go to the folder ``<out>.run``, which one run at a time may use. A run
    begins with the weights of ``start`` and of a discriminator ``taught``, or with the state ``resume``, if given, and
    goes on from its own state where there is one. Where a loss is no longer a number it goes back to its last state and on at half the rate. The
    processes of a team stop, save and go back together; the leader alone writes.

    Returns whether the run reached its limit; False where a signal ended it early. The model is written
    and the state saved either way.

    Raises:
        TrainingError: the footage does not suit the run, the run saved before was another one, or one is going on.
        RunFailedError: losses keep ceasing to be numbers, the state cannot be written, or a process of the team is gone.
    """
    deadline = time.monotonic() + (float("inf") if limits.minutes is None else limits.minutes * 60)
    needed = clip_frames(config)
    for source in footage:
        if source.frames < needed:
            raise TrainingError(
                f"Style {source.style.name}: its clips have {source.frames} frames, {needed} are needed; add longer shots."
            )
    folder = run_folder(out)
    try:
        with ExitStack() as stack:
            if team.leads:
                folder.mkdir(parents=True, exist_ok=True)
                taken = f"{out}: another run is making this file; let it end, or give another --out."
                stack.enter_context(locked(folder / "lock", taken))
            run = Run(config, footage, out, label, device, team, start, taught, resume, report)
            stop = stack.enter_context(StopOnSignal())
            run.begin()
            monitor = stack.enter_context(closing(Monitor(run, intervals, report))) if team.leads else None
            progress = stack.enter_context(
                closing(Progress(limits.steps, run.trainer.steps, deadline, shown=team.leads))
            )
            _train(
                run,
                monitor,
                progress,
                limits.steps,
                intervals.save_minutes,
                lambda: stop.requested or time.monotonic() >= deadline,
            )
            (stopped,) = team.any(stop.requested)
            if monitor and not stopped:
                monitor.look()
    except OSError as error:
        raise RunFailedError(
            f"{folder}: cannot be written ({error.strerror}); see to it and run the same command again, what was saved before is intact."
        ) from None
    except torch.OutOfMemoryError:
        raise RunFailedError(
            f"{device} has too little memory for this run; give a smaller --batch or --size, what was saved before is intact."
        ) from None
    if not stopped:
        run.print_speed()
    return not stopped


def clip_frames(config: Config) -> int:
    """Frames that the shortest clip of footage must have."""
    return (config.frames - 1) * max(config.strides) + 1


def _train(
    run: Run, monitor: Monitor | None, progress: Progress, steps: int, save_minutes: float, ended: Callable[[], bool]
) -> None:
    """Step until the run has so many steps or is to end; save and export every so often and at the end."""
    trainer, team = run.trainer, run.team
    saved = time.monotonic()
    while True:
        try:
            due = time.monotonic() - saved > save_minutes * 60
            last, due = team.any(trainer.steps >= steps or ended(), due)
            if last or due:
                # First what tells of the steps, so that none that a state has done is missing there.
                if monitor:
                    monitor.flush()
                run.save()
                run.export()
                saved = time.monotonic()
            if last:
                return
            losses = trainer.step()
        except NotFiniteError as error:
            words = run.roll_back(error)
            if monitor:
                monitor.rewind()
                monitor.warn(words)
            continue
        run.steps_done += 1
        if monitor:
            if figures := monitor.step(losses):
                progress.figures(figures)
            progress.step(trainer.steps)
