# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors that a user may see: one sentence that names the thing, the reason and the remedy.

Each class has a short ``code`` (it travels in the worker's protocol) and the ``exit_code`` of a
command that ends with it: 2 where the input is at fault, 1 where the machine is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class AigcError(Exception):
    """Base of every error whose text is written for the user."""

    code = "error"
    exit_code = 1


class RecipeError(AigcError):
    """A recipe that no model could carry out as written, or not this one."""

    code = "recipe"
    exit_code = 2


class ModelError(AigcError):
    """A model file that is missing, damaged or foreign."""

    code = "model"
    exit_code = 2


class PresetError(AigcError):
    """A preset that cannot be read, written or applied here."""

    code = "preset"
    exit_code = 2


class SequenceError(AigcError):
    """Frames that cannot be named, read or written."""

    code = "sequence"
    exit_code = 2


class DeviceError(AigcError):
    """A device that was asked for and is not there, or changed in mid-sequence."""

    code = "device"
    exit_code = 2


class RuntimeMissingError(AigcError):
    """No interpreter with torch was found, or the one that was found is broken."""

    code = "runtime"
    exit_code = 2


class SceneError(AigcError):
    """An object, material or camera that cannot take what was to be placed on it."""

    code = "scene"
    exit_code = 2


class WorkerError(AigcError):
    """The worker ended or answered out of turn."""

    code = "worker"


@contextmanager
def threads_told() -> Iterator[None]:
    """Tell a user that the system gives no thread, for which Python has no error of its own.

    Raises:
        AigcError: it gives none.
    """
    try:
        yield
    except RuntimeError as error:
        if "can't start new thread" not in str(error):
            raise
        raise AigcError(
            "The system gives no more threads; close other programs, or raise its limits of processes and memory, and "
            "generate again."
        ) from None
