# SPDX-License-Identifier: GPL-3.0-or-later
"""Training states on disk: the newest and the one before, each whole."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from .errors import TrainingError


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state of tensors and plain data, whole or not at all; the one before stays beside it.

    Raises:
        OSError: it cannot be written; both files are as they were.
    """
    # Through memory: torch's own writer hides that a disk is full.
    data = io.BytesIO()
    torch.save(state, data)
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data.getbuffer())
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if path.exists():
        path.replace(previous(path))
    temporary.replace(path)


def load_state(path: Path, report: Callable[[str], None] = print) -> dict[str, Any] | None:
    """The newest state that is whole; None where there is none at all. Tensors are on the CPU.

    Raises:
        TrainingError: there are only damaged ones.
    """
    candidates = [p for p in (path, previous(path)) if p.exists()]
    for candidate in candidates:
        try:
            state: dict[str, Any] = torch.load(candidate, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError):
            report(f"{candidate}: damaged; it is not used.")
        else:
            return state
    if candidates:
        raise TrainingError(f"{path.parent}: the saved states are damaged; remove that folder to begin anew.")
    return None


def previous(path: Path) -> Path:
    """Where the state before the one at ``path`` lies."""
    return path.with_name(path.name + ".previous")
