# SPDX-License-Identifier: GPL-3.0-or-later
"""Training states on disk: the last few in a folder of their own, each whole or not there.

A state's file is named after its place in the order of saving and the checksum of its bytes (torch's
reader verifies none), such as ``000017-9a3f2c11.pt``.
"""

from __future__ import annotations

import io
import pickle
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ..errors import TrainingError
from ..files import TEMPORARY, replacing

KEPT = 3


def save_state(folder: Path, state: dict[str, Any]) -> None:
    """Write a state of tensors and plain data; the whole ones before it stay, ``KEPT`` in all, and nothing else.

    Raises:
        OSError: it cannot be written; the states before are as they were.
    """
    # Through memory: torch's own writer hides that a disk is full.
    buffer = io.BytesIO()
    torch.save(state, buffer)
    data = buffer.getbuffer()
    before = state_files(folder)
    number = _number(before[0]) + 1 if before else 1
    with replacing(folder / f"{number:06d}-{zlib.crc32(data):08x}.pt") as temporary:
        temporary.write_bytes(data)
    kept = [path for path in before if _is_whole(path, path.read_bytes())][: KEPT - 1]
    for path in set(before) - set(kept) | set(folder.glob(f"*{TEMPORARY}")):
        path.unlink()


def load_state(folder: Path, report: Callable[[str], None] = print) -> dict[str, Any] | None:
    """The newest state that is whole; None where there is none at all. Tensors are on the CPU.

    Raises:
        TrainingError: there are only damaged ones.
        OSError: one cannot be read.
    """
    found = state_files(folder)
    for path in found:
        data = path.read_bytes()
        if _is_whole(path, data):
            try:
                state: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
            except (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError):
                raise TrainingError(
                    f"{path}: made by another version of this program or of torch; go on with that one, or remove {folder.parent} to begin anew."
                ) from None
            return state
        report(f"{path}: damaged; it is not used.")
    if found:
        raise TrainingError(f"{folder}: the saved states are damaged; remove {folder.parent} to begin anew.")
    return None


def state_files(folder: Path) -> list[Path]:
    """The files of all states in a folder, whole or damaged, the newest first."""
    named = [path for path in folder.glob("*.pt") if re.fullmatch(r"\d{6,}-[0-9a-f]{8}\.pt", path.name)]
    return sorted(named, key=_number, reverse=True)


def _number(path: Path) -> int:
    return int(path.name.partition("-")[0])


def _is_whole(path: Path, data: bytes) -> bool:
    return int(path.stem.partition("-")[2], 16) == zlib.crc32(data)
