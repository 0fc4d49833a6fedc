# SPDX-License-Identifier: GPL-3.0-or-later
"""``blender -c aigc ...``: the command line, run by the runtime."""

import subprocess
import sys

import bpy

from ..errors import AigcError
from ..runtime.code import cli_command, install_code
from ..runtime.find import find_runtime
from . import preferences


def run(argv: list[str]) -> int:
    """Run the command line in a child process with our own standard streams; gives its exit code."""
    machine = preferences.machine(bpy.context)
    try:
        command = cli_command(find_runtime(machine.python), install_code(), argv)
    except AigcError as error:
        print(f"aigc: {error}", file=sys.stderr)
        return error.exit_code
    child = subprocess.Popen(command, env=machine.environment())
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:  # the child got it as well and ends by itself
            continue
