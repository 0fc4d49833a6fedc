# SPDX-License-Identifier: GPL-3.0-or-later
"""A training run: footage in, model file out; interrupted at any time, the same command goes on."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Self

import torch
from tqdm import tqdm

from aigc_blender.generator.checkpoint import Model
from aigc_blender.generator.network import Architecture

from .distributed import ALONE, Team, measure_efficiency
from .errors import RunFailedError, TrainingError
from .export import Label, build_model, write_model
from .footage.clips import Footage
from .scenery import paint_scenery, scenery_size
from .sheet import style_rows, write_sheet
from .state import load_state, save_state
from .trainer import Config, NotFiniteError, Trainer
from .warm import warm_network

MOST_ROLLBACKS = 3
# Of the configuration when a run goes on: a longer run is the same run, and so is one on another device.
MAY_CHANGE = {
    "horizon_clips": "The rates now fall over {new} clips instead of {old}.",
    "half": "Half precision is now {new} instead of {old}.",
}


@dataclass(frozen=True)
class Limits:
    """When a run ends: at ``steps`` in all, or after ``minutes`` of this call, whichever comes first."""

    steps: int
    minutes: float | None = None


@dataclass(frozen=True)
class Intervals:
    """Steps between log lines and between sheets, and minutes between saved states."""

    log: int = 20
    sheet: int = 100
    save_minutes: float = 5.0


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
    intervals: Intervals = Intervals(),
    report: Callable[[str], None] = tqdm.write,
) -> bool:
    """Train and export to ``out``; state, log and sheets go to the folder ``<out>.run``.

    A run begins with the weights of ``start`` and of a discriminator ``taught``, if given, and goes on from its own state where there is
    one. Where a loss is no longer a number it goes back to its last state and on at half the rate. The
    processes of a team stop, save and go back together; the leader alone writes.

    Returns whether the run reached its limit; False where SIGINT or SIGTERM ended it early. The model
    is written and the state saved either way.

    Raises:
        TrainingError: the footage does not suit the run, or the run saved before was another one.
        RunFailedError: losses keep ceasing to be numbers, the state cannot be written, or a process of the team is gone.
    """
    deadline = time.monotonic() + (float("inf") if limits.minutes is None else limits.minutes * 60)
    needed = clip_frames(config)
    for source in footage:
        if source.frames < needed:
            raise TrainingError(
                f"Style {source.style.name}: its clips have {source.frames} frames, {needed} are needed; add longer shots."
            )
    run = _Run(config, footage, out, label, device, team, start, taught, report)
    try:
        with _StopOnSignal() as stop:
            run.begin()
            _train(run, limits.steps, lambda: stop.requested or time.monotonic() >= deadline, intervals)
            if team.leads:
                write_model(run.model(out), out)
    except OSError as error:
        raise RunFailedError(
            f"{run.folder}: cannot be written ({error.strerror}); see to it and run the same command again, what was saved before is intact."
        ) from None
    (stopped,) = team.any(stop.requested)
    if not stopped:
        run.print_speed()
    return not stopped


def clip_frames(config: Config) -> int:
    """Frames that the shortest clip of footage must have."""
    return (config.frames - 1) * max(config.strides) + 1


def _train(run: _Run, steps: int, ended: Callable[[], bool], intervals: Intervals) -> None:
    """Step until the run has so many steps or is to end, and save."""
    trainer, team = run.trainer, run.team
    saved = time.monotonic()
    with tqdm(total=steps, initial=trainer.steps, unit="step", disable=not team.leads) as bar:
        while True:
            try:
                due = time.monotonic() - saved > intervals.save_minutes * 60
                last, due = team.any(trainer.steps >= steps or ended(), due)
                if last or due:
                    run.save()
                    saved = time.monotonic()
                if last:
                    return
                losses = trainer.step()
            except NotFiniteError as error:
                run.roll_back(error)
                bar.n = trainer.steps
                continue
            run.steps_done += 1
            bar.update()
            if not team.leads:
                continue
            if trainer.steps % intervals.log == 0 or trainer.steps == 1:
                bar.set_postfix({name: f"{value:.3g}" for name, value in losses.items()})
                run.log(losses)
            if trainer.steps % intervals.sheet == 0:
                run.draw_sheet()


class _Run:
    """A trainer and its folder."""

    def __init__(
        self,
        config: Config,
        footage: Sequence[Footage],
        out: Path,
        label: Label,
        device: torch.device,
        team: Team,
        start: Model | None,
        taught: Mapping[str, torch.Tensor] | None,
        report: Callable[[str], None],
    ) -> None:
        self.label, self.device, self.team, self.report = label, device, team, report
        self.styles = [f.style for f in footage]
        self.folder = out.with_name(out.name + ".run")
        stage = scenery_size(footage)
        network = None if start is None else warm_network(start, self.styles, stage)
        slots = max(1, *(len(style.controls) for style in self.styles))
        architecture = (
            Architecture(styles=len(footage), controls=slots, scenery=stage)
            if network is None
            else network.architecture
        )
        self.trainer = Trainer(config, architecture, footage, device, team)
        if network is not None:
            self.trainer.begin_with(network, taught)
        for generator in (self.trainer.generator, self.trainer.average):
            paint_scenery(generator, footage)
        # With the configuration it determines the curve.
        self.origin = {
            "styles": [style.name for style in self.styles],
            "anchored": [style.anchored for style in self.styles],
            "clips": [{height: array.shape for height, array in f.scales.items()} for f in footage],
            "from": start.file.digest if start is not None else "",
        }
        self.rollbacks, self.steps_done = 0, 0
        self.seconds_before, self.began = 0.0, time.monotonic()

    @property
    def seconds(self) -> float:
        """Spent on training, earlier calls included."""
        return self.seconds_before + time.monotonic() - self.began

    def begin(self) -> None:
        """Go on from the newest state, or save the first one."""
        if self.team.leads:
            self.folder.mkdir(parents=True, exist_ok=True)
        state = self._saved()
        if state is None:
            self._forget_later_steps()
            self.save()
            return
        if "run" not in state:
            raise TrainingError(
                f"{self.folder} holds a run of an earlier version; give another --out or remove that folder."
            )
        self._check_same_run(state)
        self._continue(state)
        self.rollbacks = state["run"]["rollbacks"]
        self.trainer.rate_factor = 0.5**self.rollbacks
        self.seconds_before = state["run"]["seconds"]

    def save(self) -> None:
        """Write the state.

        Raises:
            NotFiniteError: it is not worth keeping.
            RunFailedError: the processes do not agree on it.
            OSError: it cannot be written.
        """
        trainer = self.trainer
        trainer.check()
        networks = (trainer.generator, trainer.average, trainer.discriminator)
        self.team.check_alike(p for network in networks for p in network.parameters())
        if not self.team.leads:
            return
        run = {"origin": self.origin, "seconds": self.seconds, "rollbacks": self.rollbacks}
        save_state(self.folder / "state.pt", {**trainer.state(), "run": run})

    def roll_back(self, error: NotFiniteError) -> None:
        """Go back to the last state, and on from there at half the rate.

        Raises:
            RunFailedError: that was done too often.
        """
        failed = self.trainer.steps
        if self.rollbacks == MOST_ROLLBACKS:
            raise RunFailedError(
                f"Step {failed}: {error}, even at {0.5**self.rollbacks:g} of the rate; begin anew with a lower rate."
            )
        state = self._saved()
        assert state is not None, "a run begins with a saved state"
        self.rollbacks += 1
        self.trainer.rate_factor = 0.5**self.rollbacks
        self._continue(state)
        self.report(f"Step {failed}: {error}; back to step {self.trainer.steps}, and on at half the rate.")

    def log(self, losses: dict[str, float]) -> None:
        """Append a step's losses to the log."""
        with self._events.open("a") as file:
            file.write(json.dumps({"step": self.trainer.steps, "seconds": round(self.seconds, 1), **losses}) + "\n")

    def model(self, path: Path) -> Model:
        """The averaged generator as it is now."""
        trainer = self.trainer
        history = {
            "config": asdict(trainer.config),
            "steps": trainer.steps,
            "clips": trainer.clips,
            "hours": round(self.seconds / 3600, 3),
            "device": str(self.device),
        }
        if self.origin["from"]:
            history["from"] = self.origin["from"]
        return build_model(trainer.average, self.styles, self.label, history, path)

    def draw_sheet(self) -> None:
        """Write a contact sheet of the averaged generator."""
        threads = torch.get_num_threads()
        model = self.model(self.folder)
        rows = [row for style in self.styles for row in style_rows(model, style, size=self.trainer.config.size)]
        write_sheet(self.folder / "sheets" / f"{self.trainer.steps:06d}.png", rows, zoom=2)
        torch.set_num_threads(threads)

    def print_speed(self) -> None:
        """Print clips a second of this call and, of several processes, their efficiency; the trainer is of no more use."""
        if not self.steps_done:
            return
        speed = self.steps_done * self.trainer.config.batch / (self.seconds - self.seconds_before)
        line = f"{speed:.3g} clips/s"
        if self.team.size > 1:
            efficiency = measure_efficiency(self.trainer)
            line += f", {speed / self.team.size:.3g} a process; scaling efficiency {efficiency:.0%}: clips/s over {self.team.size} times those of one process that exchanges nothing"
        print(line + ".")

    def _saved(self) -> dict[str, Any] | None:
        """The newest state, as the leader finds it."""
        state: dict[str, Any] | None = self.team.told(
            load_state(self.folder / "state.pt", self.report) if self.team.leads else None
        )
        return state

    @property
    def _events(self) -> Path:
        return self.folder / "events.jsonl"

    def _continue(self, state: dict[str, Any]) -> None:
        try:
            self.trainer.load_state(state)
        except (RuntimeError, ValueError, KeyError):
            raise TrainingError(
                f"{self.folder} holds a run with other networks; give another --out or remove that folder."
            ) from None
        self._forget_later_steps()

    def _forget_later_steps(self) -> None:
        """Cut from the log what will be done again."""
        if self.team.leads and self._events.is_file():
            lines = self._events.read_text().splitlines(keepends=True)
            whole = [line for line in lines if line.endswith("}\n")]
            kept = [line for line in whole if json.loads(line)["step"] <= self.trainer.steps]
            temporary = self._events.with_suffix(".tmp")
            temporary.write_text("".join(kept))
            temporary.replace(self._events)

    def _check_same_run(self, state: dict[str, Any]) -> None:
        # A state from before a field was there was made with its default.
        before = {**asdict(Config()), **state["config"], **state["run"]["origin"]}
        now = {**asdict(self.trainer.config), **self.origin}
        for name in before.keys() | now.keys():
            old, new = before.get(name), now.get(name)
            if old == new:
                continue
            if name not in MAY_CHANGE:
                raise TrainingError(
                    f"{self.folder} holds a run with {name} {old!r}, not {new!r}; give another --out or remove that folder."
                )
            self.report(MAY_CHANGE[name].format(old=old, new=new))


class _StopOnSignal:
    """While entered, SIGINT and SIGTERM are noted, so that the step in hand is finished and saved; a second one ends at once."""

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.requested = True
        signal.signal(number, self._before[number])
