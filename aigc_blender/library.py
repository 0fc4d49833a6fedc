# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding models: the bundled folder, the user's own, folders that were named, and ``AIGC_MODEL_PATH``."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterable
from pathlib import Path

from .card import ModelFile, check_extent, read_model_bytes, read_model_file
from .errors import ModelError, RecipeError
from .runtime.folders import user_folder, user_folders

BUNDLED = Path(__file__).parent / "models"
PATH_VARIABLE = "AIGC_MODEL_PATH"


def model_folders(extra: Iterable[Path] = ()) -> list[Path]:
    """The folders that are searched, bundled first, without repeats."""
    named = [Path(p) for p in os.environ.get(PATH_VARIABLE, "").split(os.pathsep) if p]
    return list(dict.fromkeys([BUNDLED, *user_folders("models"), *extra, *named]))


def user_models() -> Path:
    """The folder of this user's own models, shared by all versions of Blender; need not be there."""
    return user_folder() / "models"


def add_model(path: Path, extra: Iterable[Path] = ()) -> ModelFile:
    """Copy a model to the user's own once it is known to be whole; gives the copy.

    The file is 64 MiB at the most. Names of models of other content are never taken.

    Raises:
        ModelError: the file is missing, damaged, foreign or there already, or the folder cannot be written to.
    """
    data = read_model_bytes(path)
    check_extent(data, str(path))
    model = read_model_file(path)
    if known := next((m for m in find_models(extra)[0] if m.digest == model.digest), None):
        raise ModelError(f"{path.name} is there already, as {known.path}; choose one of its styles.")
    folder = user_models()
    name = f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', path.stem) or 'model'}.safetensors"
    target = place_for(folder / name, model.digest)
    draft = folder / f".{uuid.uuid4().hex}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_bytes(data)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(
            f"{target} cannot be written ({error.strerror}); check the folder's permissions and free space."
        ) from None
    return read_model_file(target)


def place_for(wanted: Path, digest: str) -> Path:
    """Where a copy of a model lies, or may: where it is wanted, unless something else has that name."""
    taken = wanted.exists() and not holds(wanted, digest)
    return wanted.with_stem(f"{wanted.stem}-{digest[:8]}") if taken else wanted


def holds(path: Path, digest: str) -> bool:
    """Whether a file is there and has exactly a model's bytes."""
    try:
        return read_model_file(path).digest == digest
    except ModelError:
        return False


def find_models(extra: Iterable[Path] = ()) -> tuple[list[ModelFile], list[ModelError]]:
    """All readable models of the searched folders, by folder and file name, and what was wrong with the rest."""
    found: dict[str, ModelFile] = {}
    paths, faults = model_paths(extra)
    for path in paths:
        try:
            model = read_model_file(path)
        except ModelError as error:
            faults.append(error)
        else:
            found.setdefault(model.digest, model)
    return list(found.values()), faults


def model_paths(extra: Iterable[Path] = ()) -> tuple[list[Path], list[ModelError]]:
    """What may be a model in the searched folders, by folder and file name, and which of these cannot be looked into."""
    paths: list[Path] = []
    faults: list[ModelError] = []
    for folder in model_folders(extra):
        try:
            if folder.is_dir():
                # Hidden ones are no models: macOS puts a ._ file beside each that it copies to a server.
                paths += sorted(p for p in folder.iterdir() if p.suffix == ".safetensors" and p.name[0] != ".")
            elif folder.is_file():
                paths.append(folder)
        except OSError as error:
            faults.append(
                ModelError(f"{folder}: cannot be looked into ({error.strerror}); check its name and permissions.")
            )
    return paths, faults


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
