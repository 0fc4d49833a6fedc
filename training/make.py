# SPDX-License-Identifier: GPL-3.0-or-later
"""A bundled model made as the table says, in slices of time, and what of it is to be taken home."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aigc_blender.card import read_model_file
from aigc_blender.errors import ModelError
from aigc_blender.generator.checkpoint import Model, load_model

from .bundled import AUTHOR, GAMMA_FALL, LICENCE, MODELS, RIGHTS, STATES, Bundled
from .errors import TrainingError
from .evaluate import Finding, evaluate
from .export import Label
from .files import replacing
from .fit import Limits, fit
from .footage.procedural import ELEMENTS
from .footage.render import render_footage
from .metrics.features import SqueezeNet
from .metrics.report import as_table, write_json
from .narrow import narrowed
from .reference import Protocol, simulations
from .refine import refined
from .run.exported import read_exported
from .run.run import states_folder
from .run.state import state_files
from .sheet import write_sheet
from .trainer import Config
from .warm import STEPS_ALONE, known_rows

SHOWN_CLIPS = 2  # of each kind and style on a sheet
SHOWN_FRAMES = 10


@dataclass(frozen=True)
class Place:
    """Where models are made: folders of their runs, of rendered footage, and of exported states if these are used; and on what."""

    runs: Path
    cache: Path
    states: Path | None
    device: torch.device
    half: bool

    def out(self, model: Bundled) -> Path:
        """The file that is made of a model."""
        return self.runs / f"{model.file}.safetensors"

    def begun(self, model: Bundled) -> bool:
        """Whether a model's run has states of its own."""
        return bool(state_files(states_folder(self.out(model))))

    def exported(self, model: Bundled) -> Path | None:
        """The exported state with which a model's run begins, if there is one."""
        folder = self.states / model.file if self.states else None
        return folder if folder and folder.is_dir() else None


def steps_done(model: Bundled, place: Place) -> int:
    """As the model file tells that is being made, or else the exported state."""
    exported = place.exported(model)
    if place.begun(model):
        try:
            return int(read_model_file(place.out(model)).card.training.get("steps", 0))
        except ModelError:
            return 0
    return int(read_exported(exported).plain["steps"]) if exported else 0


def make(model: Bundled, place: Place, deadline: float, report: Callable[[str], None]) -> bool:
    """Train a model on to its last step, or until the monotonic clock shows ``deadline``; False where a signal ended that.

    Raises:
        TrainingError: the table or the states do not allow it.
        RunFailedError: training fails.
    """
    if unknown := [name for name in model.styles if name not in ELEMENTS]:
        raise TrainingError(f"{model.file}: element {unknown[0]!r} is not known; choose from {', '.join(ELEMENTS)}.")
    out, folder = place.out(model), place.exported(model)
    exported = read_exported(folder, [out, *sorted(MODELS.glob("*.safetensors"))]) if folder else None
    start = _start(model) if model.start and not exported else None
    footage = render_footage(
        place.cache,
        model.styles,
        clips=model.clips,
        frames=model.frames,
        heights=model.heights,
        seed=model.seed,
        device=place.device,
        report=report,
    )
    config = config_of(model, alone=exported.alone if exported else STEPS_ALONE if start else 0, half=place.half)
    return fit(
        footage,
        config,
        Limits(model.steps, max(0.0, deadline - time.monotonic()) / 60),
        out,
        Label(model.name, AUTHOR, LICENCE, RIGHTS),
        device=place.device,
        start=start,
        taught=_taught(model, start) if start else None,
        resume=exported,
        report=report,
    )


def config_of(model: Bundled, *, alone: int, half: bool) -> Config:
    """How the table's entry is trained; ``alone``: steps of the discriminator alone, ``half``: whether in bfloat16."""
    return Config(
        size=model.size,
        windows=model.windows,
        tempo=model.tempo,
        drift=model.drift,
        batch=model.batch,
        rate=model.rate,
        rate_end=model.rate_end,
        beta=model.beta,
        pace=model.pace,
        least_lead=model.least_lead,
        imprint=model.imprint,
        gamma=model.gamma,
        gamma_end=model.gamma_end or model.gamma * GAMMA_FALL,
        horizon_clips=model.steps * model.batch,
        alone=alone,
        seed=model.seed,
        half=half,
    )


def _start(model: Bundled) -> Model:
    """The bundled model that a run begins with, as wide and as fine as the table says.

    Raises:
        TrainingError: it has fewer channels, or no head can have so many steps.
    """
    start = load_model(MODELS / f"{model.start}.safetensors")
    network = start.network
    try:
        if model.channels:
            network = narrowed(network, model.channels)
        while len(network.architecture.head) < model.head:
            network = refined(network)
    except ValueError as error:
        raise TrainingError(f"{model.file}: {error}; mend the table.") from None
    return replace(start, network=network)


def _taught(model: Bundled, start: Model) -> Mapping[str, torch.Tensor] | None:
    """The discriminator of the run that made ``start``, with rows for the model's styles, where the project has that run's state."""
    folder = STATES / model.start
    if not folder.is_dir():
        return None
    discriminator = read_exported(folder, sorted(MODELS.glob("*.safetensors"))).state()["discriminator"]
    return known_rows(discriminator, [style.name for style in start.card.styles], model.styles)


def take(path: Path, folder: Path) -> None:
    """Copy a model file to a folder, whole or not at all.

    Raises:
        TrainingError: it cannot be written.
    """
    try:
        with replacing(folder / path.name) as temporary:
            shutil.copyfile(path, temporary)
    except OSError as error:
        raise TrainingError(f"{folder}: cannot be written ({error.strerror}); choose another folder.") from None


def judge(
    path: Path,
    folder: Path,
    protocol: Protocol,
    network: SqueezeNet | None,
    place: Place,
    report: Callable[[str], None],
) -> None:
    """Evaluate a model file against held-out simulations: figures as JSON and a contact sheet, named after it.

    Raises:
        AigcError: the model cannot be evaluated, or the files cannot be written.
    """
    model = load_model(path)
    references = simulations(model.card, [], protocol, place.cache, place.device, report)
    findings = evaluate(model, references, protocol, network, None, place.device, report)
    reports = [finding.report for finding in findings]
    report(as_table(reports))
    about: dict[str, Any] = {
        "model": model.card.name,
        "digest": model.file.digest,
        "steps": model.card.training.get("steps"),
        "protocol": asdict(protocol),
        "files": [],
    }
    write_json(folder / f"{path.stem}.json", about, reports)
    rows = [row for finding in findings for row in _rows(finding)]
    try:
        write_sheet(folder / f"{path.stem}.png", rows)
    except OSError as error:
        raise TrainingError(f"{folder}: cannot be written ({error.strerror}); choose another folder.") from None


def _rows(finding: Finding) -> list[list[NDArray[np.float32]]]:
    """Real clips of a style, then what the model drew for them."""
    clips = [*finding.reference.clips[:SHOWN_CLIPS], *finding.generated[:SHOWN_CLIPS]]
    return [
        [clip[i].astype(np.float32) / 255 for i in np.linspace(0, len(clip) - 1, SHOWN_FRAMES).astype(int)]
        for clip in clips
    ]
