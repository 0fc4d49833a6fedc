# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding models: the bundled folder, folders the user named, and ``AIGC_MODEL_PATH``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from .card import ModelFile, read_model_file
from .errors import ModelError, RecipeError

BUNDLED = Path(__file__).parent / "models"
PATH_VARIABLE = "AIGC_MODEL_PATH"


def model_folders(extra: Iterable[Path] = ()) -> list[Path]:
    """The folders that are searched, bundled first, without repeats."""
    named = [Path(p) for p in os.environ.get(PATH_VARIABLE, "").split(os.pathsep) if p]
    return list(dict.fromkeys([BUNDLED, *extra, *named]))


def find_models(extra: Iterable[Path] = ()) -> tuple[list[ModelFile], list[ModelError]]:
    """All readable models of the searched folders, by folder and file name, and what was wrong with the rest."""
    found: dict[str, ModelFile] = {}
    faults: list[ModelError] = []
    for folder in model_folders(extra):
        paths = [folder] if folder.is_file() else sorted(folder.glob("*.safetensors"))
        for path in paths:
            try:
                model = read_model_file(path)
            except ModelError as error:
                faults.append(error)
            else:
                found.setdefault(model.digest, model)
    return list(found.values()), faults


def model_for_style(style: str, extra: Iterable[Path] = ()) -> ModelFile:
    """The first model that draws a style.

    Raises:
        RecipeError: none does; names the styles there are.
    """
    models, faults = find_models(extra)
    for model in models:
        if model.card.style(style):
            return model
    names = sorted({s.name for m in models for s in m.card.styles})
    remedy = f"choose one of {', '.join(names)}" if names else f"put a model in a folder of {PATH_VARIABLE}"
    unread = f" (and {faults[0].args[0].rstrip('.')})" if faults else ""
    raise RecipeError(f"Style {style!r} is in no model that was found{unread}: {remedy}.")


def model_by_digest(digest: str, extra: Iterable[Path] = ()) -> ModelFile:
    """The model with exactly these bytes; a recipe never runs on another.

    Raises:
        ModelError: it is not in any searched folder.
    """
    models, _ = find_models(extra)
    for model in models:
        if model.digest == digest:
            return model
    raise ModelError(
        f"The model with digest {digest[:12]}... is not installed: put its file in a folder of {PATH_VARIABLE} or choose another model."
    )
