# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundled models: which there are, how each is trained, what may be done with them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from aigc_blender.card import Rights
from aigc_blender.generator.architecture import Drift, check_drift

from .errors import TrainingError

TABLE = Path(__file__).with_suffix(".toml")
STATES = Path(__file__).with_name("states")  # exported ones, a folder for each model
MODELS = Path(__file__).parents[1] / "aigc_blender" / "models"

AUTHOR = "The AIGC contributors"
LICENCE = "GPL-3.0-or-later"
RIGHTS = Rights(
    statement="Trained only on footage that this project's own simulations rendered; free for any use, commercial use included.",
    sources=("training/footage/procedural",),
)
MEASURED = 128  # pixels: the height at which elements are compared with simulations, where they are seen at it
GAMMA_FALL = 0.08  # of the penalty's weight, from a run's start to its end


@dataclass(frozen=True)
class Bundled:
    """How a model is trained; ``file`` is its file's name without the suffix. Lengths are in pixels."""

    file: str
    name: str
    styles: tuple[str, ...]
    steps: int
    size: int  # a side of a training clip
    heights: tuple[int, ...]  # at which elements are rendered
    batch: int
    rate: float
    gamma: float
    rate_end: float = 1.5e-4  # after all steps ...
    gamma_end: float = 0.0  # ... (0: GAMMA_FALL of what it is at the start)
    start: str = ""  # file of the bundled model whose weights it begins with ...
    channels: tuple[int, ...] = ()  # ... and how many of its channels at each trunk level but the finest; (): all
    head: int = 0  # steps of its head, each beyond that model's for elements twice as large (0: as many as that has)
    compared: int = 0  # one of the heights, at which they are evaluated (0: see ``measured``)
    windows: tuple[int, ...] = (1,)  # clips along each side of what is generated at once
    beta: float = 0.9  # Adam's second, at the start
    pace: float = 1.0  # the generator's rate, in the discriminator's
    tempo: float = 1.0  # model frames that pass in a rendered one
    drift: Drift = ()  # of the lattice for each style, right and up, in element heights a model frame
    least_lead: float = -1.0  # of the discriminator in a style, for it to teach the generator
    imprint: float = 0.0  # weight of evening out what the lattice leaves in pictures
    clips: int = 64  # rendered of each element ...
    frames: int = 72  # ... with so many frames
    seed: int = 0

    @property
    def measured(self) -> int:
        """The height in pixels at which its elements are evaluated, the same from run to run whatever is added above."""
        return self.compared or (MEASURED if MEASURED in self.heights else max(self.heights))


def read_table(path: Path = TABLE) -> tuple[Bundled, ...]:
    """The models of a table, in its order.

    Raises:
        TrainingError: it cannot be read, or names the entry that is wrong.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror}); give a table of models.") from None
    except ValueError as error:
        raise TrainingError(f"{path}: not TOML ({error}); mend it.") from None
    models = []
    for file, entry in raw.items():
        try:
            models.append(_model(file, entry))
        except (TypeError, ValueError) as error:
            raise TrainingError(f"{path}: {file}: {error}; mend it.") from None
    return tuple(models)


def chosen(models: Sequence[Bundled], only: str | None) -> tuple[Bundled, ...]:
    """The models named, separated by commas; all if none is.

    Raises:
        TrainingError: a name is not known.
    """
    names = [model.file for model in models]
    wanted = only.split(",") if only else names
    for name in wanted:
        if name not in names:
            raise TrainingError(f"Model {name!r} is not in the table; choose from {', '.join(names)}.")
    return tuple(model for model in models if model.file in wanted)


def _model(file: str, entry: object) -> Bundled:
    if not re.fullmatch("[a-z0-9-]{1,64}", file) or not isinstance(entry, dict):
        raise ValueError("an entry is headed by its file's name of a-z, 0-9 and -")
    known = {f.name for f in fields(Bundled)} - {"file"}
    if unknown := sorted(entry.keys() - known):
        raise ValueError(f"{unknown[0]} is not known")
    lists = {
        name: tuple(tuple(part) if isinstance(part, list) else part for part in value)
        for name, value in entry.items()
        if isinstance(value, list)
    }
    model = Bundled(file=file, **{**entry, **lists})
    if model.size not in (32, 64, 128):
        raise ValueError("size must be 32, 64 or 128")
    if not (model.styles and model.heights and model.windows):
        raise ValueError("styles, heights and windows must be given")
    if any(max(model.heights) % height or height < model.size for height in model.heights):
        raise ValueError("heights must be the size or more, and divide the greatest of them")
    if model.compared not in (0, *model.heights):
        raise ValueError("compared must be one of the heights")
    if not all(isinstance(n, int) and 1 <= n * model.size <= max(model.heights) for n in model.windows):
        raise ValueError("windows must be whole numbers, times the size no more than the greatest height")
    if not (0 < model.beta < 1 and model.least_lead < 1):
        raise ValueError("beta must lie in 0..1, least_lead below 1")
    if model.channels and not model.start:
        raise ValueError("channels are those of the model that it begins with, and there is no start")
    if model.head and not model.start:
        raise ValueError("head is that of the model that it begins with, and there is no start")
    if model.drift:
        check_drift(model.drift, len(model.styles))
    if not (0 < model.rate_end <= model.rate and 0 <= model.gamma_end <= model.gamma):
        raise ValueError("rate_end and gamma_end must be no greater than rate and gamma")
    numbers = (model.steps, model.pace, model.tempo, model.batch, model.rate, model.gamma, model.clips, model.frames)
    if not all(0 < number < float("inf") for number in numbers) or model.seed < 0:
        raise ValueError("steps, batch, rate, gamma, pace, tempo, clips and frames must be above 0, seed 0 or more")
    return model
