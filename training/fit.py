# SPDX-License-Identifier: GPL-3.0-or-later
"""A training run: footage in, model file out; interrupted at any time, the same command goes on."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from tqdm import tqdm

from aigc_blender.errors import AigcError
from aigc_blender.generator.network import Architecture

from .export import Label, build_model, write_model
from .footage.clips import Footage
from .sheet import style_rows, write_sheet
from .trainer import Config, NotFiniteError, Trainer, load_state, save_state


class TrainingError(AigcError):
    """A run that cannot start or go on."""

    code = "training"
    exit_code = 2


@dataclass(frozen=True)
class Limits:
    """When a run ends: at ``steps`` in all, or after ``minutes`` of this call, whichever comes first."""

    steps: int
    minutes: float | None = None


@dataclass(frozen=True)
class Intervals:
    """Steps between log lines and between sheets, and minutes between saved states."""

    log: int = 20
    sheet: int = 500
    save_minutes: float = 5.0


def fit(
    footage: Sequence[Footage],
    config: Config,
    limits: Limits,
    out: Path,
    label: Label,
    *,
    device: torch.device,
    intervals: Intervals = Intervals(),
) -> bool:
    """Train and export to ``out``; state, log and sheets go to the folder ``<out>.run``.

    Returns whether the run reached its limit; False where SIGINT or SIGTERM ended it early. The model
    is written and the state saved either way.

    Raises:
        TrainingError: the footage does not suit the run, or losses are no longer finite.
    """
    for source in footage:
        if source.frames < (config.frames - 1) * max(config.strides) + 1:
            needed = (config.frames - 1) * max(config.strides) + 1
            raise TrainingError(
                f"Style {source.style.name}: its clips have {source.frames} frames, {needed} are needed; add longer shots."
            )
    architecture = Architecture(styles=len(footage), controls=max(1, *(len(f.style.controls) for f in footage)))
    trainer = Trainer(config, architecture, footage, device)
    folder = out.with_name(out.name + ".run")
    folder.mkdir(parents=True, exist_ok=True)
    seconds_before = _resume(trainer, folder, footage)

    stop = _StopOnSignal()
    started = saved = time.monotonic()
    deadline = started + limits.minutes * 60 if limits.minutes is not None else float("inf")
    first_step = trainer.steps

    def spent() -> float:
        return seconds_before + time.monotonic() - started

    def history() -> dict[str, Any]:
        return {
            "config": asdict(config),
            "steps": trainer.steps,
            "clips": trainer.clips,
            "hours": round(spent() / 3600, 3),
            "device": str(device),
        }

    def save() -> None:
        save_state(folder / "state.pt", trainer)
        (folder / "progress.json").write_text(
            json.dumps({"styles": [f.style.name for f in footage], "seconds": spent()})
        )

    with (
        (folder / "events.jsonl").open("a", buffering=1) as events,
        tqdm(total=limits.steps, initial=first_step, unit="step") as bar,
    ):
        while trainer.steps < limits.steps and time.monotonic() < deadline and not stop.requested:
            try:
                losses = trainer.step()
            except NotFiniteError as error:
                raise TrainingError(
                    f"Step {trainer.steps}: {error}; run again from {folder} with a lower rate or a higher gamma."
                ) from None
            bar.update()
            if trainer.steps % intervals.log == 0 or trainer.steps == first_step + 1:
                bar.set_postfix({name: f"{value:.3g}" for name, value in losses.items()})
                events.write(json.dumps({"step": trainer.steps, "seconds": round(spent(), 1), **losses}) + "\n")
            if trainer.steps % intervals.sheet == 0:
                _write_sheet(trainer, footage, label, folder)
            if time.monotonic() - saved > intervals.save_minutes * 60:
                save()
                saved = time.monotonic()
    save()
    model = build_model(trainer.average, [f.style for f in footage], label, history(), out)
    write_model(model, out)
    return not stop.requested


def _resume(trainer: Trainer, folder: Path, footage: Sequence[Footage]) -> float:
    """Load the newest state, if there is one; the seconds spent before."""
    state, progress = folder / "state.pt", folder / "progress.json"
    if not state.is_file():
        return 0.0
    stored = json.loads(progress.read_text())
    names = [f.style.name for f in footage]
    if stored["styles"] != names:
        raise TrainingError(
            f"{folder} holds a run of {', '.join(stored['styles'])}, not of {', '.join(names)}; give another --out or remove that folder."
        )
    trainer.load_state(load_state(state))
    return float(stored["seconds"])


def _write_sheet(trainer: Trainer, footage: Sequence[Footage], label: Label, folder: Path) -> None:
    threads = torch.get_num_threads()
    styles = [f.style for f in footage]
    model = build_model(trainer.average, styles, label, {})
    rows = [row for style in styles for row in style_rows(model, style, size=trainer.config.size)]
    write_sheet(folder / "sheets" / f"{trainer.steps:06d}.png", rows, zoom=2)
    torch.set_num_threads(threads)


class _StopOnSignal:
    """Notes SIGINT and SIGTERM, so that the step in hand is finished and saved; a second one ends at once."""

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.requested = True
        signal.signal(number, self._before[number])
