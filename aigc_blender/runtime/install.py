# SPDX-License-Identifier: GPL-3.0-or-later
"""Making the managed environment with uv: staged beside its place, tried, then renamed into it.

Runs in a child process of Blender's or from the command line. What uv has downloaded stays in a cache, so that after a
failure, a crash or a cancel the next try goes on from there.
"""

from __future__ import annotations

import contextlib
import functools
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from ..errors import RuntimeMissingError
from .environment import NO_WINDOW, network_environment
from .exclusive import in_use, locked
from .faults import explain
from .find import Runtime, list_devices, look_at
from .folders import user_folder
from .interrupts import interrupts_later
from .managed import (
    LOCK_FILE,
    Environment,
    discard,
    environment_folder,
    environments,
    runtimes_folder,
    tidy,
    write_record,
)
from .uv import find_uv

PYTHON = "3.12"
BACKENDS = ("auto", "cpu", "cu126", "cu128", "cu130", "rocm6.4", "xpu")
FROM_WHEELS = "wheels"  # an environment's build of torch is then whatever the folder holds
# Bytes on disk for the environment, unpacked: measured for the CPU's, the sum of its parts for the others'.
_NEEDED = {"auto": 2 * 10**9, "cpu": 2 * 10**9, FROM_WHEELS: 2 * 10**9}
_NEEDED_ELSE = 8 * 10**9
_UNPACKED = 3.0  # times the bytes of the wheels: only for the bar between two packages
_TICK_SECONDS = 1.0
_ANNOUNCED = re.compile(r"Downloading (\S+) \(([\d.]+)([KMG])iB\)")
_WORTH_SAYING = re.compile(r"(?:Resolved|Downloading|Downloaded|Prepared|Installed) ")

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Options:
    """What to install and from where.

    ``wheels``: a folder to take everything from, without network; ``python``: an interpreter to base the environment
    on instead of one that uv downloads; ``uv``: the program to use; ``network``: whether anything may be downloaded.
    """

    backend: str = "auto"
    wheels: Path | None = None
    python: Path | None = None
    uv: Path | None = None
    network: bool = True
    again: bool = False  # even where this very environment is there

    @property
    def build(self) -> str:
        """The build of torch, as the environment's name has it."""
        return FROM_WHEELS if self.wheels else self.backend


