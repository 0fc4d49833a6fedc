# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an interpreter, from how it failed: one sentence with the remedy."""

from __future__ import annotations

import errno
import re
import signal
from pathlib import Path

from ..errors import RuntimeMissingError

_ELSE = "choose another Python or install the runtime"
_BAD_MACHINE = {errno.ENOEXEC, getattr(errno, "EBADARCH", 86), 193, 216}  # 193, 216: Windows' own numbers
_MISSING_DLL = 0xC0000135


def cannot_run(python: Path, error: OSError | ValueError) -> RuntimeMissingError:
    """The error of an interpreter that the system does not start."""
    number = getattr(error, "winerror", None) or getattr(error, "errno", None)
    if python.is_dir():
        reason, remedy = "it is a folder", "choose the interpreter in it"
    elif python.is_symlink() and not python.exists():
        reason = f"its base interpreter {_target(python)} is gone"
        remedy = f"install that again, or {_ELSE}"
    elif not python.exists():
        reason, remedy = "there is no such file", _ELSE
    elif number in _BAD_MACHINE:
        reason, remedy = "it is no program for this kind of machine", f"{_ELSE}, one made for this processor"
    elif number in (errno.EACCES, 5):
        reason, remedy = "it is not executable for you", f"mend its permissions, or {_ELSE}"
    else:
        reason, remedy = getattr(error, "strerror", None) or str(error), _ELSE
    return RuntimeMissingError(f"{python} cannot be run ({reason}); {remedy}.")


def failed(python: Path, code: int, said: str) -> RuntimeMissingError:
    """The error of an interpreter that ran and failed, from its exit code and what it printed."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = lines[-1] if lines else f"exit code {code}"
    for pattern, reason, remedy in _FAULTS:
        if found := re.search(pattern, said):
            return RuntimeMissingError(f"{python} failed ({reason.format(*found.groups(), last=last)}); {remedy}.")
    if code & 0xFFFFFFFF == _MISSING_DLL:
        last, remedy = "a DLL that it needs is missing", _REDISTRIBUTABLE
    elif code < 0:
        last = f"it crashed with {_signal(-code)}"
        remedy = "its torch may be built for a newer processor: choose another Python or build of torch"
    else:
        remedy = "mend its packages or choose another Python"
    return RuntimeMissingError(f"{python} failed ({last}); {remedy}.")


_REDISTRIBUTABLE = "install the Microsoft Visual C++ Redistributable (x64), or install the runtime again"
_AGAIN = "install the runtime again, or reinstall torch there"
# What a failed start prints: pattern, reason, remedy. The first that fits counts.
_FAULTS = (
    (r"No Python at '?\"?([^'\"\n]+)", "its base interpreter {0} is gone", f"install that again, or {_ELSE}"),
    (r"No module named '?encodings", "its standard library is gone: the base interpreter was moved", _ELSE),
    (r"(?:wrong ELF class|incompatible architecture|WinError 193)", "{last}", "choose a Python for this processor"),
    (
        r"WinError (?:126|1114)\D.*?Error loading \"([^\"]+)\"",
        "{0} or a DLL that it needs is missing",
        _REDISTRIBUTABLE,
    ),
    (r"DLL load failed while importing (\w+)", "a DLL that {0} needs is missing", _REDISTRIBUTABLE),
    (r"([\w.+-]+\.(?:so|dylib)[\w.]*): cannot open shared object file", "the library {0} is missing", _AGAIN),
    (r"Library not loaded: (\S+)", "the library {0} is missing", _AGAIN),
    (r"No module named '([^']+)'", "the package {0} is missing", _AGAIN),
    (r"(?:No space left on device|WinError 112)", "no space is left on the disk", "free some and try again"),
    (r"numpy\.core\.multiarray failed to import", "numpy and torch do not fit each other", _AGAIN),
)


def _target(link: Path) -> Path:
    """Where a chain of links ends, there or not."""
    return link.resolve(strict=False)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
