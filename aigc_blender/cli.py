# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line, for ``python -m aigc_blender`` and ``blender -c aigc``.

argparse, because the same lines run inside Blender's own Python, which has nothing but the standard library.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from .errors import AigcError, RuntimeMissingError
from .library import find_models
from .recipe import Recipe, parse_fps
from .runtime import command as runtime_command
from .runtime.child import run_child
from .runtime.code import cli_command, install_code
from .runtime.environment import child_environment
from .runtime.find import PACKAGES, Runtime, find_runtime, list_devices, look_at
from .runtime.interrupts import Terminated
from .sequence.names import SUFFIXES, parse_frames
from .sequence.sidecar import read_recipe

DEVICES = ("auto", "cpu", "cuda", "mps", "xpu")
# What a recipe file states already.
_MOTION = ("speed", "pan", "seed_b", "seed_blend", "style_b", "style_blend", "shutter", "shutter_samples")
_RECIPE_OPTIONS = ("style", "seed", "size", "fps", "loop", "tile", "set", "element_height", *_MOTION)


class UsageError(AigcError):
    """A command line that cannot be read."""

    code = "usage"
    exit_code = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (default: this process's) and give its exit code.

    0: done; 1: the machine is at fault; 2: the input is; 130 and 143: interrupted and terminated.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # farms read lines from pipes, in any locale
            stream.reconfigure(errors="backslashreplace", line_buffering=True)
    try:
        arguments = _parser().parse_args(argv)
        with _terminable():
            return int(arguments.run(arguments, argv))
    except SystemExit as end:  # argparse's --help
        return int(end.code or 0)
    except AigcError as error:
        if "--json" in argv:
            with contextlib.suppress(OSError):
                print(json.dumps({"type": "error", "code": error.code, "text": str(error)}))
        _complain(str(error))
        return error.exit_code
    except KeyboardInterrupt as end:
        _complain("Stopped; what is finished is kept and the same command continues.")
        return 143 if isinstance(end, Terminated) else 130
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # else whoever read our output has gone
            what = f"{error.filename} cannot be used" if error.filename else "The output cannot be written"
            _complain(f"{what} ({error.strerror or error}); free some space or mend it, and run the same again.")
        return 1
    finally:
        _let_go()


def _generate(arguments: argparse.Namespace, argv: list[str]) -> int:
    recipe = _recipe(arguments)
    numbers = parse_frames(arguments.frames)
    if not _is_runtime():
        return _generate_elsewhere(argv)
    try:
        from .produce import produce
    except (ImportError, OSError) as error:
        raise RuntimeMissingError(
            f"{sys.executable} cannot import what the generator needs ({error}); mend it or use another Python."
        ) from None
    tell = _tell_json if arguments.json else _tell
    began = time.monotonic()
    with _stoppable() as stopped:
        result = produce(
            recipe,
            numbers,
            arguments.out,
            arguments.format,
            arguments.device,
            tell,
            model=arguments.model,
            beside=arguments.recipe.parent if arguments.recipe else None,
            threads=arguments.threads,
            cancelled=stopped,
        )
    seconds = round(time.monotonic() - began, 2)
    tell(
        {
            "type": "done",
            "folder": str(result.folder),
            "written": result.written,
            "skipped": result.skipped,
            "cancelled": result.cancelled,
            "stretch": result.stretch,
            "seconds": seconds,
        }
    )
    return 0


def _is_runtime() -> bool:
    """Whether this interpreter has all that the generator needs."""
    return all(importlib.util.find_spec(name) for name in PACKAGES)


def _generate_elsewhere(argv: list[str]) -> int:
    """Run the same command line in the runtime, with our own standard streams."""
    command = cli_command(find_runtime(), install_code(), argv)
    return run_child(command, {**os.environ, **child_environment()})


def _models(arguments: argparse.Namespace, _argv: list[str]) -> int:
    models, faults = find_models()
    if arguments.json:
        print(json.dumps([model.describe() for model in models], indent=2))
    for model in () if arguments.json else models:
        card = model.card
        print(f"{card.name} {card.version}  {model.path}  {model.digest[:12]}")
        print(f"  licence: {card.licence or 'unknown: ask before use'}; rights: {card.rights.statement}")
        for style in card.styles:
            controls = ", ".join(control.name for control in style.controls) or "none"
            anchored = f"; stands on {', '.join(style.anchored)}" if style.anchored else ""
            print(f"  {style.name}: controls {controls}{anchored}; {'RGBA' if style.alpha else 'RGB'}")
    if not models and not arguments.json:
        print("No model was found.")
    for fault in faults:
        _complain(str(fault))
    return 0


def _check(arguments: argparse.Namespace, _argv: list[str]) -> int:
    runtime, devices, missing = _runtime_and_devices()
    models, faults = find_models()
    missing += [str(fault) for fault in faults]
    if not models:
        missing.append("No model was found; put one in a folder of AIGC_MODEL_PATH.")
    report: dict[str, Any] = {
        "runtime": str(runtime.python) if runtime else None,
        "versions": runtime.versions if runtime else {},
        "devices": devices,
        "models": [str(model.path) for model in models],
        "missing": missing,
    }
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        print(f"runtime   {report['runtime'] or 'none'}")
        for name in ("python", *PACKAGES):
            print(f"  {name:<12}{report['versions'].get(name, 'missing')}")
        print(f"devices   {', '.join(devices) or 'none'}")
        for model in models:
            print(f"model     {model.card.name} ({', '.join(style.name for style in model.card.styles)})  {model.path}")
        for line in missing:
            print(f"missing   {line}")
        print("Something is missing." if missing else "All is well.")
    return 1 if missing else 0


def _runtime_and_devices() -> tuple[Runtime | None, list[str], list[str]]:
    """What `generate` would run in, its devices, and what is wrong with it."""
    runtime = None
    try:
        runtime = look_at(Path(sys.executable)) if _is_runtime() else find_runtime()
        return runtime, list_devices(runtime), []
    except RuntimeMissingError as error:
        return runtime, [], [str(error)]


def _recipe(arguments: argparse.Namespace) -> Recipe:
    given = vars(arguments)
    if arguments.recipe:
        for name in _RECIPE_OPTIONS:
            if given[name] is not None:
                option = name.replace("_", "-")
                raise UsageError(f"--recipe states the {option} already; leave --{option} out or edit the recipe.")
        return read_recipe(arguments.recipe)
    if not arguments.style:
        raise UsageError("No style was given; add --style NAME or --recipe FILE.")
    options: dict[str, Any] = {
        name: given[name] for name in ("seed", "fps", "loop", "tile", "element_height", *_MOTION)
    }
    if arguments.size:
        options["width"], options["height"] = arguments.size
    options["controls"] = dict(arguments.set or ())
    return Recipe(arguments.style, **{name: value for name, value in options.items() if value is not None})


def _tell_json(event: dict[str, Any]) -> None:
    print(json.dumps(event))


def _tell(event: dict[str, Any]) -> None:
    """An event in the words of OpenJD and Flamenco, which people can read as well."""
    match event["type"]:
        case "frame" if event["skipped"]:
            print(f"skipping existing frame {event['number']}: '{event['path']}'")
        case "frame":
            print(f"Saved: '{event['path']}'")
        case "progress":
            print(f"openjd_progress: {100 * event['done'] / event['total']:.1f}")
            print(f"openjd_status: {event['done']:.0f} of {event['total']} frames, {event['eta_s']:.0f} s left")
        case "warning":
            print(f"Note: {event['text']}")
        case "done":
            print(
                f"Done: {event['written']} frames written and {event['skipped']} kept in {event['folder']} "
                f"after {event['seconds']:.1f} s."
            )


def _complain(text: str) -> None:
    with contextlib.suppress(OSError):
        print("aigc: " + " ".join(text.split()), file=sys.stderr)


def _let_go() -> None:
    """Forget what standard streams could not write: Python would fail on it once more as it ends, with a code of its own."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Make SIGTERM, a farm's way to cancel, raise like Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _stoppable() -> Iterator[Callable[[], bool]]:
    """Note the first Ctrl-C or SIGTERM, for the body to ask about, and raise it after the body; a second one raises at once.

    Raised in the midst of drawing it may leave a lock of a thread pool taken, whose threads then never end.
    """
    noted: list[type[KeyboardInterrupt]] = []

    def note(number: int, _frame: FrameType | None) -> None:
        kind = Terminated if number == signal.SIGTERM else KeyboardInterrupt
        if noted:
            raise kind
        noted.append(kind)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            # Left as they are: what is ignored, and what another program's C code handles.
            if (handler := signal.getsignal(number)) not in (None, signal.SIG_IGN):
                before[number] = handler
                signal.signal(number, note)
    try:
        yield lambda: bool(noted)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if noted:
        raise noted[0]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="aigc", description="Draw elements and plates as frame sequences.", allow_abbrev=False)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="command")

    generate = commands.add_parser("generate", help="draw frames into a folder", allow_abbrev=False)
    generate.set_defaults(run=_generate)
    add = generate.add_argument
    add("--style", help="what to draw, such as fire")
    add("--recipe", type=Path, metavar="FILE", help="a recipe, the recipe.json of a sequence, or one of its frames")
    add("--frames", required=True, metavar="RANGE", help="5, 1-48, 1-48x2 or 1-10,40-48")
    add("--out", required=True, type=_folder, metavar="DIR", help="folder of the frames, made where missing")
    add("--seed", type=int, help="which of all fires (default 0)")
    add("--size", type=_size, metavar="WxH", help="in pixels (default 256x256)")
    add("--fps", type=parse_fps, help="frames a second of the scene (default 24)")
    add("--loop", type=int, metavar="FRAMES", help="period of a seamless loop")
    add("--tile", help="axes that repeat without a seam: x, y or xy")
    add("--set", type=_control, action="append", metavar="NAME=VALUE", help="a control, 0 to 1; may be repeated")
    add("--element-height", type=int, metavar="PIXELS", help="height of the element (default: the frame's)")
    add("--speed", type=float, help="how fast time passes, -8 to 8; 0 holds (default 1)")
    add("--pan", type=_pan, metavar="X,Y", help="pixels that the content moves right and up, such as 12.5,0 or =-3,0")
    add("--seed-b", type=int, metavar="SEED", help="seed to blend to")
    add("--seed-blend", type=float, metavar="PART", help="0: --seed, 1: --seed-b")
    add("--style-b", metavar="STYLE", help="style of the same model to blend to")
    add("--style-blend", type=float, metavar="PART", help="0: --style, 1: --style-b")
    add("--shutter", type=float, metavar="PART", help="motion blur: part of a frame that the shutter is open, 0 to 1")
    add("--shutter-samples", type=int, metavar="N", help="instants that motion blur averages, 2 to 64 (default 8)")
    add("--model", type=Path, metavar="FILE", help="model file (default: the one that has the style)")
    add("--format", choices=tuple(SUFFIXES), default="png", help="default png")
    add("--device", choices=DEVICES, default="auto", help="default auto")
    add("--threads", type=_count, metavar="N", help="blocks drawn at a time on a CPU (default: one a core)")

    models = commands.add_parser("models", help="list the models there are", allow_abbrev=False)
    models.set_defaults(run=_models)
    check = commands.add_parser("check", help="say what is there and what is missing", allow_abbrev=False)
    check.set_defaults(run=_check)
    for command in (generate, models, check, *runtime_command.add_parser(commands)):
        command.add_argument("--json", action="store_true", help="JSON instead of text")
    return parser


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,9})x(\d{1,9})", text, re.ASCII)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no size, write 256x256")
    return int(match[1]), int(match[2])


def _control(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} does not set a number, write height=0.8") from None


def _pan(text: str) -> tuple[float, float]:
    try:
        right, up = (float(number) for number in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no pan, write 12.5,0") from None
    return right, up


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,3}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of threads, give 1 or more")
    return int(text)


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("empty, name a folder")
    return Path(text)
