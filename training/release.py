# SPDX-License-Identifier: GPL-3.0-or-later
"""From what training brought home to what ships: models with their figures on the card, and the tables of all of them."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aigc_blender.card import Card, Style, read_model_file
from aigc_blender.errors import ModelError
from aigc_blender.generator.checkpoint import load_model, save_model

from .errors import TrainingError
from .export import thumbnail
from .files import replacing
from .footage.procedural import ELEMENTS
from .leave_out import leave_out

# By which two models of a style are told apart: of pictures and of motion, each against the simulation's own spread.
TAKEN_ALIKE = ("clips", "size", "frames", "instants")  # of the protocol: what those depend on that are judged
JUDGED = ("patches, frames", "patches, lag 1", "kernel, frames", "kernel, lag 1")
HEAD = """\
# What the bundled models reach

Written by `python -m training release` from the figures on the models' cards; `python -m training evaluate` measures them.

Each element is compared with held-out simulations, of seeds that no training run saw: as many generated clips with the same
controls, at the element height given. Distances are shown as ratios to those of real clips from other real clips: 1 would be
as good as the simulation itself, and the aim is 1.5. *Patches* is the sliced Wasserstein distance on a Laplacian pyramid, *kernel* a kernel
distance of features of an ImageNet network, each of frames and of what changes from frame to frame; the *spectrum* is signed in
wave vector and frequency, in decibels, with the simulations' own spread behind it. *Seams* are the step across against the steps
beside it: 1 is no seam (of as many loops and tiles as the cards' protocol says, four where it says nothing). *Repeat* is the greatest autocorrelation of a long clip. *Imprint* is how far what is seen
swings with the place in the cells of the generator's lattice and between its knots in time, against its mean; models measured before that was looked at have
none, and those whose seams are of four loops had time and pairs of pixels left out.

Where simulations differ widely from each other, in hue above all (aurora, energy, nebula, torch), few clips leave a great distance between
real and real: ratios of patches near or below 1 flatter there, those of the kernel tell more.
"""


def release(model: Path, figures: Path, folder: Path, states: Path, *, even_if_worse: bool = False) -> Path:
    """Write the model file to ``folder``, on its card the figures that an evaluation wrote as JSON, and thumbnails as frames are drawn now.

    Styles that other models there draw as well are taken out of those, and out of their exported states in ``states``: a style comes from one model.

    Raises:
        TrainingError: the figures are of other weights, a style of the model there measured better, or a state is of no use.
        ModelError: a model cannot be read or written.
    """
    found = figures_to_ship(model, figures, folder, even_if_worse=even_if_worse)
    source, target = load_model(model), folder / model.name
    styles = tuple(replace(style, thumbnail=thumbnail(source, style)) for style in source.card.styles)
    drawn = {style.name for style in styles}
    others = [leave_out(drawn, other, states) for other in folder.glob("*.safetensors") if other != target]
    save_model(target, as_rendered(replace(source.card, styles=styles, metrics=found)), source.network)
    for rest in others:
        if rest is not None:
            rest.write()
    return target


def figures_to_ship(model: Path, figures: Path, folder: Path, *, even_if_worse: bool = False) -> dict[str, Any]:
    """What goes onto the card of a model file that may ship in ``folder``: the figures that an evaluation wrote of it as JSON.

    Raises:
        TrainingError: the figures are of other weights, or a style of the models there measured better.
        ModelError: a model cannot be read.
    """
    try:
        measured = json.loads(figures.read_text())
        found = {"protocol": measured["protocol"], "styles": {n: _brief(s) for n, s in measured["styles"].items()}}
        digest = measured["digest"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(f"{figures}: no figures of an evaluation ({error}); evaluate the model again.") from None
    if digest != read_model_file(model).digest:
        raise TrainingError(f"{figures}: measured of another file than {model}; evaluate the model again.")
    if not even_if_worse:
        for there in folder.glob("*.safetensors"):
            _refuse_worse(read_model_file(there).card, found, whole=there.name == model.name)
    return found


def as_rendered(card: Card) -> Card:
    """A card whose styles say of their light what the elements of their names say today, where those are emissive too.

    The glow is no part of what a network learns: models trained before it was stated, or with another, take it on.
    """
    return replace(card, styles=tuple(_with_glow(style) for style in card.styles))


def light_up(path: Path) -> bool:
    """Write the elements' glow onto a model file's card, whole or not at all; False where it is there already.

    Raises:
        ModelError: the file cannot be read or written.
    """
    model = load_model(path)
    card = as_rendered(model.card)
    if card == model.card:
        return False
    save_model(path, card, model.network)
    return True


def take_state(source: Path, folder: Path) -> None:
    """Put an exported state in the place of the one of the same name in ``folder``.

    Raises:
        TrainingError: it cannot be written.
    """
    target = folder / source.name
    fresh = target.with_name(f".{target.name}.new")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(source, fresh)
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    except OSError as error:
        raise TrainingError(f"{target}: cannot be written ({error.strerror}); choose another folder.") from None


def write_tables(models: Path, page: Path) -> None:
    """Write the figures of all models in a folder as a page of Markdown, whole or not at all.

    Raises:
        TrainingError: it cannot be written.
        ModelError: a model cannot be read.
    """
    cards = [read_model_file(path).card for path in sorted(models.glob("*.safetensors"))]
    try:
        with replacing(page) as temporary:
            temporary.write_text("\n".join([HEAD, *_distances(cards), "", *_sliders(cards), ""]), encoding="utf-8")
    except OSError as error:
        raise TrainingError(f"{page}: cannot be written ({error.strerror}); choose another file.") from None


def standing(scores: dict[str, Any]) -> float:
    """How far a style is from the simulations: the geometric mean of the ratios that are judged; less is better.

    A ratio below 1 counts as 1. Nearer to real clips than these are to each other is no merit: it is a sign of little variety.
    """
    ratios = [max(_ratio(scores[name]), 1.0) for name in JUDGED if name in scores]
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else math.inf


def _with_glow(style: Style) -> Style:
    element = ELEMENTS.get(style.name)
    return replace(style, glow=element.glow) if element and element.emissive and style.emissive else style


def _brief(style: dict[str, Any]) -> dict[str, Any]:
    """What a card has room for."""
    scores = {name: [round(s["generated"], 4), round(s["floor"], 4)] for name, s in style["scores"].items()}
    controls = {
        name: {key: round(v, 4) if isinstance(v, float) else v for key, v in control.items()}
        for name, control in style["controls"].items()
    }
    return {"scores": scores, "controls": controls}


def _refuse_worse(old: Card, found: dict[str, Any], *, whole: bool) -> None:
    """Raise where figures that were taken alike have grown; those of styles that are no longer there too, in a model that is replaced ``whole``."""
    before, now = (metrics.get("protocol", {}) for metrics in (old.metrics, found))
    if any(before.get(name) != now.get(name) for name in TAKEN_ALIKE):
        return
    for name, style in old.metrics["styles"].items():
        if not whole and name not in found["styles"]:
            continue
        old_mean, new_mean = (standing(s["scores"]) for s in (style, found["styles"].get(name, {"scores": {}})))
        if new_mean > old_mean:
            raise TrainingError(
                f"Style {name} measured {old_mean:.2f} before and {new_mean:.2f} now (1 is as good as the simulation); train on, or give --even-if-worse."
            )


def _ratio(score: Sequence[float]) -> float:
    return score[0] / max(score[1], 1e-6)


def _styles(cards: Sequence[Card]) -> list[tuple[str, int, dict[str, Any]]]:
    """Every measured style, the height it was compared at, and its figures."""
    return [
        (name, card.metrics["protocol"]["size"] or 0, style)
        for card in cards
        for name, style in card.metrics.get("styles", {}).items()
    ]


def _distances(cards: Sequence[Card]) -> list[str]:
    lines = [
        f"| element | pixels | {' | '.join(JUDGED)} | spectrum, dB | loop seam | tile seams | repeat | imprint |",
        "| --- " * (len(JUDGED) + 7) + "|",
    ]
    for name, height, style in _styles(cards):
        scores = style["scores"]
        ratios = [f"{_ratio(scores[key]):.1f}" if key in scores else "" for key in JUDGED]
        spectrum = "{:.1f} ({:.1f})".format(*scores["spectrum, dB"])
        seams = ", ".join(f"{scores[f'tile seam {axis}'][0]:.2f}" for axis in "xy" if f"tile seam {axis}" in scores)
        rest = [spectrum, f"{scores['loop seam'][0]:.2f}", seams, f"{scores['repeat'][0]:.2f}"]
        rest.append(f"{scores['imprint'][0]:.2f}" if "imprint" in scores else "")
        lines.append(f"| {name} | {height} | {' | '.join([*ratios, *rest])} |")
    return lines


def _sliders(cards: Sequence[Card]) -> list[str]:
    lines = [
        "Each slider was moved from 0 to 1 for each of three seeds; the rank correlation is that of the seed that follows least. Slopes are changes of what is measured from 0 to 1, of the model and of the simulation, by least squares over as many short clips of either as the cards' protocol says (`trials`).",
        "",
        "| element | slider | measured | rank correlation | slope | simulation's |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, _, style in _styles(cards):
        for control, found in style["controls"].items():
            real = found.get("real", found.get("simulated"))
            slopes = ["" if slope is None else f"{slope:.3f}" for slope in (found["generated"], real)]
            lines.append(f"| {name} | {control} | {found['measure']} | {found['rank']:.2f} | {' | '.join(slopes)} |")
    return lines


def released(folder: Path) -> list[Path]:
    """The model files that training brought home to a folder.

    Raises:
        ModelError: there are none.
    """
    found = sorted(folder.glob("*.safetensors"))
    if not found:
        raise ModelError(f"{folder}: no model files; give the folder that training wrote to.")
    return found
