# SPDX-License-Identifier: GPL-3.0-or-later
"""Torch's settings for the whole process, which drawing changes and training must find as they were: they decide its bits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """What the block sets of threads and of cuDNN's choice of algorithms is set back."""
    cudnn = torch.backends.cudnn
    before = torch.get_num_threads(), cudnn.benchmark, cudnn.deterministic
    try:
        yield
    finally:
        threads, cudnn.benchmark, cudnn.deterministic = before
        torch.set_num_threads(threads)
