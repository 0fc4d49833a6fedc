# SPDX-License-Identifier: GPL-3.0-or-later
"""TensorBoard's view of a run: ``tensorboard --logdir runs``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class Board:
    """Event files in a folder; where TensorBoard is not installed one line says so and nothing is written."""

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self.folder = folder
        self._writer: SummaryWriter | None = None
        try:
            import torch.utils.tensorboard  # noqa: F401
        except ImportError:
            report("TensorBoard is not installed, so losses are in events.jsonl alone; install tensorboard for curves.")
            self.installed = False
        else:
            self.installed = True

    def rewind(self, step: int) -> None:
        """Go on after a step; what was written of later ones is not shown."""
        if self.installed:
            from torch.utils.tensorboard import SummaryWriter

            self.close()
            self._writer = SummaryWriter(str(self.folder), purge_step=step + 1)

    def figures(self, step: int, values: Mapping[str, float]) -> None:
        """A point of each curve."""
        if self._writer:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    def picture(self, step: int, name: str, pixels: NDArray[np.uint8]) -> None:
        """A picture (H, W, 3)."""
        if self._writer:
            self._writer.add_image(name, pixels, step, dataformats="HWC")

    def text(self, step: int, name: str, words: str) -> None:
        """A sentence."""
        if self._writer:
            self._writer.add_text(name, words, step)

    def flush(self) -> None:
        """See to it that all is on disk."""
        if self._writer:
            self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        if self._writer:
            self._writer.close()
            self._writer = None
