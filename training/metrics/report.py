# SPDX-License-Identifier: GPL-3.0-or-later
"""What an evaluation found, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aigc_blender.errors import AigcError

from ..files import replacing
from .distances import Score
from .memory import Memory


class EvaluationError(AigcError):
    """A model or a protocol that cannot be evaluated."""

    code = "evaluation"
    exit_code = 2


@dataclass(frozen=True)
class Slider:
    """A control: what was measured, its rank correlation with the slider, and its slopes in generated and real clips.

    The rank correlation is that of the seed that follows least. Slopes are None where nothing is known of the real clips' controls.
    """

    measure: str
    rank: float
    generated: float | None
    real: float | None


@dataclass(frozen=True)
class Report:
    """One style: scores by metric, sliders by control, whether footage is replayed, and how far all that goes."""

    style: str
    scores: dict[str, Score]
    sliders: dict[str, Slider]
    memory: Memory | None = None
    notes: tuple[str, ...] = ()


def as_table(reports: Sequence[Report]) -> str:
    """The reports as text: scores, sliders, what is near to training footage, and what is to be borne in mind."""
    lines = [
        f"{'style':10} {'metric':16} {'generated':>10} {'real/real':>10} {'ratio':>7} {'shuffled':>10}  excess, 95% interval"
    ]
    for report in reports:
        for name, s in report.scores.items():
            ratio = "" if s.ratio is None else f"{s.ratio:.2f}"
            shuffled = "" if s.shuffled is None else f"{s.shuffled:.4f}"
            excess = "" if s.excess is None else f"{s.excess[0]:.4f} .. {s.excess[1]:.4f}"
            lines.append(
                f"{report.style:10} {name:16} {s.generated:10.4f} {s.floor:10.4f} {ratio:>7} {shuffled:>10}  {excess}".rstrip()
            )
    if any(report.sliders for report in reports):
        lines += ["", f"{'style':10} {'control':12} {'measured':22} {'rank':>6} {'slope':>9} {'real':>10}"]
    for report in reports:
        for name, c in report.sliders.items():
            slopes = ("" if slope is None else f"{slope:.4f}" for slope in (c.generated, c.real))
            lines.append(
                "{:10} {:12} {:22} {:6.2f} {:>9} {:>10}".format(report.style, name, c.measure, c.rank, *slopes)
            )
    for report in reports:
        lines += ["", *(f"{report.style}: {line}" for line in [*recall(report.memory), *remarks(report)])]
    return "\n".join(lines)


def recall(memory: Memory | None) -> list[str]:
    """What the search for copies found, in sentences."""
    if memory is None:
        return ["Copies of training footage were not looked for: none was given."]
    found = f"{memory.share:.0%} of generated frames are nearer to training footage than 95% of "
    found += "unseen real frames are" if memory.unseen else "its own frames are to the rest of it"
    if memory.control is not None:
        found += f"; as near to unseen footage, which cannot have been copied: {memory.control:.0%}"
    return [f"{found}.", *(["They may be copies: look at the nearest pairs."] if memory.suspected else [])]


def remarks(report: Report) -> list[str]:
    """What the footage allows to conclude, and what the shuffled frames prove or fail to."""
    blind = [
        f"{name}: shuffled frames score no worse than real ones; compare more clips."
        for name, s in report.scores.items()
        if s.shuffled is not None and s.shuffled <= s.floor
    ]
    frechet = ["Frechet, video: greater for few clips; compare it only between evaluations of as many."]
    return [*report.notes, *blind, *(frechet if "Frechet, video" in report.scores else [])]


def write_json(path: Path, about: Mapping[str, Any], reports: Sequence[Report]) -> None:
    """Write the reports as JSON, after what they are ``about``, whole or not at all.

    Raises:
        EvaluationError: the file cannot be written.
    """
    content = {
        **about,
        "styles": {
            report.style: {
                "scores": {name: {**asdict(s), "ratio": s.ratio} for name, s in report.scores.items()},
                "controls": {name: asdict(c) for name, c in report.sliders.items()},
                "memory": None if report.memory is None else _without_lists(asdict(report.memory)),
                "notes": report.notes,
            }
            for report in reports
        },
    }
    try:
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be written ({error.strerror}); choose another file.") from None


def _without_lists(found: dict[str, Any]) -> dict[str, Any]:
    """Without the distances one by one."""
    return {name: value for name, value in found.items() if name not in ("generated", "real")}
