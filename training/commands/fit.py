# SPDX-License-Identifier: GPL-3.0-or-later
"""``fit``: from footage to a model file."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..bundled import AUTHOR, GAMMA_FALL, LICENCE, MODELS, RIGHTS
from ..errors import TrainingError
from . import reading

if TYPE_CHECKING:
    import torch

    from aigc_blender.card import Card
    from aigc_blender.generator.checkpoint import Model

    from ..distributed import Team
    from ..export import Label
    from ..footage.clips import Footage
    from ..run.exported import Exported

HEIGHTS = (1, 2)  # element heights rendered, in clip sizes
PROCEDURAL_FRAMES = 72  # of a clip
AUGMENT = 0.4  # most probability of each kind, for footage


def add(commands: Any) -> None:
    """Add the command to a parser's commands."""
    fit = commands.add_parser("fit", help="train a model and write its file")
    fit.add_argument(
        "footage",
        nargs="*",
        type=Path,
        help="videos, numbered pictures, folders of them; a footage.toml among them tells styles and controls",
    )
    fit.add_argument("--procedural", action="store_true", help="train on footage rendered by the project itself")
    fit.add_argument(
        "--style",
        help="name of the style (default: the first file's or folder's); with --procedural, elements by name, separated by commas (default: all)",
    )
    fit.add_argument(
        "--from",
        dest="start",
        type=Path,
        metavar="MODEL",
        help="begin with the weights of a model file, and of its discriminator where its .run folder lies beside it",
    )
    fit.add_argument(
        "--resume",
        type=Path,
        metavar="FOLDER",
        help="begin with an exported state of this very run, unless it has one of its own",
    )
    fit.add_argument(
        "--beside",
        default="",
        metavar="ELEMENTS",
        help="train these procedural elements too, by name, separated by commas, so that the model keeps or learns them",
    )
    reading.add(fit)
    fit.add_argument(
        "--size", type=int, default=64, help="pixels a side of a training clip: 32, 64 or 128 (default: 64)"
    )
    fit.add_argument(
        "--tempo",
        type=float,
        help="model frames that pass in one of the footage: 2 where what moves mostly does so by more than two pixels of a clip a frame (default: as MODEL has learned its styles, else 1)",
    )
    fit.add_argument("--minutes", type=float, help="end after this time")
    fit.add_argument(
        "--steps", type=int, default=5000, help="end after this many steps in all; schedules span them (default: 5000)"
    )
    fit.add_argument("--objective", choices=("relativistic", "nonsaturating", "minimax"), default="relativistic")
    fit.add_argument(
        "--batch",
        type=int,
        help="clips a step, of all processes together (default: 4 for footage, which is learned in steps; 8 for procedural clips)",
    )
    fit.add_argument("--rate", type=float, help="learning rate at the start (default: 6e-4, with an opaque style 4e-4)")
    fit.add_argument(
        "--gamma",
        type=float,
        help="weight of R1 + R2 at the start: more is steadier and slower (default: 8, with an opaque style 16)",
    )
    fit.add_argument(
        "--imprint",
        type=float,
        default=0.0,
        metavar="WEIGHT",
        help="of evening out rows and columns that all frames share along axes without an anchor, and motion that swells at equal intervals; most bundled models were trained with 4 (default: 0)",
    )
    fit.add_argument(
        "--freeze",
        type=int,
        default=0,
        metavar="LAYERS",
        help="first layers of the discriminator that stay as MODEL's run left them (default: 0)",
    )
    fit.add_argument("--clips", type=int, default=64, help="procedural clips rendered an element (default: 64)")
    fit.add_argument(
        "--augment",
        type=float,
        help="most probability of each kind of augmentation, 0 to 0.8; it rises as footage is learned by heart (default: 0.4 for footage, 0 for procedural clips)",
    )
    fit.add_argument("--seed", type=int, default=0)
    fit.add_argument("--name", help="name of the model (default: that of the style)")
    fit.add_argument(
        "--rights", help="what the footage's owner permits, for the model's card (default: as footage.toml says)"
    )
    fit.add_argument(
        "--precision",
        choices=("auto", "full", "half"),
        default="auto",
        help="of the networks' arithmetic: half is bfloat16 (default: half on a GPU that has it, else full)",
    )
    fit.add_argument("--device", default="auto", help="auto, cpu, cuda, mps or xpu (default: auto)")
    fit.add_argument(
        "--cache", type=Path, default=Path("runs/footage"), help="folder of footage as read (default: runs/footage)"
    )
    fit.add_argument("--out", type=Path, required=True, help="model file to write (.safetensors)")
    fit.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    _check(arguments)
    from aigc_blender.generator.sampler import resolve_device

    from ..distributed import join_team

    with join_team(resolve_device(arguments.device)) as (team, device):
        arguments.batch = arguments.batch or (8 if arguments.procedural else 4)
        if arguments.augment is None:  # footage is little, procedural clips are not
            arguments.augment = 0.0 if arguments.procedural else AUGMENT
        team.check_batch(arguments.batch)
        finished = _fit(arguments, team, device)
        print(f"Wrote {arguments.out}.")
    return 0 if finished else 130


