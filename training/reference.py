# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model's clips are held against: simulations of seeds that training did not use, or films."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from aigc_blender.card import Card, Style

from .footage.clips import Footage
from .footage.procedural import ELEMENTS
from .footage.procedural.element import Element
from .footage.render import render_footage
from .metrics.controls import told_apart
from .metrics.report import EvaluationError
from .trials import Trials, simulated_trials

if TYPE_CHECKING:
    from .footage.tags import CropChoice  # reads films: not everywhere

Clips = NDArray[np.uint8]  # (n, F, H, W, 4), premultiplied RGBA

HELD_OUT_SEED = 1000  # training footage has seed 0 unless its maker chose another
SHORTEST = 8  # frames of a compared clip
MOST_SEARCHED = 256  # clips of training footage
FEWEST_TRIALS = 6
ENOUGH = 8  # compared clips, for which longer ones are cut into several

TRAINED, HELD_OUT, UNKNOWN = "in the training set", "held out", "not known: the model does not name its footage"


@dataclass(frozen=True)
class Protocol:
    """How much is compared; lengths are in frames. ``size``: the element height in pixels (None: the style's native one)."""

    clips: int = 24
    size: int | None = None
    frames: int = 32  # of a compared clip
    instants: int = 3  # of a clip at which features are taken
    stretch: int = 72  # searched for repeats
    loop: int = 48
    few: int = 4  # clips for repeats
    loops: int = 12  # of which seams are taken; fewer tell little where motion comes and goes ...
    tiles: int = 24  # ... and frames, for those of tiles
    sweep: int = 8  # of a clip at one slider position
    seeds: int = 3  # for each of which a slider is moved
    trials: int = 32  # clips of which slopes are taken ...
    trial: int = 16  # ... each of so many frames
    step: int = 4  # from one frame that is looked for in the training footage to the next
    searched: int = 72  # of a rendered clip of training footage

    def __post_init__(self) -> None:
        """Refuse what cannot be halved into sets of two clips, or fitted by a slope for each of a style's controls.

        Raises:
            EvaluationError: names the number.
        """
        if self.clips < 4 or self.clips % 2:
            raise EvaluationError(
                f"{self.clips} clips cannot be compared in two halves; give an even number, 4 or more."
            )
        if self.trials < FEWEST_TRIALS:
            raise EvaluationError(f"{self.trials} trials do not give slopes; give {FEWEST_TRIALS} or more.")


@dataclass(frozen=True)
class File:
    """A film given, with the digest of its bytes (see ``sources.digests``) and whether the model was trained on it."""

    name: str
    digest: str
    role: str


@dataclass(frozen=True)
class Reference:
    """Real clips of one style of a model, at an element height of ``height`` pixels and ``fps`` frames a second.

    ``clips`` are compared, an even number of them; ``long`` are what they were cut from. ``controls`` (clips, n) are
    theirs, in the style's order. ``trials`` are what slopes are taken of; None where nothing is known of the controls.
    ``periodic`` names the axes on which clips wrap. ``training`` is footage the model was trained on or may have been; ``unseen`` whether ``clips`` are held out
    from it. ``notes`` are sentences on how far the comparison goes.
    """

    style: Style
    height: int
    fps: float
    clips: Clips
    long: Clips
    controls: NDArray[np.float32]
    trials: Trials | None = None
    periodic: tuple[str, ...] = ()
    training: Clips | None = None
    unseen: bool = True
    files: tuple[File, ...] = ()
    notes: tuple[str, ...] = ()


def simulations(
    card: Card,
    names: Sequence[str],
    protocol: Protocol,
    cache: Path,
    device: torch.device,
    report: Callable[[str], None],
) -> list[Reference]:
    """Simulations of the named styles (all if none is named), rendered into ``cache``; ``report`` is told the progress.

    Controls that an element has been given since the model was trained stay at their defaults.

    Raises:
        EvaluationError: the model or the project does not have such a style or control, or the size is not one it was trained at.
    """
    found = []
    for style, height in simulated_styles(card, names, protocol.size):
        frames = max(protocol.frames, protocol.stretch, protocol.loop + 1)
        scales = sorted({height, style.max_height})
        held_out = _rendered(cache / "held-out", style, protocol.clips, frames, scales, HELD_OUT_SEED, device, report)
        seed = card.training.get("config", {}).get("seed", 0)
        trained = _rendered(cache / "seen", style, protocol.clips, protocol.searched, scales, seed, device, report)
        trials = simulated_trials(
            cache / "trials",
            style,
            height,
            clips=protocol.trials,
            frames=protocol.trial,
            seed=HELD_OUT_SEED,
            device=device,
            report=report,
        )
        long = held_out.scales[height]
        known = _controls_of(style)
        notes = [
            f"{protocol.clips} held-out simulations (seed {HELD_OUT_SEED}), {protocol.trials} short ones for slopes; copies were looked for in {protocol.clips} simulations of the training seed ({seed})."
        ]
        if added := [name for name in _controls_of(held_out.style) if name not in known]:
            notes.append(f"The model does not know {', '.join(added)}: left at the default in the simulations.")
        found.append(
            Reference(
                style=style,
                height=height,
                fps=held_out.style.fps,
                clips=np.asarray(long[:, : protocol.frames]),
                long=long,
                controls=held_out.controls[:, [_controls_of(held_out.style).index(name) for name in known]],
                trials=trials,
                periodic=held_out.periodic,
                training=trained.scales[height],
                notes=tuple(notes),
            )
        )
    return found