class Cancel:
    """A request to stop, which ends the child at once with all its own."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._child: subprocess.Popen[str] | None = None

    def ask(self) -> None:
        """Stop."""
        self._asked.set()
        if self._child is not None:
            end_tree(self._child)

    def check(self) -> None:
        """Raise KeyboardInterrupt if it was asked for."""
        if self._asked.is_set():
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def ends(self, start: Callable[[], subprocess.Popen[str]]) -> Iterator[subprocess.Popen[str]]:
        """Start a child that it can end, and that does not outlive this."""
        child = None
        try:
            with interrupts_later():
                child = self._child = start()
            self.check()
            yield child
        finally:
            self._child = None
            if child is not None:
                end_tree(child)
                child.wait()


def end_tree(child: subprocess.Popen[str]) -> None:
    """Kill a child that leads a process group of its own, with all in it."""
    if child.poll() is not None:
        return
    if sys.platform == "win32":
        command = ["taskkill", "/T", "/F", "/PID", str(child.pid)]
        subprocess.run(command, capture_output=True, creationflags=NO_WINDOW, check=False)
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


def log_file() -> Path:
    """All that uv said at the latest installation."""
    return runtimes_folder() / "install.log"


def install(options: Options, tell: Tell, cancel: Cancel | None = None) -> Runtime:
    """Make the environment of the present lock, if it is not there; gives its interpreter.

    ``tell`` gets ``{"type": "step", "text": ..., "progress": 0..1}``. Another installation of this user's is waited for.

    Raises:
        RuntimeMissingError: it cannot be made; says why and what to do.
        KeyboardInterrupt: it was cancelled; what was downloaded is kept.
    """
    cancel = cancel or Cancel()

    def say(text: str, progress: float) -> None:
        cancel.check()
        tell({"type": "step", "text": text, "progress": round(progress, 4)})

    try:
        _check_options(options)
        say("Preparing", 0.0)
        waiting = "Waiting for another installation of the runtime to end"
        with locked(runtimes_folder() / "install.lock", lambda: say(waiting, 0.0)):
            _clean_stages()
            target = environment_folder(options.build)
            if not options.again and (there := _working(target)):
                write_record(target, options.build)  # asked for last, so it is the one that counts
                return there
            with log_file().open("w", encoding="utf-8", errors="replace") as log:
                runtime = _make(options, target, say, cancel, log)
            tidy()
        return runtime
    except OSError as error:
        where = error.filename or user_folder()
        raise RuntimeMissingError(
            f"The runtime cannot be written to {where} ({error.strerror or error}); "
            "free some space, mend the folder's permissions, or name another in AIGC_HOME."
        ) from None


def remove() -> list[Path]:
    """Remove every managed environment, and what was downloaded for them; gives the folders that could not go."""
    folders = [environment.folder for environment in environments()]
    kept = [folder for folder in folders if in_use(folder) or not discard(folder)]
    if not kept:
        for name in ("python", "cache", "uv"):
            shutil.rmtree(user_folder() / name, ignore_errors=True)
        _clean_stages()
    return kept


def _check_options(options: Options) -> None:
    if options.wheels and not (options.wheels.is_dir() and any(options.wheels.glob("*.whl"))):
        raise RuntimeMissingError(
            f"The wheel folder {options.wheels} holds no wheels; choose the folder of the .whl files."
        )
    if not options.wheels and not options.network:
        raise RuntimeMissingError(
            "The runtime cannot be downloaded while online access is off; "
            "allow it in Preferences > System > Network, or choose a wheel folder."
        )
    if options.python:
        look_at(options.python, packages=())
    folder = user_folder()
    while not folder.exists():
        folder = folder.parent
    free, needs = shutil.disk_usage(folder).free, _NEEDED.get(options.build, _NEEDED_ELSE)
    if free < needs:
        raise RuntimeMissingError(
            f"The runtime needs about {needs / 1e9:.0f} GB and {user_folder()} has {free / 1e9:.1f} GB left; "
            "free some space or name another folder in AIGC_HOME."
        )


def _working(folder: Path) -> Runtime | None:
    """The environment in a folder if it is there and whole."""
    try:
        return look_at(Environment(folder, "", "", 0.0).python)
    except RuntimeMissingError:
        return None


def _make(options: Options, target: Path, say: Callable[[str, float], None], cancel: Cancel, log: IO[str]) -> Runtime:
    stage = runtimes_folder() / f".new-{uuid.uuid4().hex[:8]}"
    try:
        uv = find_uv(options.uv, options.wheels, options.network, lambda text, done: say(text, 0.05 * done))
        run = _Runner(uv, options, say, cancel, log)

        what = "Making the environment" if options.python else f"Getting Python {PYTHON}"
        base = ["--python", str(options.python), "--no-python-downloads"] if options.python else _managed(options)
        run(what, ["venv", "--relocatable", "--no-project", *base, str(stage)], 0.05, 0.10)

        source = [f"--torch-backend={options.backend}"]
        if options.wheels:
            source = ["--offline", "--no-index", "--find-links", str(options.wheels)]
        python = str(Environment(stage, "", "", 0.0).python)
        packages = ["--python", python, "--only-binary", ":all:", *source, "--requirements", str(LOCK_FILE)]
        run("Choosing packages", ["pip", "install", *packages], 0.10, 0.90)

        say("Trying torch", 0.90)
        made = look_at(Path(python))
        devices = list_devices(made)
        say(f"Found {', '.join(devices)}", 0.98)
        write_record(stage, options.build)
        if target.exists() and (in_use(target) or not discard(target)):
            raise RuntimeMissingError(f"The old runtime in {target} is in use; close other Blenders and try again.")
        stage.rename(target)
        return replace(made, python=Environment(target, "", "", 0.0).python)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _managed(options: Options) -> list[str]:
    """The CPython of uv's own, downloaded where that is allowed."""
    return ["--python", PYTHON, "--managed-python", *([] if options.network else ["--no-python-downloads"])]