def _fit(arguments: argparse.Namespace, team: Team, device: torch.device) -> bool:
    """Train as asked; whether the run reached its limit."""
    from aigc_blender.card import MAX_STYLES
    from aigc_blender.generator.checkpoint import load_model

    from ..export import inherited
    from ..fit import Limits, clip_frames, fit
    from ..precision import half_precision
    from ..trainer import Config
    from ..warm import STEPS_ALONE, learned_drift, learned_tempo

    start = load_model(arguments.start) if arguments.start else None
    taught = _discriminator(arguments.start) if arguments.start else None
    resume = _exported(arguments)
    begun = _begun(arguments, resume)
    if start and taught is None and not begun:
        print(
            f"{arguments.start}: its discriminator is not beside it; a new one first learns alone, for {STEPS_ALONE} steps."
        )
    if arguments.freeze and taught is None and not begun:
        raise TrainingError(
            "--freeze keeps what a discriminator has learned; give --from a model whose .run folder is there."
        )
    with team.leader_first():
        if arguments.procedural:
            footage, label = _procedural(arguments, device)
        else:
            footage, label = _real(arguments, clip_frames(Config()), device)
        if ancestor := _ancestor(arguments, start, resume):
            label = inherited(label, ancestor)
    styles = [source.style for source in footage]
    if len(styles) > MAX_STYLES:
        raise TrainingError(f"{len(styles)} styles are more than a model file holds; give at most {MAX_STYLES}.")
    opaque = not all(style.alpha for style in styles)
    filmed = any(source.filmed for source in footage)
    gamma = arguments.gamma or (16.0 if opaque else 8.0)
    config = Config(
        size=arguments.size,
        tempo=arguments.tempo or begun.get("tempo") or (learned_tempo(start, styles) if start else 1.0),
        drift=begun.get("drift", learned_drift(start, styles) if start and not filmed else ()),
        batch=arguments.batch,
        objective=arguments.objective,
        rate=arguments.rate or (4e-4 if opaque else 6e-4),
        gamma=gamma,
        gamma_end=gamma * GAMMA_FALL,
        horizon_clips=arguments.steps * arguments.batch,
        augment=arguments.augment,
        imprint=arguments.imprint,
        freeze=arguments.freeze,
        alone=begun.get("alone", STEPS_ALONE if start and taught is None else 0),
        seed=arguments.seed,
        half=half_precision(arguments.precision, device),
    )
    limits = Limits(arguments.steps, arguments.minutes)
    return fit(
        footage,
        config,
        limits,
        arguments.out,
        label,
        device=device,
        team=team,
        start=start,
        taught=taught,
        resume=resume,
    )


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what no run can do.

    Raises:
        TrainingError: which argument.
    """
    if arguments.out.suffix != ".safetensors":
        raise TrainingError(f"{arguments.out}: a model file must end in .safetensors; rename it.")
    if arguments.size not in (32, 64, 128):
        raise TrainingError(f"Size {arguments.size} cannot be trained; give 32, 64 or 128.")
    for name in ("steps", "batch", "clips", "fps", "rate", "gamma", "minutes", "tempo"):
        value = getattr(arguments, name)
        if value is not None and not 0 < value < float("inf"):
            raise TrainingError(f"--{name} is {value}; give a number above 0.")
    if arguments.start and arguments.resume:
        raise TrainingError("--resume begins with all that the run had learned; leave --from out.")
    if arguments.start and arguments.start.resolve() == arguments.out.resolve():
        raise TrainingError(
            f"--out is {arguments.start}, which the run begins with and would be overwritten; give another --out, or leave --from out to go on with the run that made it."
        )
    if not 0 <= arguments.imprint < float("inf"):
        raise TrainingError(f"--imprint is {arguments.imprint}; give a number from 0 on.")
    if arguments.freeze < 0:
        raise TrainingError(f"--freeze is {arguments.freeze}; give a number of layers from 0 on.")
    if arguments.augment is not None and not 0 <= arguments.augment <= 0.8:
        raise TrainingError(
            f"--augment is {arguments.augment}; give 0 to 0.8: what is always changed leaks into frames."
        )
    if arguments.seed < 0:
        raise TrainingError(f"--seed is {arguments.seed}; give a whole number from 0 on.")
    if bool(arguments.footage) == arguments.procedural:
        raise TrainingError("Give either footage (videos, numbered pictures, folders of them) or --procedural.")
    if arguments.procedural and (arguments.anchored, arguments.crop) != ("auto", "auto"):
        raise TrainingError(
            "Procedural elements know their anchors and fill their frames; leave --anchored and --crop out."
        )


def _begun(arguments: argparse.Namespace, resume: Exported | None) -> Mapping[str, Any]:
    """The configuration of the run that the command goes on with; empty where it begins one.

    What a run found out from the files round its start is as it was then, whatever has become of them.

    Raises:
        TrainingError: what is there cannot be read.
    """
    from ..run.run import states_folder
    from ..run.state import load_state

    try:
        state = load_state(states_folder(arguments.out), report=lambda _: None)
    except OSError as error:
        raise TrainingError(f"{states_folder(arguments.out)}: cannot be read ({error.strerror}); see to it.") from None
    state = state or (resume.plain if resume else {})
    config = dict(state.get("config", {}))
    return {**config, "drift": tuple(tuple(shift) for shift in config.get("drift", ()))} if config else config


def _discriminator(model: Path) -> dict[str, torch.Tensor] | None:
    """The weights of the discriminator in the run that made a model, where its state is still there."""
    from ..run.run import states_folder
    from ..run.state import load_state

    state = load_state(states_folder(model))
    return None if state is None else state["discriminator"]


def _exported(arguments: argparse.Namespace) -> Exported | None:
    """The exported state to begin with; its model is where it is to be made, among the bundled ones, or beside the state."""
    from ..run.exported import read_exported

    if not arguments.resume:
        return None
    return read_exported(arguments.resume, [arguments.out, *sorted(MODELS.glob("*.safetensors"))])


def _ancestor(arguments: argparse.Namespace, start: Model | None, resume: Exported | None) -> Card | None:
    """The card of the model whose weights the run goes on from: with an exported state that of what it made so far."""
    from aigc_blender.card import read_model_file

    if start is not None:
        return start.card
    if resume is None:
        return None
    path = arguments.out if arguments.out.is_file() else resume.model_file()
    return read_model_file(path).card if path else None


def _procedural(arguments: argparse.Namespace, device: torch.device) -> tuple[list[Footage], Label]:
    from ..export import Label
    from ..footage.procedural import ELEMENTS

    footage = _elements(arguments.style or ",".join(ELEMENTS), arguments, device)
    return footage, Label(arguments.name or "Untitled", AUTHOR, LICENCE, RIGHTS)


def _real(arguments: argparse.Namespace, frames: int, device: torch.device) -> tuple[list[Footage], Label]:
    from ..export import Label

    style, material = reading.read(arguments, frames)
    name = arguments.name or re.sub("[_-]+", " ", style).title()
    footage, rights = material.footage, material.rights
    if arguments.beside:
        footage = [*footage, *_elements(arguments.beside, arguments, device)]
        rights = replace(rights, sources=(*rights.sources, *RIGHTS.sources))
    twice = [name for name, count in Counter(source.style.name for source in footage).items() if count > 1]
    if twice:
        raise TrainingError(
            f"Style {twice[0]!r} is both in the footage and among --beside; give the footage another --style."
        )
    return footage, Label(name, rights=rights)


def _elements(names: str, arguments: argparse.Namespace, device: torch.device) -> list[Footage]:
    """Footage of the elements named, separated by commas."""
    from ..footage.procedural import ELEMENTS
    from ..footage.render import render_footage

    chosen = names.split(",")
    for name in chosen:
        if name not in ELEMENTS:
            raise TrainingError(f"Element {name!r} is not known; choose from {', '.join(ELEMENTS)}.")
    return render_footage(
        arguments.cache,
        chosen,
        clips=arguments.clips,
        frames=PROCEDURAL_FRAMES,
        heights=[arguments.size * factor for factor in HEIGHTS],
        seed=arguments.seed,
        device=device,
    )
