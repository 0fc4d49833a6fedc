# SPDX-License-Identifier: GPL-3.0-or-later
"""One self-contained HTML file that shows what an evaluation found: no script, nothing loaded, light and dark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path

import numpy as np

from aigc_blender.card import Control, ModelFile

from ..evaluate import Finding, Sweep
from ..files import replacing
from ..metrics.distances import Score
from ..metrics.memory import Memory
from ..metrics.motion import spatial_power, temporal_power
from ..metrics.report import EvaluationError, recall, remarks
from ..reference import Protocol
from .charts import Series, chart
from .media import mosaic, over, sheet, still, video

SHOWN = 8  # clips a video
ROW = 8  # frames of a row of the contact sheet
PAIRS = 6  # nearest pairs
MOST_RATIO = 100.0  # that fills a bar

HEADLINE = {
    "patches, frames": "texture",
    "patches, lag 1": "texture of motion",
    "kernel, frames": "frames, as a network sees them",
    "kernel, lag 1": "motion, as it sees it",
    "spectrum, dB": "spectrum",
}
MEANINGS = {
    "kernel, frames": "What single frames show, as a network trained on photographs sees them (kernel inception distance).",
    "kernel, lag 1": "How the picture changes from frame to frame, as that network sees it.",
    "kernel, lag 2": "How it changes in two frames.",
    "kernel, lag 4": "How it changes in four frames.",
    "patches, frames": "Texture: small patches at every scale of a Laplacian pyramid (sliced Wasserstein distance).",
    "patches, lag 1": "Texture of motion: the same of the change from frame to frame.",
    "spectrum, dB": "Where power lies over wavelength, direction and speed: tells motion from boiling (energy distance).",
    "kernel, video": "What clips show, as the video network sees them (kernel video distance).",
    "Frechet, video": "The usual video distance (FVD); greater the fewer clips there are, so never the headline.",
    "loop seam": "Step from the last frame to the first, in ordinary steps: 1 is no seam.",
    "tile seam x": "Step from the right edge to the left, in ordinary steps: 1 is no seam.",
    "tile seam y": "Step from the bottom edge to the top, in ordinary steps: 1 is no seam.",
    "repeat": "Likeness to what was a second ago or more: 1 would be the same again.",
    "imprint": "How far what is seen swings with the place in the generator's lattice, and motion with its knots: 0 would be not at all.",
}


def write_page(path: Path, model: ModelFile, findings: Sequence[Finding], protocol: Protocol) -> None:
    """Write the page, whole or not at all.

    Raises:
        EvaluationError: the file cannot be written.
    """
    title = f"{model.card.name}: evaluation"
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    body = [
        _heading(model),
        _summary(findings),
        *(_section(finding) for finding in findings),
        _protocol(model, findings, protocol),
    ]
    text = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )
    try:
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace")  # names of files may be any bytes
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be written ({error.strerror}); choose another file.") from None


def _heading(model: ModelFile) -> str:
    card = model.card
    about = ", ".join(escape(text) for text in (f"version {card.version}", card.author, card.licence) if text)
    return f'<h1>{escape(card.name)}</h1>\n<p class="soft">{about} · <code>{escape(model.digest[:16])}</code></p>'


def _summary(findings: Sequence[Finding]) -> str:
    metrics = [name for name in HEADLINE if any(name in f.report.scores for f in findings)]
    rows = []
    for finding in findings:
        scores, found = finding.report.scores, finding.report.memory
        ratios = [_ratio(scores[name]) if name in scores else "" for name in metrics]
        seam = f"{scores['loop seam'].generated:.2f}"
        near = "not looked for" if found is None else f"{found.share:.0%}"
        rows.append([escape(finding.report.style), *ratios, seam, near])
    return (
        "<p>How many times farther from real clips the model's are than other real clips: 1 would be as good as real footage.</p>"
        + _table(["", *(HEADLINE[name] for name in metrics), "loop seam", "near training footage"], rows)
    )


def _section(finding: Finding) -> str:
    reference, report = finding.reference, finding.report
    warnings = [line for line in remarks(report) if line not in report.notes]
    return "\n".join(
        [
            f"<h2>{escape(report.style.capitalize())}</h2>",
            *(f'<p class="note">{escape(note)}</p>' for note in report.notes),
            _side_by_side(finding),
            "<h3>Measured</h3>",
            _metrics(report.scores),
            *(f'<p class="warn">{escape(warning)}</p>' for warning in warnings),
            _spectra(finding),
            _sheet(finding),
            _wrapped(finding),
            *(_slider(finding, control) for control in reference.style.controls),
            _nearest(finding),
        ]
    )


def _side_by_side(finding: Finding) -> str:
    real, made = finding.reference.clips, finding.generated
    chosen = np.linspace(0, len(real) - 1, min(SHOWN, len(real))).round().astype(int)
    columns = len(chosen) // 2
    fps = finding.reference.fps
    figures = (
        _figure(video(mosaic(clips[chosen], columns), fps, words), f'<span class="key {kind}">{words}</span>')
        for clips, kind, words in (
            (real, "real", "Real clips"),
            (made, "made", "Generated clips, with the same controls"),
        )
    )
    return f'<div class="pair">{"".join(figures)}</div>'


def _metrics(scores: dict[str, Score]) -> str:
    rows = [
        [
            escape(name),
            escape(MEANINGS.get(name, "")),
            f"{s.generated:.3f}",
            f"{s.floor:.3f}",
            _ratio(s),
            "" if s.shuffled is None else f"{s.shuffled:.3f}",
            "" if s.excess is None else f"{s.excess[0]:.3f} … {s.excess[1]:.3f}",
        ]
        for name, s in scores.items()
    ]
    head = ["", "what it tells", "generated", "real / real", "ratio", "frames shuffled", "excess, 95%"]
    return _table(head, rows, text=1)


def _spectra(finding: Finding) -> str:
    height, frames = finding.reference.clips.shape[2], finding.reference.clips.shape[1]
    cycles = np.arange(1, height // 2 + 1, dtype=np.float64)
    hertz = np.arange(1, frames // 2 + 1) * finding.reference.fps / frames
    figures = []
    for axis, curve, label, words in (
        (cycles, spatial_power, "cycles a frame height", "Power over detail: coarse on the left, fine on the right"),
        (hertz, temporal_power, "hertz", "Power over tempo: slow on the left, fast on the right"),
    ):
        series = []
        for clips, kind in ((finding.reference.clips, "real"), (finding.generated, "made")):
            power = curve(clips)
            low, high = np.percentile(power, [10, 90], axis=0)
            if kind == "real":
                series.append(Series(np.stack([axis, low, high], axis=1), "real", "band"))
            series.append(Series(np.stack([axis, power.mean(0)], axis=1), "real" if kind == "real" else "made"))
        figures.append(
            _figure(chart(series, label, "dB", octaves=True), f"{words}. {_keys()}; the band holds 80% of real clips")
        )
    return f'<h3>Spectra</h3>\n<div class="pair">{"".join(figures)}</div>'


def _sheet(finding: Finding) -> str:
    rows = []
    for clips in (finding.reference.clips, finding.generated):
        chosen = np.linspace(0, clips.shape[1] - 1, min(ROW, clips.shape[1])).round().astype(int)
        rows += [clips[i, chosen] for i in (0, len(clips) // 2)]
    picture = still(sheet(rows), "Two real clips above two generated ones, frame by frame")
    return f"<h3>Frame by frame</h3>\n{_figure(picture, 'Two real clips, then their generated twins')}"


def _wrapped(finding: Finding) -> str:
    fps = finding.reference.fps
    seconds = len(finding.loop) / fps
    figures = [
        _figure(
            video(over(finding.loop), fps, "A loop"), f"A loop of {len(finding.loop)} frames, {seconds:.1f} s", "small"
        )
    ]
    if finding.tile is not None:
        free = [axis for axis in ("y", "x") if axis not in finding.reference.style.anchored]
        repeats = [2 if axis in free else 1 for axis in ("y", "x")]
        picture = still(over(np.tile(finding.tile, (*repeats, 1))), "One frame, repeated")
        figures.append(_figure(picture, f"One frame, repeated {' × '.join(map(str, repeats[::-1]))} times", "small"))
    return f'<h3>Loops and tiles</h3>\n<div class="three">{"".join(figures)}</div>'


def _slider(finding: Finding, control: Control) -> str:
    sweep = finding.sweeps[control.name]
    measured = finding.report.sliders.get(control.name)
    row = still(sheet(sweep.stills), f"{control.name} from 0 to 1")
    ends = [escape(", ".join(words[:2])) for words in (control.low, control.high)]
    caption = f'<span class="ends"><span>0 {ends[0]}</span><span>{ends[1]} 1</span></span>'
    plot = words = ""
    if measured is not None:
        plot = _figure(_swept(sweep, control.name, measured.measure), _keys() if len(sweep.real) else "")
        words = f'<p class="soft">Measured: {escape(measured.measure)}. Rank correlation at least {measured.rank:.2f}'
        if measured.generated is not None and measured.real is not None:
            words += f"; slope {measured.generated:.3f} where real clips have {measured.real:.3f}"
        words += ".</p>"
    return f'<h3>Slider: {escape(control.name)}</h3>\n{words}<div class="slider">{_figure(row, caption)}{plot}</div>'


def _swept(sweep: Sweep, name: str, measure: str) -> str:
    seeds = [Series(seed, "made") for seed in sweep.drawn]
    return chart([Series(sweep.real, "real", "dots"), *seeds], name, measure)


def _nearest(finding: Finding) -> str:
    found, training = finding.report.memory, finding.reference.training
    words = [f"<p>{escape(line)}</p>" for line in recall(found)]
    if found is None or training is None:
        return "\n".join(["<h3>Nearest training frames</h3>", *words])
    pairs = []
    for pair in found.pairs[:PAIRS]:
        known = training[pair.known_clip, pair.known_frame]
        frames = np.stack([finding.generated[pair.clip, pair.frame], known[:, ::-1] if pair.mirrored else known])
        caption = f"distance {pair.distance:.2f}{', mirrored' if pair.mirrored else ''}"
        pairs.append(_figure(still(sheet([frames]), "Generated frame and nearest training frame"), caption))
    steps = _figure(
        _shares(found),
        f"{_keys()}. Each line rises at the distance of a frame from the training footage; copies rise far left",
        "small",
    )
    return "\n".join(
        [
            "<h3>Nearest training frames</h3>",
            *words,
            '<p class="soft">Left a generated frame, right the training frame most like it.</p>',
            f'<div class="nearest">{"".join(pairs)}</div>',
            steps,
        ]
    )


def _shares(found: Memory) -> str:
    """Cumulative shares of frames by distance."""
    series = []
    for distances, kind in ((found.real, "real"), (found.generated, "made")):
        points = np.stack([np.array(distances), np.linspace(0, 100, len(distances))], axis=1)
        series.append(Series(points, "real" if kind == "real" else "made"))
    return chart(series, "distance to the nearest training frame", "% of frames")


def _protocol(model: ModelFile, findings: Sequence[Finding], protocol: Protocol) -> str:
    card = model.card
    files = {file.digest: file for finding in findings for file in finding.reference.files}
    rows = [[escape(f.name), escape(f.role), f"<code>{escape(f.digest)}</code>"] for f in files.values()]
    lengths = ", ".join(f"{name} {value}" for name, value in asdict(protocol).items() if value is not None)
    heights = ", ".join(f"{f.report.style} {f.reference.height}" for f in findings)
    rights = card.rights
    lines = [
        f"Compared at element heights in pixels: {heights}.",
        f"Protocol: {lengths}. Numbers may be compared between evaluations of the same protocol only.",
        "Real / real: random halves of the real clips against each other, root mean square; intervals: bootstrap over clips.",
        f"Rights of the training footage: {rights.statement}"
        + (f" Sources: {', '.join(rights.sources)}." if rights.sources else ""),
    ]
    return "\n".join(
        [
            "<h2>How it was measured</h2>",
            *(f"<p>{escape(line)}</p>" for line in lines),
            f"<p>Model file: <code>{escape(model.path.name)}</code>, SHA-256 <code>{escape(model.digest)}</code></p>",
            _table(["film", "role", "SHA-256"], rows, text=1) if rows else "",
        ]
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], text: int | None = None) -> str:
    """Cells are HTML; ``text`` is the column that holds sentences."""

    def line(tag: str, cells: Sequence[str]) -> str:
        marks = [' class="text"' if i == text else "" for i in range(len(cells))]
        return "<tr>" + "".join(f"<{tag}{mark}>{c}</{tag}>" for c, mark in zip(cells, marks, strict=True)) + "</tr>"

    body = "\n".join(line("td", row) for row in rows)
    return f'<div class="scroll"><table><thead>{line("th", head)}</thead><tbody>{body}</tbody></table></div>'


def _ratio(score: Score) -> str:
    """A ratio and how far it is from 1, on a logarithmic bar."""
    ratio = score.ratio
    if ratio is None:
        return ""
    filled = min(1.0, max(0.0, math.log(max(ratio, 1.0)) / math.log(MOST_RATIO)))
    return f'{ratio:.1f}<span class="bar"><i style="width:{filled:.0%}"></i></span>'


def _figure(content: str, caption: str, kind: str = "") -> str:
    mark = f' class="{kind}"' if kind else ""
    return f"<figure{mark}>{content}<figcaption>{caption}</figcaption></figure>"


def _keys() -> str:
    return '<span class="key real">real</span> <span class="key made">generated</span>'
