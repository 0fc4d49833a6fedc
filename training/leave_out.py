# SPDX-License-Identifier: GPL-3.0-or-later
"""Styles left out of a model, because another one draws them, and out of the exported state that it goes on from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from aigc_blender.card import Card
from aigc_blender.generator.checkpoint import Model, load_model, save_model
from aigc_blender.generator.network import Generator

from .errors import TrainingError
from .run.exported import export_state, read_exported
from .trainer import Config, Trainer
from .warm import known_rows

PER_STYLE = ("style", "control")  # of the generator's tensors, those with a row for each style


@dataclass(frozen=True)
class Rest:
    """What is left of a model file; nothing is written before ``write``.

    ``card`` and ``network`` are None where no style is left. ``state`` is what is left of the exported state in ``folder``, None where there is none.
    """

    path: Path
    card: Card | None
    network: Generator | None
    folder: Path
    state: dict[str, Any] | None

    def write(self) -> None:
        """Put it in the place of the model file and its state; a file that has no style left goes.

        Raises:
            ModelError: the model cannot be written.
            TrainingError: the state cannot be written.
        """
        if self.card is None or self.network is None:
            self.path.unlink()
            return
        save_model(self.path, self.card, self.network)
        if self.state is not None:
            written = load_model(self.path)
            export_state({**self.state, "average": written.network.state_dict()}, written, self.folder)


def leave_out(names: Collection[str], path: Path, states: Path) -> Rest | None:
    """A model file without the named styles, the others as they are, and so its exported state in ``states``; None where it draws none of them.

    Raises:
        ModelError: the model cannot be read.
        TrainingError: the state is damaged, or another model's.
    """
    model, folder = load_model(path), states / path.stem
    kept = [row for row, style in enumerate(model.card.styles) if style.name not in names]
    if len(kept) == len(model.card.styles):
        return None
    if not kept:
        return Rest(path, None, None, folder, None)
    state = _state(model, kept, folder) if folder.is_dir() else None
    return Rest(path, *_model(model, kept), folder, state)


def _model(model: Model, kept: Sequence[int]) -> tuple[Card, Generator]:
    drift = tuple(model.architecture.drift[row] for row in kept) if model.architecture.drift else ()
    network = Generator(replace(model.architecture, styles=len(kept), drift=drift))
    network.load_state_dict(_generator_rows(model.network.state_dict(), kept))
    styles = tuple(model.card.styles[row] for row in kept)
    names = [style.name for style in styles]
    measured = {name: style for name, style in model.card.metrics.get("styles", {}).items() if name in names}
    training = dict(model.card.training)
    if "calibrated" in training:
        training["calibrated"] = {name: scaled for name, scaled in training["calibrated"].items() if name in names}
    card = replace(
        model.card,
        styles=styles,
        architecture=network.architecture.to_dict(),
        channels="RGBA" if any(style.alpha for style in styles) else "RGB",
        training=training,
        metrics={**model.card.metrics, "styles": measured} if measured else {},
    )
    return card, network


def _state(model: Model, kept: Sequence[int], folder: Path) -> dict[str, Any]:
    """A run's state as if it had had the kept styles alone, but for the average, which the model holds."""
    exported = read_exported(folder, [model.file.path])
    state, origin = exported.state(), exported.plain["run"]["origin"]
    known = list(origin["styles"])
    if known != [style.name for style in model.card.styles]:
        raise TrainingError(f"{folder} is of a run of {', '.join(known)}, not that of {model.file.path}; remove it.")
    wanted = [known[row] for row in kept]

    def rows(values: Sequence[Any]) -> list[Any]:
        return [values[row] for row in kept] if values else []

    # Adam's moments are told apart by their parameters' places.
    trainer = Trainer(Config(**state["config"]), exported.architecture, [])
    of_generator = [name for name, _ in trainer.generator.named_parameters()]
    of_discriminator = [name for name, p in trainer.discriminator.named_parameters() if p.requires_grad]

    def judging(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return known_rows(tensors, known, wanted)

    def drawing(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return _generator_rows(tensors, kept)

    return {
        **state,
        "config": {**state["config"], "drift": rows(state["config"].get("drift", []))},
        **{name: rows(state[name]) for name in ("lead", "imprint") if isinstance(state.get(name), list)},
        "run": {**state["run"], "origin": {**origin, **{n: rows(origin[n]) for n in ("styles", "anchored", "clips")}}},
        "generator": drawing(state["generator"]),
        "discriminator": judging(state["discriminator"]),
        "generator_optimiser": _moments(state["generator_optimiser"], of_generator, drawing),
        "discriminator_optimiser": _moments(state["discriminator_optimiser"], of_discriminator, judging),
    }


def _generator_rows(tensors: Mapping[str, Tensor], kept: Sequence[int]) -> dict[str, Tensor]:
    return {name: tensor[kept] if name in PER_STYLE else tensor for name, tensor in tensors.items()}


def _moments(
    optimiser: Mapping[str, Any], names: Sequence[str], cut: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
) -> dict[str, Any]:
    """An optimiser's second moments, ``cut`` as the parameters of these ``names`` are; the first ones do not travel."""
    moments = optimiser["state"]
    squares = {names[place]: moment["exp_avg_sq"] for place, moment in moments.items()}
    left = cut(squares) if squares else squares  # what has not learnt yet has none
    return {
        "state": {place: {**moment, "exp_avg_sq": left[names[place]]} for place, moment in moments.items()},
        "param_groups": [{"params": list(range(len(names)))}],
    }