def simulated_styles(card: Card, names: Sequence[str], size: int | None) -> list[tuple[Style, int]]:
    """The named styles of a model (all if none is named), each with the element height in pixels that ``size`` stands for.

    Raises:
        EvaluationError: the model or the project does not have such a style or control, or the size is not one it was trained at.
    """
    chosen = [_element(card, name) for name in names or [s.name for s in card.styles]]
    heights = [_height(style, size) for style in chosen]
    for style in chosen:
        if gone := [name for name in _controls_of(style) if name not in _controls_of(ELEMENTS[style.name])]:
            raise EvaluationError(
                f"Style {style.name} of the model has a control {gone[0]} that the project's has not; train the model again."
            )
    return list(zip(chosen, heights, strict=True))


def films(
    card: Card,
    name: str | None,
    paths: Sequence[Path],
    protocol: Protocol,
    cache: Path,
    fps: float,
    crop: CropChoice | None,
    report: Callable[[str], None],
) -> Reference:
    """Films cut into clips as training cuts them; those that the model was trained on tell copies from the others.

    Held-out films are compared with; where there are none, the others are. Where films are wider, narrower or lower than
    what the model was trained on, so are the generated frames; of taller ones the bottom is taken where the style is
    anchored in y, else the middle. ``crop`` is the part of the picture used (None: as tagged, else found).

    Raises:
        EvaluationError: the style is not the model's, the size is not one it was trained at, or there is too little footage.
        FootageError: the films are of no use.
    """
    from .footage.read import read_footage

    style = _named(card, name)
    height = _height(style, protocol.size)
    trained_size = card.training.get("config", {}).get("size", style.native_height)
    material = read_footage(
        paths,
        cache,
        size=max(1, round(trained_size * height / style.native_height)),
        frames=2 * SHORTEST,
        style=style.name,
        anchored=style.anchored,
        crop=crop,
        fps=fps,
        report=report,
    )
    footage = next((f for f in material.footage if f.style.name == style.name), None)
    if footage is None:
        raise EvaluationError(f"The footage's tags give no film of style {style.name}; give --style or other footage.")
    used = [film for film in material.films if film.style == style.name and not film.skipped]
    files = tuple(File(film.name, film.digests[0], _role(film.digests, card.rights.digests)) for film in used)
    held_out = np.zeros(len(footage.controls), bool)
    for film, file in zip(used, files, strict=True):
        held_out[film.first : film.first + film.clips] = file.role == HELD_OUT
    unseen = bool(held_out.any())
    compared = np.flatnonzero(held_out == unseen)
    pixels = _cropped(footage, style, height)
    clips, places = _cut(pixels, compared, protocol)
    known = None if held_out.all() else _pieces(pixels, np.flatnonzero(~held_out), clips.shape[1], MOST_SEARCHED)[0]
    controls, tagged = _controls(footage, style, places)
    return Reference(
        style=style,
        height=height,
        fps=footage.style.fps,
        clips=clips,
        long=pixels[_evenly(compared, protocol.clips)],
        controls=controls,
        trials=Trials(style, height, footage.style.fps, clips[:, : protocol.trial], controls) if tagged else None,
        training=known,
        unseen=unseen,
        files=files,
        notes=(
            *_notes(clips, len(compared), files),
            *_alpha_differs(footage.style, style),
            *_untold(style, controls, tagged=tagged),
        ),
    )


def _element(card: Card, name: str) -> Style:
    style = card.style(name)
    if style is None or name not in ELEMENTS:
        known = ", ".join(s.name for s in card.styles if s.name in ELEMENTS)
        remedy = (
            f"give styles that the model and the project have: {known}" if known else "give footage to compare with"
        )
        raise EvaluationError(f"Style {name!r} cannot be evaluated against simulations; {remedy}.")
    return style


def _named(card: Card, name: str | None) -> Style:
    names = [s.name for s in card.styles]
    if name is None and len(names) == 1:
        return card.styles[0]
    style = card.style(name or "")
    if style is None:
        fault = "The model has several styles" if name is None else f"Style {name!r} is not in the model"
        raise EvaluationError(f"{fault}; give --style with one of {', '.join(names)}.")
    return style


