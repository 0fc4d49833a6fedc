# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's end of an installation: starts the child process, hears what it tells, and never waits but in ``stop``."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from ..errors import RuntimeMissingError
from .code import cli_command, install_code
from .environment import NO_WINDOW, network_environment
from .find import Runtime
from .install import Options

END_SECONDS = 10.0


class Installation:
    """One installation. Its fields are written by a thread of its own, one plain value at a time.

    ``state`` is running, then done, failed (``error`` says why) or cancelled.
    """

    def __init__(self, options: Options) -> None:
        """Start it, in Blender's own Python and from a copy of the code: the extension may be replaced meanwhile.

        Raises:
            RuntimeMissingError: it cannot be started.
        """
        self.state = "running"
        self.text = "Starting"
        self.progress = 0.0
        self.error: RuntimeMissingError | None = None
        self._cancelled = False
        command = cli_command(Runtime(Path(sys.executable), {}), install_code(), _arguments(options))
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=network_environment(),
                creationflags=NO_WINDOW,
            )
        except OSError as error:
            raise RuntimeMissingError(
                f"Blender's own Python cannot be run ({error.strerror or error}); install the runtime "
                "from a terminal: python -m aigc_blender runtime install."
            ) from None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._errors: list[bytes] = []
        self._stderr = threading.Thread(target=self._listen_to_errors, args=(self._process.stderr,), daemon=True)
        self._thread = threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True)
        self._stderr.start()
        self._thread.start()

    def cancel(self) -> None:
        """Ask for its end; what was downloaded is kept."""
        self._cancelled = True
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def stop(self) -> None:
        """Cancel it and wait for its end."""
        self.cancel()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self.wait()

    def wait(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def _listen_to_errors(self, pipe: IO[bytes]) -> None:
        with pipe:
            self._errors += pipe.readlines()

    def _listen(self, pipe: IO[bytes]) -> None:
        done = False
        with pipe:
            for line in pipe:
                try:
                    event = json.loads(line)
                    match event["type"]:
                        case "step":
                            self.text, self.progress = str(event["text"]), float(event["progress"])
                        case "error":
                            self.error = RuntimeMissingError(str(event["text"]))
                        case "done":
                            done = True
                except (ValueError, KeyError, TypeError):
                    continue  # not ours
        code = self._process.wait()
        self._stderr.join()
        if done and code == 0:
            self.state = "done"
        elif self._cancelled:
            self.state = "cancelled"
        else:
            said = b"".join(self._errors).decode(errors="replace").strip().splitlines()
            reason = said[-1].strip() if said else f"exit code {code}"
            self.error = self.error or RuntimeMissingError(
                f"The installation ended unexpectedly ({reason}); try again."
            )
            self.state = "failed"


def _arguments(options: Options) -> list[str]:
    named = (("--wheels", options.wheels), ("--python", options.python), ("--uv", options.uv))
    return [
        *("runtime", "install", "--json", "--supervised", "--backend", options.backend),
        *(part for name, path in named if path for part in (name, str(path))),
        *(["--no-network"] if not options.network else []),
        *(["--again"] if options.again else []),
    ]
