# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m training``: the command line of training."""

from __future__ import annotations

import argparse
import io
import signal
import sys
from collections.abc import Sequence

from aigc_blender.errors import AigcError

from .commands import bundle, calibrate, evaluate, export, fit, make, prepare, release


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 done, 1 failed, 2 bad input, 130 interrupted (state saved)."""
    parser = argparse.ArgumentParser(prog="python -m training", description="Train video generators for the extension.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (prepare, fit, evaluate, export, make, calibrate, bundle, release):
        command.add(commands)
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr has it: names of files may be any bytes
    try:
        return int(arguments.run(arguments))
    except AigcError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
