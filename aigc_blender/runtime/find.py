# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding and checking the interpreter that has torch, by running it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RuntimeMissingError
from .diagnose import cannot_run, failed
from .environment import NO_WINDOW, child_environment
from .managed import managed_environment

PYTHON_VARIABLE = "AIGC_PYTHON"
PACKAGES = ("torch", "numpy", "safetensors", "OpenImageIO")
OLDEST = (3, 11)
LOOK_SECONDS = 60.0
IMPORT_SECONDS = 300.0  # a first import of torch from a slow disk takes minutes

# Reads what is installed without importing it: done in a blink, where torch takes seconds.
_LOOK = """
import importlib.metadata, importlib.util, json, sys
versions = {}
for name in sys.argv[1:]:
    try:
        versions[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        if importlib.util.find_spec(name):  # Linux distributions leave the metadata of some out
            versions[name] = "unknown"
print(json.dumps({"python": list(sys.version_info[:3]), "versions": versions}))
"""

_DEVICES = """
import json, torch
names = ["cpu"]
if torch.cuda.is_available():
    names += ["cuda: " + torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
if hasattr(torch, "xpu") and torch.xpu.is_available():
    names += ["xpu: " + torch.xpu.get_device_name(i) for i in range(torch.xpu.device_count())]
if torch.backends.mps.is_available():
    names.append("mps")
print(json.dumps(names))
"""


@dataclass(frozen=True)
class Runtime:
    """An interpreter that has all that the generator needs; ``versions`` holds its own and its packages'."""

    python: Path
    versions: dict[str, str]


def find_runtime(configured: Path | None = None) -> Runtime:
    """The runtime that was configured, else named in ``AIGC_PYTHON``, else managed, else this very interpreter.

    One that was named is taken or refused, never passed over.

    Raises:
        RuntimeMissingError: there is none, or the named one is broken; says what to do.
    """
    named = configured or (Path(os.environ[PYTHON_VARIABLE]) if os.environ.get(PYTHON_VARIABLE) else None)
    if named:
        return look_at(named)
    if managed := managed_environment():
        return look_at(managed.python)
    try:
        return look_at(Path(sys.executable))
    except RuntimeMissingError:
        raise RuntimeMissingError(
            "No Python with torch was found; install the runtime in the extension's preferences, "
            f"or name a Python 3.11 or later with {', '.join(PACKAGES)} there or in {PYTHON_VARIABLE}."
        ) from None


def look_at(python: Path, packages: tuple[str, ...] = PACKAGES) -> Runtime:
    """The interpreter at a path as a runtime, its packages found but not imported.

    Raises:
        RuntimeMissingError: it does not run, is too old or lacks a package.
    """
    answer = _ask(python, _LOOK, packages, LOOK_SECONDS)
    try:
        version, versions = tuple(answer["python"]), dict(answer["versions"])
    except (TypeError, KeyError, ValueError):
        raise RuntimeMissingError(f"{python} is no Python interpreter; choose one that has torch.") from None
    number = ".".join(map(str, version))
    if version < OLDEST:
        raise RuntimeMissingError(f"{python} is Python {number}; choose one of version 3.11 or later that has torch.")
    if lacking := [name for name in packages if name not in versions]:
        raise RuntimeMissingError(f"{python} has no {', '.join(lacking)}; install it there or choose another Python.")
    return Runtime(python, {"python": number, **versions})


def list_devices(runtime: Runtime) -> list[str]:
    """Devices that torch can use there, such as ``cpu`` and ``cuda: NVIDIA ...``. Takes seconds.

    Raises:
        RuntimeMissingError: torch is installed and cannot be imported.
    """
    answer = _ask(runtime.python, _DEVICES, (), IMPORT_SECONDS)
    return [str(name) for name in answer]


def _ask(python: Path, program: str, arguments: tuple[str, ...], seconds: float) -> Any:
    try:
        done = subprocess.run(
            [str(python), "-I", "-c", program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            env=child_environment(),
            creationflags=NO_WINDOW,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeMissingError(f"{python} gave no answer within {seconds:.0f} s; choose another Python.") from None
    except (OSError, ValueError) as error:
        raise cannot_run(python, error) from None
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise failed(python, done.returncode, done.stderr) from None
