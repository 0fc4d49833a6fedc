# SPDX-License-Identifier: GPL-3.0-or-later
"""From a studio's folder to clips by style: found, tagged, looked at, cropped, and cached on disk once."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aigc_blender.card import MAX_STYLES, UNKNOWN_RIGHTS, Control, Rights, Style

from ..errors import FootageError, NoFilmError
from ..lock import locked
from .clips import Footage
from .names import own_name, style_name
from .sources import Source, digests, find_sources
from .store import Clips, Film, load_clips, too_short, write_clips
from .survey import Survey, survey
from .tags import ClipTag, CropChoice, StyleTag, Tags, find_tags, tag_sources, tag_style

RATE_TOLERANCE = 0.05  # between films of one style: 23.976 goes with 24 and with 25, 30 does not
FORMAT = 5  # of the cache

NOTHING = "None of the footage can be used; give videos or numbered pictures of larger size."

Report = Callable[[str], None]


@dataclass(frozen=True)
class Finding:
    """What became of a film.

    ``first`` and ``clips``: its clips in the style's footage. ``picture``: height and width of its pictures, ``crop``
    the x, y, width and height used of them. ``motion``: mean change within half a second, of 255. ``digests``: see
    ``sources.digests``. ``skipped``: why it gave no clips.
    """

    style: str
    name: str
    path: str = ""
    first: int = 0
    clips: int = 0
    frames: int = 0
    fps: float = 0.0
    motion: float = 0.0
    anchored: tuple[str, ...] = ()
    picture: tuple[int, int] = (0, 0)
    crop: tuple[int, int, int, int] = (0, 0, 0, 0)
    digests: tuple[str, ...] = ()
    skipped: str = ""


@dataclass(frozen=True)
class Material:
    """Footage to train on, one a style; what may be done with it; and what became of each film."""

    footage: list[Footage]
    rights: Rights
    films: tuple[Finding, ...]


@dataclass(frozen=True)
class Wishes:
    """How to read footage: clips' ``size`` in pixels and least ``frames``; None is what tags say, else what is found.

    ``fps``: of numbered pictures.
    """

    size: int
    frames: int
    anchored: tuple[str, ...] | None = None
    crop: CropChoice | None = None
    fps: float = 24.0


def read_footage(
    paths: Sequence[Path],
    cache: Path,
    *,
    size: int,
    frames: int,
    style: str | None = None,
    anchored: tuple[str, ...] | None = None,
    crop: CropChoice | None = None,
    fps: float = 24.0,
    rights: str | None = None,
    each: bool = False,
    report: Report = print,
) -> Material:
    """Clips of at least ``frames`` frames from all films that ``paths`` lead to.

    Films belong to the style that a ``footage.toml`` says (see ``tags``), others to ``style`` or ``each`` to its own. What is None
    is as tagged, else as found: the axes on which position matters and the part of the picture that moves. Each film's
    part is scaled so that its shorter side is ``size``, and twice that where it is large enough, and cropped to what
    all of the style have: the bottom where the style is anchored in y, else the middle. ``fps`` is the rate of
    sequences of pictures. A film that is of no use is reported in one line and left out. What was read stays in
    ``cache`` until a file or an argument changes. ``rights`` goes before what tags say of them.

    Raises:
        FootageError: a tags file is not right, a style has no usable film (of those that ``each`` names, none has), or the cache cannot be written.
    """
    # The cache keeps paths, which are to hold wherever one stands.
    tags, places = find_tags([path.absolute() for path in paths])
    sources, faults = find_sources(places)
    for fault in faults:
        report(fault)
    wishes = Wishes(size, frames, anchored, crop, fps)
    default = style or style_name(paths)
    groups: dict[str, list[tuple[Source, ClipTag]]] = {}
    films: list[Finding] = []
    tagged = list(zip(sources, tag_sources(sources, tags), strict=True))
    taken = {tag.style for _, tag in tagged if tag.style}
    for source, tag in tagged:
        name = tag.style or (own_name(source, taken) if each else default)
        if tag.skip:
            films.append(Finding(name, source.name, str(source.files[0]), skipped="tagged to be skipped"))
        else:
            groups.setdefault(name, []).append((source, tag))
    if not groups:
        raise FootageError(NOTHING)
    if len(groups) > MAX_STYLES:
        raise FootageError(
            f"{len(groups)} styles are more than a model file holds; give films of at most {MAX_STYLES}, or train several models."
        )
    footage, used = [], []
    for name, members in groups.items():
        try:
            clips, found = _read_style(name, members, tag_style(name, tags), wishes, cache, report)
        except NoFilmError as error:
            source, tag = members[0]
            if not each or tag.style:
                raise
            films.append(Finding(name, source.name, str(source.files[0]), skipped=error.reason))
            continue
        footage.append(clips)
        films += found
        used += found
    if not footage:
        raise FootageError(NOTHING)
    return Material(footage, _rights(rights, groups, used, tags), tuple(films))


def _read_style(
    name: str,
    members: Sequence[tuple[Source, ClipTag]],
    tag: StyleTag,
    wishes: Wishes,
    cache: Path,
    report: Report,
) -> tuple[Footage, list[Finding]]:
    """A style's footage, from the cache if it is there, and what became of its films."""
    controls = _controls(name, members, tag, report)
    folder = cache / f"{name}-{_key(members, tag, wishes, controls)}"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with locked(folder.with_name(folder.name + ".lock")):  # of two runs, one reads
            clips = load_clips(folder)
            if clips is None:
                films, findings = _look(name, members, wishes, controls, report)
                axes = _chosen_axes(tag, wishes, [f.survey for f in films])
                about = {"anchored": axes, "findings": [asdict(f) for f in findings]}
                write_clips(films, folder, frames=wishes.frames, to_bottom="y" in axes, about=about, report=report)
                clips = load_clips(folder)
                assert clips is not None
            else:
                for finding in clips.about["findings"]:
                    if finding["skipped"]:
                        report(f"{finding['name']}: {finding['skipped']}; skipped.")
    except OSError as error:
        raise FootageError(
            f"{folder}: the footage cannot be stored ({error.strerror}); free some space or give another --cache."
        ) from None
    findings = _findings(clips, wishes.frames)
    report(_summary(name, clips, findings, tag, wishes))
    if set(clips.about["anchored"]) == {"x", "y"} and _views_differ(clips):
        report(
            f"{name}: its films show different scenes, which one style mixes up; --each gives every film a style of its own."
        )
    style = Style(
        name=name,
        anchored=tuple(clips.about["anchored"]),
        fps=clips.fps,
        native_height=min(clips.scales),
        max_height=max(clips.scales),
        alpha=clips.alpha,
        emissive=tag.emissive,
        aspect=_aspect(clips) if "x" in clips.about["anchored"] else 0.0,
        controls=controls,
        words=tag.words or tuple(dict.fromkeys(re.findall("[a-z]{3,}", name))),
    )
    return Footage(style, clips.scales, clips.controls, mirror=tag.mirror, filmed=True), findings