def _clean_stages() -> None:
    """Remove what an installation that crashed has left; only under the lock."""
    for pattern in (".new-*", ".old-*"):
        for folder in runtimes_folder().glob(pattern):
            shutil.rmtree(folder, ignore_errors=True)


class _Runner:
    """Runs uv and tells how far it is, from its own lines and from what it has unpacked."""

    def __init__(
        self, uv: Path, options: Options, say: Callable[[str, float], None], cancel: Cancel, log: IO[str]
    ) -> None:
        self._uv, self._options, self._say, self._cancel, self._log = uv, options, say, cancel, log
        self._cache = user_folder() / "cache"
        self._environment = {
            **network_environment(),
            "UV_CACHE_DIR": str(self._cache),
            "UV_PYTHON_INSTALL_DIR": str(user_folder() / "python"),
            "UV_PYTHON_INSTALL_BIN": "0",  # no links in the user's PATH
            "UV_PYTHON_INSTALL_REGISTRY": "0",
            "UV_NO_PROGRESS": "1",
            "NO_COLOR": "1",
        }

    def __call__(self, what: str, arguments: Sequence[str], start: float, end: float) -> None:
        """Run one command, its progress between ``start`` and ``end``.

        Raises:
            RuntimeMissingError: it failed; says why.
        """
        self._say(what, start)
        command = [str(self._uv), *arguments]
        print("$", *command, file=self._log, flush=True)
        start_child = functools.partial(
            subprocess.Popen[str],
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=self._environment,
            cwd=runtimes_folder(),
            creationflags=NO_WINDOW,
            start_new_session=True,  # so that it can be ended with its children
        )
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        with self._cancel.ends(start_child) as child:
            threading.Thread(target=_drain, args=(child.stdout, lines), name="aigc-uv", daemon=True).start()
            said = self._follow(what, lines, start, end)
        self._cancel.check()
        if child.returncode:
            raise RuntimeMissingError(explain(said, self._options.wheels, log_file()))

    def _follow(self, what: str, lines: queue.SimpleQueue[str | None], start: float, end: float) -> list[str]:
        said: list[str] = []
        announced = (
            sum(path.stat().st_size for path in self._options.wheels.glob("*.whl")) if self._options.wheels else 0
        )
        before, began, text, furthest = _size(self._cache), time.monotonic(), what, 0.0
        while True:
            try:
                line = lines.get(timeout=_TICK_SECONDS)
            except queue.Empty:
                line = ""
            if line is None:
                return said
            if line:
                print(line, file=self._log, flush=True)
                said.append(line)
                if _WORTH_SAYING.match(line.strip()):
                    text = line.strip()
                if found := _ANNOUNCED.fullmatch(line.strip()):
                    announced += int(float(found[2]) * 2 ** {"K": 10, "M": 20, "G": 30}[found[3]])
            unpacked = _size(self._cache) - before
            if announced:
                furthest = max(furthest, min(unpacked / (_UNPACKED * announced), 0.95))
            detail = f", {unpacked / 2**20:.0f} MiB unpacked" if unpacked > 2**20 else ""
            elapsed = time.monotonic() - began
            self._say(f"{text}{detail}, {elapsed:.0f} s", start + (end - start) * furthest)


def _drain(pipe: IO[str], lines: queue.SimpleQueue[str | None]) -> None:
    with pipe:
        for line in pipe:
            lines.put(line.rstrip())
    lines.put(None)


def _size(folder: Path) -> int:
    """Bytes of all files below a folder that others write to meanwhile."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(place) / name).lstat().st_size
    return total