def _height(style: Style, size: int | None) -> int:
    """The element height in pixels, one at which the style was trained."""
    height = style.native_height if size is None else size
    if not style.native_height <= height <= style.max_height or style.max_height % height:
        raise EvaluationError(
            f"Style {style.name} was trained at {style.native_height} to {style.max_height} pixels; give a --size that divides {style.max_height} and is not below {style.native_height}."
        )
    return height


def _rendered(
    folder: Path,
    style: Style,
    clips: int,
    frames: int,
    heights: Sequence[int],
    seed: int,
    device: torch.device,
    report: Callable[[str], None],
) -> Footage:
    return render_footage(
        folder,
        [style.name],
        clips=clips,
        frames=frames,
        heights=heights,
        seed=seed,
        varied=_controls_of(style),
        device=device,
        report=report,
    )[0]


def _controls_of(style: Style | Element) -> list[str]:
    return [control.name for control in style.controls]


def _role(digests: Sequence[str], trained_on: Sequence[str]) -> str:
    """Of a film, or of a sequence of pictures: one that was trained on is enough."""
    if not trained_on:
        return UNKNOWN
    return HELD_OUT if set(trained_on).isdisjoint(digests) else TRAINED


def _cropped(footage: Footage, style: Style, height: int) -> Clips:
    """The smallest scale; of what is taller than the element the bottom or the middle, as training crops."""
    clips = footage.scales[min(footage.scales)]
    spare = max(0, clips.shape[2] - height)
    top = spare if "y" in style.anchored else spare // 2
    return clips[:, :, top : top + height]


def _cut(long: Clips, chosen: NDArray[np.int64], protocol: Protocol) -> tuple[Clips, NDArray[np.int64]]:
    """Clips to compare from the chosen long ones, and which of these each is from; short ones where there would be few."""
    count, length = len(chosen), long.shape[1]
    parts = -(-length // protocol.frames)
    while count * parts < ENOUGH and length // (parts + 1) >= SHORTEST:
        parts += 1
    number = min(count * parts, protocol.clips) // 2 * 2
    if number < 4:
        raise EvaluationError(
            f"The footage gives only {count * parts} clips of {length // parts} frames where 4 are needed; add longer shots."
        )
    return _pieces(long, chosen, length // parts, number)


def _pieces(long: Clips, chosen: NDArray[np.int64], frames: int, most: int) -> tuple[Clips, NDArray[np.int64]]:
    """Clips cut from the chosen long ones one after the other, at most so many; and which of the long ones each is from."""
    parts = max(1, long.shape[1] // frames)
    index, part = np.divmod(_evenly(np.arange(len(chosen) * parts), most), parts)
    places = chosen[index]
    return np.stack([long[w, p * frames : (p + 1) * frames] for w, p in zip(places, part, strict=True)]), places


def _evenly(values: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    return values[np.linspace(0, len(values) - 1, min(len(values), most)).round().astype(np.int64)]


def _controls(footage: Footage, style: Style, chosen: NDArray[np.int64]) -> tuple[NDArray[np.float32], bool]:
    """The style's controls of the chosen clips, defaults where the footage says nothing; whether it says anything."""
    names = [c.name for c in footage.style.controls]
    columns = [
        footage.controls[chosen, names.index(c.name)] if c.name in names else np.full(len(chosen), c.default)
        for c in style.controls
    ]
    known = any(c.name in names for c in style.controls)
    return np.stack(columns, axis=1).astype(np.float32) if columns else np.zeros((len(chosen), 0), np.float32), known


def _notes(clips: Clips, stretches: int, files: Sequence[File]) -> tuple[str, ...]:
    roles = [file.role for file in files]
    compared = sum(role == (HELD_OUT if HELD_OUT in roles else role) for role in roles)
    shots = "one stretch" if stretches == 1 else f"{stretches} stretches"
    origin = f"{shots} of {'one film' if compared == 1 else f'{compared} films'}"
    notes = [f"{len(clips)} clips of {clips.shape[1]} frames, cut from {origin}."]
    if len(clips) > stretches:
        notes.append("Halves of one shot are not independent: real against real comes out too near, ratios too great.")
    if HELD_OUT not in roles:
        notes.append(
            "No film is held out: a model that replays its footage scores best here."
            if TRAINED in roles
            else "Whether the films were held out is not known, since the model does not name its footage by digests."
        )
    return tuple(notes)


def _alpha_differs(footage: Style, style: Style) -> list[str]:
    if footage.alpha == style.alpha:
        return []
    has, lacks = ("The footage", "the model's style") if footage.alpha else ("The model's style", "the footage")
    return [
        f"{has} has alpha and {lacks} has none: distances are greater for it; compare with footage of the same kind."
    ]


def _untold(style: Style, controls: NDArray[np.float32], *, tagged: bool) -> list[str]:
    told = told_apart(controls)
    untold = [name for name, is_told in zip(_controls_of(style), told, strict=True) if tagged and not is_told]
    if not untold:
        return []
    return [
        f"The clips do not tell what {', '.join(untold)} alone does, so no slope is given; add films tagged with other values."
    ]
