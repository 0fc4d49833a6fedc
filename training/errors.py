# SPDX-License-Identifier: GPL-3.0-or-later
"""Training's own errors for the user, as in ``aigc_blender.errors``."""

from __future__ import annotations

from aigc_blender.errors import AigcError


class FootageError(AigcError):
    """Footage that cannot be read or does not suffice."""

    code = "footage"
    exit_code = 2


class NoFilmError(FootageError):
    """Films of a style none of which can be used; ``reason``: why the last one cannot."""

    def __init__(self, words: str, reason: str) -> None:
        super().__init__(words)
        self.reason = reason


class TrainingError(AigcError):
    """A run that cannot start as asked."""

    code = "training"
    exit_code = 2


class RunFailedError(TrainingError):
    """A run that could not go on; what it had saved is intact."""

    exit_code = 1
