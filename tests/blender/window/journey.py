# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's first quarter of an hour, in a real window: see README.md beside this file.

    python journey.py --blender blender --zip aigc_blender.zip --python /path/to/python --out photos

Needs a screen (DISPLAY) and nothing but the standard library; ends with 0 if every step went as it should.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Start Blender, photograph when asked, judge at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blender", default="blender", help="the binary (default: blender)")
    parser.add_argument("--zip", type=Path, required=True, help="the extension, as make extension builds it")
    parser.add_argument("--python", type=Path, required=True, help="the interpreter that has torch")
    parser.add_argument("--out", type=Path, required=True, help="folder for the photographs and journey.json")
    parser.add_argument("--geometry", default="1600x1000", help="size of the window (default: 1600x1000)")
    parser.add_argument("--photo", default="import -silent -window root", help="command that photographs the screen")
    parser.add_argument("--minutes", type=float, default=20.0, help="most that it may take (default: 20)")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for left in [*arguments.out.glob("*.request"), arguments.out / "journey.json"]:
        left.unlink(missing_ok=True)
    # The worker may take a moment longer than Blender.
    with tempfile.TemporaryDirectory(prefix="aigc-journey-", ignore_cleanup_errors=True) as home:
        result = _run(arguments, Path(home))
    print(json.dumps(result, indent=2))
    return 0 if result.get("error") is None else 1


def _run(arguments: argparse.Namespace, home: Path) -> dict[str, object]:
    width, _, height = arguments.geometry.partition("x")
    environment = {
        **os.environ,
        "BLENDER_USER_RESOURCES": str(home / "blender"),
        "AIGC_HOME": str(home / "aigc"),
        "JOURNEY_OUT": str(arguments.out.resolve()),
        "JOURNEY_ZIP": str(arguments.zip.resolve()),
        "JOURNEY_PYTHON": str(arguments.python.absolute()),
        "JOURNEY_PROJECT": str(home / "project"),
    }
    command = [arguments.blender, "-noaudio", "--window-geometry", "0", "0", width, height, "--enable-event-simulate"]
    with (arguments.out / "blender.log").open("wb") as log:
        blender = subprocess.Popen(
            [*command, "--python-exit-code", "1", "--python", str(HERE / "steps.py")],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            return _attend(blender, arguments)
        finally:
            blender.terminate()
            try:
                blender.wait(20)
            except subprocess.TimeoutExpired:
                blender.kill()


def _attend(blender: subprocess.Popen[bytes], arguments: argparse.Namespace) -> dict[str, object]:
    """Photograph whenever a request appears, until the result is there."""
    result, deadline = arguments.out / "journey.json", time.monotonic() + 60 * arguments.minutes
    while time.monotonic() < deadline:
        for request in sorted(arguments.out.glob("*.request")):
            subprocess.run([*arguments.photo.split(), str(request.with_suffix(".png"))], check=True)
            request.unlink()
        if result.exists():
            return dict(json.loads(result.read_text()))
        if blender.poll() is not None:
            return {"error": f"Blender ended with {blender.returncode}; see blender.log."}
        time.sleep(0.05)
    return {"error": f"not done within {arguments.minutes:g} minutes; see blender.log."}


if __name__ == "__main__":
    sys.exit(main())