def _look(
    name: str,
    members: Sequence[tuple[Source, ClipTag]],
    wishes: Wishes,
    controls: Sequence[Control],
    report: Report,
) -> tuple[list[Film], list[Finding]]:
    """The usable films of a style, large ones first, and what was found of all.

    Raises:
        NoFilmError: there are none.
    """
    films, findings = [], []

    def skip(source: Source, reason: str) -> None:
        report(f"{source.name}: {reason}; skipped.")
        findings.append(Finding(name, source.name, str(source.files[0]), skipped=reason))

    for source, clip in members:
        trimmed, frames = _trimmed(source, clip.frames)
        crop = wishes.crop or clip.crop or "auto"
        try:
            if trimmed is None:
                raise FootageError(f"{source.name}: has none of the frames {clip.frames}.")
            found = survey(trimmed, crop, wishes.size, frames)
            fingerprints = digests(trimmed)
        except FootageError as error:
            skip(source, _reason(error, source))
            continue
        rows, columns = found.box.pixels(found.height, found.width)
        tall, wide = rows.stop - rows.start, columns.stop - columns.start
        shorter = min(tall, wide)
        if shorter < wishes.size:
            skip(source, f"too small, its shorter side has {shorter} pixels and {wishes.size} are needed")
            continue
        height, width = round(tall * wishes.size / shorter), round(wide * wishes.size / shorter)
        values = tuple(clip.controls.get(c.name, c.default) for c in controls)
        rate = found.fps or wishes.fps
        large = shorter >= 2 * wishes.size
        films.append(Film(trimmed, found, rate, height, width, large, fingerprints, frames, values))
    films = _of_one_rate(films, skip)
    if not films:
        raise NoFilmError(
            f"None of the footage of style {name} can be used; give videos or numbered pictures of larger size.",
            findings[-1].skipped,
        )
    for film in films:
        rows, columns = film.survey.box.pixels(film.survey.height, film.survey.width)
        findings.append(
            Finding(
                style=name,
                name=film.source.name,
                path=str(film.source.files[0]),
                fps=film.fps,
                motion=film.survey.motion,
                anchored=film.survey.anchored,
                picture=(film.survey.height, film.survey.width),
                crop=(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start),
                digests=film.digests,
            )
        )
    return films, findings


def _of_one_rate(films: Sequence[Film], skip: Callable[[Source, str], None]) -> list[Film]:
    """Those with the commonest rate, the large ones first: a scale holds a first part of the frames."""
    if not films:
        return []
    rate, _ = Counter(f.fps for f in films).most_common(1)[0]
    kept = []
    for film in films:
        if abs(film.fps / rate - 1) <= RATE_TOLERANCE:
            kept.append(replace(film, fps=rate))
        else:
            skip(film.source, f"{film.fps:g} frames a second, where others have {rate:g}; convert it")
    return sorted(kept, key=lambda film: not film.large)


def _trimmed(source: Source, frames: tuple[int, int] | None) -> tuple[Source | None, tuple[int, int] | None]:
    """A sequence without the pictures outside; of a video, which frames to read."""
    if frames is None or source.is_video:
        return source, frames
    return source.between(*frames), None


