# SPDX-License-Identifier: GPL-3.0-or-later
"""``blender -c aigc ...``: the command line, run by the runtime."""

import sys
from pathlib import Path

import bpy

from ..errors import AigcError, RuntimeMissingError
from ..runtime.child import run_child
from ..runtime.code import cli_command, install_code
from ..runtime.environment import network_environment
from ..runtime.find import Runtime, find_runtime
from ..runtime.interrupts import Terminated
from . import preferences


def run(argv: list[str]) -> int:
    """Run the command line in a child process with our own standard streams; gives its exit code."""
    machine = preferences.machine(bpy.context)
    environment = machine.environment()
    if argv[:1] == ["runtime"]:
        environment |= network_environment()
        if argv[1:2] == ["install"] and not bpy.app.online_access:
            argv = [*argv, "--no-network"]
    try:
        return run_child(cli_command(_runtime(machine.python, argv), install_code(), argv), environment)
    except AigcError as error:
        print(f"aigc: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as end:  # before the child could say so
        print("aigc: Stopped.", file=sys.stderr)
        return 143 if isinstance(end, Terminated) else 130


def _runtime(configured: Path | None, argv: list[str]) -> Runtime:
    """The runtime; where there is none, Blender's own Python, which can list models, say what is missing and install."""
    if argv[:1] == ["runtime"]:
        return Runtime(Path(sys.executable), {})
    try:
        return find_runtime(configured)
    except RuntimeMissingError:
        if argv[:1] == ["generate"]:
            raise
        return Runtime(Path(sys.executable), {})
