# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder with all that a bare machine needs to train the bundled models on: code, states, models, a script."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from .bundled import MODELS, Bundled
from .errors import TrainingError
from .run.exported import read_exported

ROOT = Path(__file__).parents[1]
MOST_BYTES = 48 * 2**20
FEATURES = "features.safetensors"
SCRIPT = """\
#!/usr/bin/env bash
# ./run [MINUTES [OPTION ...]]: trains a slice of so many minutes (9), footage included, then evaluates. The models
# are made side by side: a GPU has room for all of them. What is to be taken home is put to $OUT (out, beside this
# script). The same command goes on. Options go to `python -m training make`. Needs Python with torch, numpy,
# safetensors, imageio and tqdm; another one than python3 is named by $PYTHON.
set -u
out="${{OUT:-$(dirname "$0")/out}}"
mkdir -p "$out" && out="$(cd "$out" && pwd)" && cd "$(dirname "$0")" || exit 1
minutes="${{1:-9}}"
options=("${{@:2}}")

pids=()
for model in {models}; do
    set -- --resume --evaluate {features}--to "$out" "${{options[@]}}"
    "${{PYTHON:-python3}}" -m training make --only "$model" --minutes "$minutes" "$@" >"$out/$model.log" 2>&1 &
    pids+=($!)
done
trap 'kill -TERM "${{pids[@]}}" 2>/dev/null' INT TERM

status=0
for pid in "${{pids[@]}}"; do
    wait "$pid"
    code=$?
    while kill -0 "$pid" 2>/dev/null; do  # a signal ended the wait, not the process
        wait "$pid"
        code=$?
    done
    [ "$code" = 0 ] || status=$code
done
tail -n 40 "$out"/*.log
exit "$status"
"""


def write_bundle(folder: Path, models: Sequence[Bundled], table: Path, states: Path, features: Path | None) -> int:
    """Write the bundle of some models of a table, whole or not at all; its size in bytes.

    Each model begins with its exported state below ``states``, where there is one, else as the table says.

    Raises:
        TrainingError: the folder is there already, the bundle would be too large, or a state or file cannot be used.
    """
    if folder.exists():
        raise TrainingError(f"{folder} is there already; remove it or give another folder.")
    stage = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        _fill(stage, models, table, states, features)
        size = sum(path.stat().st_size for path in stage.rglob("*") if path.is_file())
        if size > MOST_BYTES:
            raise TrainingError(
                f"The bundle of {len(models)} models would take {size / 2**20:.1f} MiB, more than {MOST_BYTES >> 20}; make several with --only."
            )
        stage.rename(folder)
    except (OSError, shutil.Error) as error:
        raise TrainingError(
            f"{folder}: cannot be written ({error}); choose another folder or free some space."
        ) from None
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return size


def _fill(stage: Path, models: Sequence[Bundled], table: Path, states: Path, features: Path | None) -> None:
    for package, left_out in (("aigc_blender", "models"), ("training", "states")):
        ignored = shutil.ignore_patterns("__pycache__", ".*", "*.tmp", left_out)
        shutil.copytree(ROOT / package, stage / package, ignore=ignored)
    shutil.copy(ROOT / "LICENSE", stage)
    shutil.copyfile(table, stage / "training" / "bundled.toml")
    if features:
        shutil.copyfile(features, stage / FEATURES)
    kept = stage / "aigc_blender" / "models"
    kept.mkdir()
    for model in models:
        state = states / model.file
        if not state.is_dir():
            if model.start:
                shutil.copy(MODELS / f"{model.start}.safetensors", kept)
            continue
        exported = read_exported(state, sorted(MODELS.glob("*.safetensors")))
        exported.state()  # that it is whole is seen before it travels
        shutil.copytree(state, stage / "training" / "states" / model.file)
        if found := exported.model_file():
            shutil.copyfile(found, kept / f"{model.file}.safetensors")
    script = stage / "run"
    names, option = " ".join(model.file for model in models), f"--features {FEATURES} " if features else ""
    script.write_text(SCRIPT.format(models=names, features=option), encoding="utf-8")
    script.chmod(0o755)
