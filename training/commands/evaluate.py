# SPDX-License-Identifier: GPL-3.0-or-later
"""``evaluate``: a model's clips against footage."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from aigc_blender.card import Card

    from ..reference import Protocol, Reference


def add(commands: Any) -> None:
    """Add the command to a parser's commands."""
    evaluate = commands.add_parser("evaluate", help="compare a model's clips with real ones")
    evaluate.add_argument("model", type=Path, help="model file (.safetensors)")
    evaluate.add_argument(
        "footage", nargs="*", type=Path, help="films of one style, best such that the model was not trained on"
    )
    evaluate.add_argument("--procedural", action="store_true", help="compare with footage the project renders itself")
    evaluate.add_argument(
        "--style",
        help="style the footage shows (default: the model's only one); with --procedural, styles by name, separated by commas (default: all)",
    )
    evaluate.add_argument(
        "--features", type=Path, help="weights of SqueezeNet 1.0 (.safetensors), for the kernel distances"
    )
    evaluate.add_argument(
        "--i3d", type=Path, help="I3D as TorchScript, for the Frechet video distance; it is run as code"
    )
    evaluate.add_argument("--clips", type=int, default=24, help="clips compared at most, an even number (default: 24)")
    evaluate.add_argument("--trials", type=int, default=32, help="short clips that slopes are taken of (default: 32)")
    evaluate.add_argument("--size", type=int, help="element height in pixels (default: the style's native one)")
    evaluate.add_argument("--fps", type=float, default=24.0, help="frames a second of numbered pictures (default: 24)")
    evaluate.add_argument(
        "--crop",
        default="auto",
        metavar="X,Y,W,H|auto|none",
        help="part of the films' picture to use, as in training (default: as footage.toml says, else the part that moves)",
    )
    evaluate.add_argument("--device", default="auto", help="auto, cpu, cuda, mps or xpu (default: auto)")
    evaluate.add_argument(
        "--cache", type=Path, default=Path("runs/footage"), help="folder of footage as read (default: runs/footage)"
    )
    evaluate.add_argument("--json", type=Path, help="also write the numbers to this file")
    evaluate.add_argument("--page", type=Path, help="also write a report with pictures to this file (.html)")
    evaluate.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from aigc_blender.generator.checkpoint import load_model
    from aigc_blender.generator.sampler import resolve_device

    from ..evaluate import evaluate
    from ..metrics.features import load_network
    from ..metrics.report import EvaluationError, as_table, write_json
    from ..metrics.video_features import load_video_network
    from ..reference import Protocol

    if bool(arguments.footage) == arguments.procedural:
        raise EvaluationError("Give either footage (videos, numbered pictures, folders of them) or --procedural.")
    if arguments.page and arguments.page.suffix != ".html":
        raise EvaluationError(f"{arguments.page}: a page must end in .html; rename it.")
    protocol = Protocol(clips=arguments.clips, size=arguments.size, trials=arguments.trials)
    device = resolve_device(arguments.device)
    model = load_model(arguments.model)
    network = load_network(arguments.features).to(device) if arguments.features else None
    video = load_video_network(arguments.i3d, device) if arguments.i3d else None
    references = _references(arguments, model.card, protocol, device)
    findings = evaluate(model, references, protocol, network, video, device, _progress)
    reports = [finding.report for finding in findings]
    print(as_table(reports))
    for file in references[0].files:
        print(f"{file.name}: {file.role}.")
    if network is None:
        print("Kernel distances were left out: they need --features.")
    if arguments.json:
        about = {
            "model": model.card.name,
            "digest": model.file.digest,
            "protocol": asdict(protocol),
            "files": [asdict(file) for file in references[0].files],
        }
        write_json(arguments.json, about, reports)
    if arguments.page:
        from ..page.document import write_page

        write_page(arguments.page, model.file, findings, protocol)
        print(f"Wrote {arguments.page}.")
    return 0


def _references(arguments: argparse.Namespace, card: Card, protocol: Protocol, device: torch.device) -> list[Reference]:
    from ..reference import films, simulations

    if arguments.procedural:
        names = arguments.style.split(",") if arguments.style else []
        return simulations(card, names, protocol, arguments.cache, device, _progress)
    from ..footage.tags import parse_crop
    from ..metrics.report import EvaluationError

    try:
        crop = parse_crop(arguments.crop)
    except ValueError:
        raise EvaluationError(f"--crop is {arguments.crop!r}; give x,y,width,height in pixels, auto or none.") from None
    part = None if crop == "auto" else crop
    return [films(card, arguments.style, arguments.footage, protocol, arguments.cache, arguments.fps, part, _progress)]


def _progress(text: str) -> None:
    print(text, file=sys.stderr)
