# SPDX-License-Identifier: GPL-3.0-or-later
"""``evaluate``: a model's clips against footage."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command to a parser's commands."""
    evaluate = commands.add_parser("evaluate", help="compare a model's clips with held-out footage")
    evaluate.add_argument("model", type=Path, help="model file (.safetensors)")
    evaluate.add_argument("--procedural", action="store_true", help="compare with footage the project renders itself")
    evaluate.add_argument("--styles", help="styles by name, separated by commas (default: all of the model)")
    evaluate.add_argument(
        "--features", type=Path, help="weights of SqueezeNet 1.0 (.safetensors), for the kernel distances"
    )
    evaluate.add_argument("--clips", type=int, default=24, help="clips compared, an even number (default: 24)")
    evaluate.add_argument("--size", type=int, default=64, help="pixels a side of a clip (default: 64)")
    evaluate.add_argument("--device", default="auto", help="auto, cpu, cuda, mps or xpu (default: auto)")
    evaluate.add_argument(
        "--cache", type=Path, default=Path("runs/footage"), help="folder of rendered footage (default: runs/footage)"
    )
    evaluate.add_argument("--json", type=Path, help="also write the numbers to this file")
    evaluate.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from aigc_blender.generator.checkpoint import load_model
    from aigc_blender.generator.sampler import resolve_device

    from ..evaluate import Protocol, evaluate
    from ..metrics.features import load_network
    from ..metrics.report import EvaluationError, as_table, write_json

    def progress(text: str) -> None:
        print(text, file=sys.stderr)

    if not arguments.procedural:
        raise EvaluationError("Give --procedural: other footage cannot be compared with yet.")
    protocol = Protocol(clips=arguments.clips, size=arguments.size)
    device = resolve_device(arguments.device)
    model = load_model(arguments.model)
    network = load_network(arguments.features).to(device) if arguments.features else None
    styles = arguments.styles.split(",") if arguments.styles else []
    reports = evaluate(model, styles, protocol, arguments.cache, network, device, progress)
    print(as_table(reports))
    if network is None:
        print("\nKernel distances were left out: they need --features.")
    if arguments.json:
        about = {"model": model.card.name, "digest": model.file.digest, "protocol": asdict(protocol)}
        write_json(arguments.json, about, reports)
    return 0
