# SPDX-License-Identifier: GPL-3.0-or-later
"""``blender -c aigc ...``: the command line, run by the runtime."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy

from ..errors import AigcError, RuntimeMissingError
from ..runtime.code import cli_command, install_code
from ..runtime.environment import network_environment
from ..runtime.find import Runtime, find_runtime
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
        command = cli_command(_runtime(machine.python, argv), install_code(), argv)
    except AigcError as error:
        print(f"aigc: {error}", file=sys.stderr)
        return error.exit_code
    with _passing_on(signal.SIGTERM) as ends:
        child = subprocess.Popen(command, env=environment)
        ends(child)
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:  # the child got it as well and ends by itself
                continue


@contextlib.contextmanager
def _passing_on(number: int) -> Iterator[Callable[[subprocess.Popen[bytes]], None]]:
    """Let a signal end, in place of this process, the child that is then named, also when it came before that."""
    arrived: list[int] = []
    children: list[subprocess.Popen[bytes]] = []

    def end(*_: object) -> None:
        arrived.append(number)
        for child in children:
            child.terminate()

    def name(child: subprocess.Popen[bytes]) -> None:
        children.append(child)
        if arrived:
            child.terminate()

    before = signal.signal(number, end)
    try:
        yield name
    finally:
        signal.signal(number, signal.SIG_DFL if before is None else before)


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
