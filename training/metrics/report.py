# SPDX-License-Identifier: GPL-3.0-or-later
"""What an evaluation found, as a table and as JSON."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aigc_blender.errors import AigcError

from .distances import Score


class EvaluationError(AigcError):
    """A model or a protocol that cannot be evaluated."""

    code = "evaluation"
    exit_code = 2


@dataclass(frozen=True)
class Slider:
    """A control: what was measured, its rank correlation with the slider, and its slopes in generated and real clips."""

    measure: str
    rank: float
    generated: float
    simulated: float


@dataclass(frozen=True)
class Report:
    """One style: scores by metric, sliders by control."""

    style: str
    scores: dict[str, Score]
    sliders: dict[str, Slider]


def as_table(reports: Sequence[Report]) -> str:
    """The reports as text: scores, then sliders, then what the shuffled frames prove or fail to."""
    lines = [
        f"{'style':10} {'metric':16} {'generated':>10} {'real/real':>10} {'ratio':>7} {'shuffled':>10}  excess, 95% interval"
    ]
    blind = []
    for report in reports:
        for name, s in report.scores.items():
            ratio = "" if s.ratio is None else f"{s.ratio:.2f}"
            shuffled = "" if s.shuffled is None else f"{s.shuffled:.4f}"
            excess = "" if s.excess is None else f"{s.excess[0]:.4f} .. {s.excess[1]:.4f}"
            lines.append(
                f"{report.style:10} {name:16} {s.generated:10.4f} {s.floor:10.4f} {ratio:>7} {shuffled:>10}  {excess}".rstrip()
            )
            if s.shuffled is not None and s.shuffled <= s.floor:
                blind.append(
                    f"{report.style}, {name}: shuffled frames score no worse than real ones; compare more clips."
                )
    lines += ["", f"{'style':10} {'control':12} {'measured':22} {'rank':>6} {'slope':>9} {'simulated':>10}"]
    for report in reports:
        for name, c in report.sliders.items():
            lines.append(
                f"{report.style:10} {name:12} {c.measure:22} {c.rank:6.2f} {c.generated:9.4f} {c.simulated:10.4f}"
            )
    return "\n".join([*lines, *(["", *blind] if blind else [])])


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
            }
            for report in reports
        },
    }
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content, indent=2) + "\n")
        temporary.replace(path)
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be written ({error.strerror}); choose another file.") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