def _reason(error: FootageError, source: Source) -> str:
    """An error's sentence without the file's name and the full stop."""
    text = str(error).rstrip(".")
    if source.is_video:
        text = text.removeprefix(f"{source.files[0]}: ")
    return text.removeprefix(f"{source.name}: ")


def _controls(
    name: str, members: Sequence[tuple[Source, ClipTag]], tag: StyleTag, report: Report
) -> tuple[Control, ...]:
    """The controls that any film has; a line for each film that lacks one."""
    names = dict.fromkeys(control for _, clip in members for control in clip.controls)
    for source, clip in members:
        if missing := [n for n in names if n not in clip.controls]:
            report(f"{source.name}: its {' and '.join(missing)} is not tagged; taken as 0.5.")
    for declared in tag.controls:
        if declared not in names:
            report(f"{name}: the control {declared} is in no clip's tags; left out.")
    return tuple(tag.controls.get(n, Control(n)) for n in names)


def _chosen_axes(tag: StyleTag, wishes: Wishes, surveys: Sequence[Survey]) -> tuple[str, ...]:
    """What the command line says, else the tags, else what at least half of the films show."""
    if wishes.anchored is not None:
        return wishes.anchored
    if tag.anchored is not None:
        return tag.anchored
    votes = Counter(axis for s in surveys for axis in s.anchored)
    return tuple(axis for axis in ("x", "y") if votes[axis] * 2 >= len(surveys))


def _findings(clips: Clips, frames: int) -> list[Finding]:
    """What was found of each film, with the clips it gave."""
    kept = {film.path: film for film in clips.films}
    findings = []
    for stored in clips.about["findings"]:
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()}
        finding = Finding(**values)
        film = kept.get(finding.path)
        if film:
            finding = replace(finding, first=film.first, clips=film.clips, frames=film.frames)
        elif not finding.skipped:
            finding = replace(finding, skipped=too_short(frames))
        findings.append(finding)
    return findings


def _views_differ(clips: Clips) -> bool:
    """Whether the mean pictures of films differ more from each other than their frames from them."""
    pixels = clips.scales[min(clips.scales)]
    films = [pixels[film.first : film.first + film.clips, ::4].astype(np.float32) for film in clips.films]
    means = np.stack([film.mean((0, 1)) for film in films])
    within = np.mean([(film - mean).var() for film, mean in zip(films, means, strict=True)])
    return bool(means.var(0).mean() > within)


def _aspect(clips: Clips) -> float:
    """Width over height of the largest scale."""
    tall, wide = clips.scales[max(clips.scales)].shape[2:4]
    return round(wide / tall, 4)


def _summary(name: str, clips: Clips, findings: Sequence[Finding], tag: StyleTag, wishes: Wishes) -> str:
    """One line: what there is, what was chosen, and how to choose otherwise."""
    length = next(iter(clips.scales.values())).shape[1]
    heights = ", ".join(f"{len(array)} at height {h}" for h, array in sorted(clips.scales.items()))
    used = [f for f in findings if not f.skipped]
    cropped = sum(f.crop[2:] != f.picture[::-1] for f in used)
    axes = " and ".join(clips.about["anchored"]) or "neither x nor y"
    chosen = "as told" if wishes.anchored is not None or tag.anchored is not None else "found, --anchored overrides"
    return (
        f"{name}: clips of {length} frames at {clips.fps:g} a second: {heights}; "
        f"{cropped} of {len(used)} films cropped (--crop overrides); position matters in {axes} ({chosen})."
    )


def _key(members: Sequence[tuple[Source, ClipTag]], tag: StyleTag, wishes: Wishes, controls: Sequence[Control]) -> str:
    """What the cache depends on, as a short hash. Files that vanished are found out when they are read."""
    files = []
    for source, clip in members:
        for path in source.files:
            try:
                status = path.stat()
                files.append((str(path), status.st_size, status.st_mtime_ns))
            except OSError:
                files.append((str(path), -1, -1))
        files.append((repr((clip.frames, clip.crop, sorted(clip.controls.items()))), 0, 0))
    spec = [FORMAT, asdict(wishes), tag.anchored, [c.name for c in controls], files]
    return hashlib.sha256(json.dumps(spec).encode()).hexdigest()[:12]


def _rights(
    statement: str | None,
    groups: dict[str, list[tuple[Source, ClipTag]]],
    used: Sequence[Finding],
    tags: Sequence[Tags],
) -> Rights:
    """What may be done with the footage that is used: each statement on it once, also that there is none on some."""
    said = {
        str(path): clip.rights or tag_style(style, tags).rights or clip.file_rights or UNKNOWN_RIGHTS
        for style, members in groups.items()
        for source, clip in members
        for path in source.files
    }
    films = [film for film in used if not film.skipped]
    statements = dict.fromkeys(said[film.path] for film in films)
    return Rights(
        statement or "; ".join(statements),
        tuple(film.name for film in films),
        tuple(dict.fromkeys(digest for film in films for digest in film.digests)),
    )
