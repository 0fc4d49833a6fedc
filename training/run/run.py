# SPDX-License-Identifier: GPL-3.0-or-later
"""A run: a trainer, the folder of its states, and the model file that it makes."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from aigc_blender.errors import ModelError
from aigc_blender.generator.architecture import Architecture
from aigc_blender.generator.checkpoint import Model

from ..distributed import Team, measure_efficiency
from ..errors import RunFailedError, TrainingError
from ..export import Label, build_model, write_model
from ..files import RUN
from ..footage.clips import Footage
from ..scenery import paint_scenery, scenery_size
from ..trainer import Config, NotFiniteError, Trainer
from ..warm import warm_network
from .exported import OPTIMISERS, Exported
from .state import load_state, save_state
from .undisturbed import undisturbed

MOST_ROLLBACKS = 3
# Of the configuration when a run goes on: a longer run is the same run, and so is one on another device.
MAY_CHANGE = {
    "horizon_clips": "The rates now fall over {new} clips instead of {old}.",
    "half": "Half precision is now {new} instead of {old}.",
}


def run_folder(out: Path) -> Path:
    """Where states, log, sheets and videos of the run that makes the model file ``out`` lie."""
    return out.with_name(out.name + RUN)


def states_folder(out: Path) -> Path:
    """Where the states of that run lie."""
    return run_folder(out) / "states"


class Run:
    """Of one process of a team; the leader alone reads and writes."""

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
        resume: Exported | None,
        report: Callable[[str], None],
    ) -> None:
        """Not begun; ``start``: the model whose weights it begins with; ``taught``: those of a discriminator; ``resume``: the state it begins with instead."""
        self.out, self.label, self.device, self.team, self.report = out, label, device, team, report
        self.resume = resume
        self.styles = [replace(f.style, fps=f.style.fps * config.tempo) for f in footage]
        self.folder = run_folder(out)
        stage = scenery_size(footage)
        network = None if start is None else warm_network(start, self.styles, stage, config.drift)
        slots = max(1, *(len(style.controls) for style in self.styles))
        if resume:
            architecture = resume.architecture
        elif network is not None:
            architecture = network.architecture
        else:
            architecture = Architecture(styles=len(footage), controls=slots, scenery=stage, drift=config.drift)
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
            "footage": _fingerprint(label.rights.digests),
            "from": start.file.digest if start is not None else resume.start if resume else "",
        }
        self.rollbacks, self.steps_done = 0, 0
        self.seconds_before, self.began = 0.0, time.monotonic()

    @property
    def seconds(self) -> float:
        """Spent on training, earlier calls included."""
        return self.seconds_before + time.monotonic() - self.began

    @property
    def clips_a_second(self) -> float:
        """Of all processes, since this call began."""
        return self.steps_done * self.trainer.config.batch / (time.monotonic() - self.began)

    def begin(self) -> None:
        """Go on from the newest state, else from the exported one if there is one, else save the first one.

        Raises:
            TrainingError: the state is another run's, another version's or damaged.
            OSError: the folder cannot be read or written.
        """
        state = self._saved()
        if state is None:
            if self.team.leads and (self.folder / "state.pt").exists():
                raise self._of_another_version()
            if self.resume:
                self._begin_with(self.resume)
            self.save()
            return
        if self.resume:
            self.report(f"{self.folder} has states of its own; {self.resume.folder} is not used.")
        if _fields(state) != _fields(self._state()):
            raise self._of_another_version()
        self._check_same_run(state, self.folder, "give another --out or remove that folder")
        self._continue(state)
        self._count_on(state["run"])

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
        if self.team.leads:
            save_state(states_folder(self.out), self._state())

    def export(self) -> None:
        """Write the model as it is now, so that it can be tried while it trains.

        Raises:
            RunFailedError: that is not possible.
        """
        if not self.team.leads:
            return
        try:
            write_model(self.model(), self.out)
        except ModelError as error:
            raise RunFailedError(str(error)) from None

    def roll_back(self, error: NotFiniteError) -> str:
        """Go back to the last state, and on from there at half the rate, now and after an interruption; what happened, in words.

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
        self._continue(state)
        self.rollbacks += 1
        self.trainer.rate_factor = 0.5**self.rollbacks
        self.save()
        return f"Step {failed}: {error}; back to step {self.trainer.steps}, and on at half the rate."

    def model(self) -> Model:
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
        with undisturbed():
            return build_model(trainer.average, self.styles, self.label, history, self.out)

    def print_speed(self) -> None:
        """Print clips a second of this call and, of several processes, their efficiency; the trainer is of no more use."""
        if not self.steps_done:
            return
        speed = self.clips_a_second
        line = f"{speed:.3g} clips/s"
        if self.team.size > 1:
            efficiency = measure_efficiency(self.trainer)
            line += f", {speed / self.team.size:.3g} a process; scaling efficiency {efficiency:.0%}: clips/s over {self.team.size} times those of one process that exchanges nothing"
        print(line + ".")

    def _state(self) -> dict[str, Any]:
        run = {"origin": self.origin, "seconds": self.seconds, "rollbacks": self.rollbacks}
        return {**self.trainer.state(), "run": run}

    def _saved(self) -> dict[str, Any] | None:
        """The newest state, as the leader finds it."""
        found = load_state(states_folder(self.out), self.report) if self.team.leads else None
        state: dict[str, Any] | None = self.team.told(found)
        return state

    def _begin_with(self, exported: Exported) -> None:
        self._check_same_run(exported.plain, exported.folder, "give the arguments of that run, or leave --resume out")
        state = exported.state()
        own = self.trainer.state()
        for name in OPTIMISERS:
            state[name]["param_groups"] = own[name]["param_groups"]
        try:
            self.trainer.load_state(state)
            _check_moments(self.trainer)
        except (RuntimeError, ValueError, KeyError, TypeError):
            raise TrainingError(
                f"{exported.folder} holds a state of other networks; go on with the version of this program that exported it, or leave --resume out."
            ) from None
        self._count_on(exported.plain["run"])
        self.report(f"Going on from {exported.folder} at step {self.trainer.steps}.")

    def _count_on(self, run: Mapping[str, Any]) -> None:
        self.rollbacks = run["rollbacks"]
        self.trainer.rate_factor = 0.5**self.rollbacks
        self.seconds_before = run["seconds"]

    def _continue(self, state: dict[str, Any]) -> None:
        try:
            self.trainer.load_state(state)
        except (RuntimeError, ValueError, KeyError):
            raise TrainingError(
                f"{self.folder} holds a run with other networks; give another --out or remove that folder."
            ) from None

    def _of_another_version(self) -> TrainingError:
        return TrainingError(
            f"{self.folder} holds a run of another version of this program; go on with that one, give another --out, or remove that folder."
        )

    def _check_same_run(self, state: Mapping[str, Any], where: Path, remedy: str) -> None:
        # What a state of an earlier version does not tell was then as it is by default; one from JSON has no tuples.
        before = _as_json({**asdict(Config()), **state["config"], **state["run"]["origin"]})
        now = _as_json({**asdict(self.trainer.config), **self.origin})
        before.setdefault("footage", now["footage"])  # not told by earlier versions
        for name in before.keys() | now.keys():
            old, new = before.get(name), now.get(name)
            if old == new:
                continue
            if name not in MAY_CHANGE:
                raise TrainingError(f"{where} holds a run with {name} {old!r}, not {new!r}; {remedy}.")
            self.report(MAY_CHANGE[name].format(old=old, new=new))


def _fields(state: dict[str, Any]) -> list[set[str]]:
    """The names of all that a version of this program keeps in a state."""
    return [set(state), *(set(state.get(part, ())) for part in ("config", "run"))]


def _fingerprint(digests: Sequence[str]) -> str:
    """Of the files of footage, in words; procedural footage has none."""
    whole = hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()
    return f"{len(digests)} files, {whole[:12]}" if digests else ""


def _as_json(values: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(values))
    return plain


def _check_moments(trainer: Trainer) -> None:
    """Torch does not look at the shapes of an optimiser's moments before they are used.

    Raises:
        ValueError: they are not those of the parameters.
    """
    for name in OPTIMISERS:
        for parameter, moments in getattr(trainer, name).state.items():
            if moments["exp_avg_sq"].shape != parameter.shape:
                raise ValueError(f"the moments of the {name} have other shapes")
