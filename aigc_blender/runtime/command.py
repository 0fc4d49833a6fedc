# SPDX-License-Identifier: GPL-3.0-or-later
"""``aigc runtime install | check | remove``: the managed environment, for machines without a window too."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from ..errors import RuntimeMissingError
from .exclusive import in_use
from .find import find_runtime, list_devices
from .install import BACKENDS, Cancel, Options, install, remove
from .managed import environments

GRACE_SECONDS = 5.0  # to end in order once nobody listens


def add_parser(commands: Any) -> list[argparse.ArgumentParser]:
    """Add the command to a parser's commands; gives the parsers of its own commands."""
    parser = commands.add_parser("runtime", help="install, check or remove the Python with torch", allow_abbrev=False)
    own = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="runtime_command")

    made = own.add_parser("install", help="make the environment of this release", allow_abbrev=False)
    made.set_defaults(run=_install)
    made.add_argument("--backend", choices=BACKENDS, default="auto", help="build of torch (default auto)")
    made.add_argument("--wheels", type=Path, metavar="DIR", help="take every package from this folder, without network")
    made.add_argument("--python", type=Path, metavar="FILE", help="base it on this Python, 3.11 or later")
    made.add_argument("--uv", type=Path, metavar="FILE", help="the uv to use (default: found or downloaded)")
    made.add_argument("--no-network", action="store_true", help="download nothing")
    made.add_argument("--again", action="store_true", help="make it anew where it is there")
    made.add_argument("--supervised", action="store_true", help=argparse.SUPPRESS)  # ends with its standard input

    checked = own.add_parser("check", help="try it, and list what is installed", allow_abbrev=False)
    checked.set_defaults(run=_check)
    removed = own.add_parser("remove", help="remove all that was installed and downloaded", allow_abbrev=False)
    removed.set_defaults(run=_remove)
    return [made, checked, removed]


def _install(arguments: argparse.Namespace, _argv: list[str]) -> int:
    cancel = Cancel()
    if arguments.supervised:
        threading.Thread(target=_end_with_input, args=(cancel,), name="aigc-supervised", daemon=True).start()
    options = Options(
        arguments.backend,
        _absolute(arguments.wheels),
        _absolute(arguments.python),
        _absolute(arguments.uv),
        not arguments.no_network,
        arguments.again,
    )
    began = time.monotonic()
    runtime = install(options, _tell_json if arguments.json else _Lines(), cancel)
    event = {
        "type": "done",
        "python": str(runtime.python),
        "versions": runtime.versions,
        "seconds": round(time.monotonic() - began, 1),
    }
    if arguments.json:
        _tell_json(event)
    else:
        print(f"Done: {runtime.python} after {event['seconds']} s.")
    return 0


def _check(arguments: argparse.Namespace, _argv: list[str]) -> int:
    try:
        runtime = find_runtime()
        devices, fault = list_devices(runtime), None
        told = {"python": str(runtime.python), "versions": runtime.versions, "devices": devices}
    except RuntimeMissingError as error:
        told, fault = {}, error
    installed = [
        {"folder": str(e.folder), "build": e.backend, "current": e.current, "in_use": in_use(e.folder)}
        for e in environments()
    ]
    if arguments.json:
        print(json.dumps({**told, "installed": installed}, indent=2))
    else:
        for name, value in told.items():
            print(f"{name:<10}{_flat(value)}")
        for environment in installed:
            print("installed " + _flat(environment))
    if fault:
        raise fault
    return 0


def _remove(arguments: argparse.Namespace, _argv: list[str]) -> int:
    kept = remove()
    if arguments.json:
        print(json.dumps({"kept": [str(folder) for folder in kept]}))
    if kept:
        raise RuntimeMissingError(f"{kept[0]} is in use; end what runs there and try again.")
    return 0


def _end_with_input(cancel: Cancel) -> None:
    """Cancel when standard input closes: Blender asks for it, or is gone."""
    while os.read(sys.stdin.fileno(), 1024):  # not through sys.stdin, whose lock would be held when Python ends
        pass
    cancel.ask()
    time.sleep(GRACE_SECONDS)
    os._exit(130)


class _Lines:
    """Prints each text once, and the progress that farms read."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, event: dict[str, Any]) -> None:
        text = event["text"].partition(",")[0]
        if text != self._last:
            print(text, flush=True)
            print(f"openjd_progress: {100 * event['progress']:.1f}", flush=True)
            self._last = text


def _tell_json(event: dict[str, Any]) -> None:
    print(json.dumps(event), flush=True)


def _absolute(path: Path | None) -> Path | None:
    """A path for processes elsewhere; links stay, since an environment's interpreter is one."""
    return path.expanduser().absolute() if path else None


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_flat(part)}" for name, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
