# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user does with mouse and keys, done inside a Blender that was started with ``--enable-event-simulate``.

Buttons are found as a user finds them, by looking where they are: the mouse goes down the region, and Blender tells which
operator or property lies under it. So nothing here depends on a version's layout, theme or scale.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import bpy

Steps = Generator[float, None, Any]  # yields seconds to wait, while Blender goes on

NEAR = 40  # pixels above and below the place where a button is thought to be
STEP = 11  # pixels between two looks: less than the height of a button
COLUMNS = (0.5, 0.83, 0.25)  # of a region's width, at which buttons are looked for; its tabs take the rest at the right
LOOK = 0.1  # seconds in which Blender sees what lies under the mouse
SETTLE = 0.25  # seconds in which Blender takes in a move of the mouse and draws
PHOTO_SECONDS = 20.0
CALM_BEATS, CALM_SECONDS = 4, 30.0  # beats of a timer that come in time, and the longest wait for them
HEADER = 22  # pixels of a panel's header
DRAG_MOVES = 6

out = Path(os.environ["JOURNEY_OUT"])
_mouse = [0, 0]  # where it was moved to last


def window() -> Any:
    """The first window (bpy.types.Window)."""
    return bpy.context.window_manager.windows[0]


def area(kind: str) -> Any:
    """The largest area of a type, ``VIEW_3D`` for example (bpy.types.Area)."""
    return max((a for a in window().screen.areas if a.type == kind), key=lambda a: a.width * a.height)


def region(of: Any, kind: str) -> Any:
    """An area's region of a type (bpy.types.Region)."""
    return next(r for r in of.regions if r.type == kind)


def move(x: int, y: int) -> None:
    """Move the mouse to a pixel of the window, counted from its lower left."""
    _mouse[:] = x, y
    window().event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)


def click(x: int, y: int) -> Steps:
    """Move there and click."""
    yield from press_down(x, y)
    window().event_simulate(type="LEFTMOUSE", value="RELEASE", x=x, y=y)
    yield SETTLE


def press_down(x: int, y: int) -> Steps:
    """Move there and press the mouse's button."""
    for at in (x - 1, x):  # a button wakes when the mouse moves over it
        move(at, y)
        yield SETTLE
    window().event_simulate(type="LEFTMOUSE", value="PRESS", x=x, y=y)
    yield LOOK


def key(name: str, where: Any, **modifiers: bool) -> Steps:
    """Press a key while the mouse is over the middle of an area."""
    x, y = where.x + where.width // 2, where.y + where.height // 2
    move(x, y)
    yield SETTLE
    for value in ("PRESS", "RELEASE"):
        window().event_simulate(type=name, value=value, x=x, y=y, **modifiers)
    yield SETTLE


def under_mouse(of: Any, inside: Any) -> str:
    """The operator call or the data path of the button under the mouse; empty where there is none."""
    manager = bpy.context.window_manager
    with bpy.context.temp_override(window=window(), area=of, region=inside):
        for ask in (bpy.ops.ui.copy_python_command_button, bpy.ops.ui.copy_data_path_button):
            manager.clipboard = ""
            if ask.poll() and ask() == {"FINISHED"}:
                return str(manager.clipboard)
    return ""


def calm() -> Steps:
    """Wait until Blender has drawn what there was to draw: until its timers come in time again."""
    in_time, deadline = 0, time.monotonic() + CALM_SECONDS
    while in_time < CALM_BEATS and time.monotonic() < deadline:
        asked = time.monotonic()
        yield LOOK / 2
        in_time = in_time + 1 if time.monotonic() - asked < 2 * LOOK else 0


def find(text: str, of: Any, kind: str = "UI", about: int | None = None) -> Steps:
    """Look down a region, in its middle and then at its sides, for the button of this operator or property; gives its place.

    Where it is known ``about`` how high it lies, only that stretch is looked through.
    """
    yield from calm()
    inside = region(of, kind)
    low, high = inside.y, inside.y + inside.height - 8
    if about is not None:
        low, high = max(low, about - NEAR), min(high, about + NEAR)
    seen = []
    for share in COLUMNS:
        x = inside.x + int(share * inside.width)
        for y in range(high, low, -STEP):
            for dx in (0, 1):
                move(x + dx, y)
            yield LOOK
            seen.append(under_mouse(of, inside))
            if text in seen[-1]:
                return x, y
    raise AssertionError(f"no button for {text}; there are {sorted(set(seen))}")


def press(text: str, of: Any, kind: str = "UI") -> Steps:
    """Find a button and click it; gives its height."""
    x, y = yield from find(text, of, kind)
    yield from click(x, y)
    return y


def drag(x: int, y: int, by: int) -> Steps:
    """Press the mouse there, move it sideways by so many pixels, and let go."""
    yield from press_down(x, y)
    for share in range(1, DRAG_MOVES + 1):
        move(x + by * share // DRAG_MOVES, y)
        yield LOOK
    window().event_simulate(type="LEFTMOUSE", value="RELEASE", x=x + by, y=y)
    yield SETTLE


def write(text: str) -> Steps:
    """Type a text of small letters, spaces and commas into the field that is being edited, and Enter."""
    names = {" ": "SPACE", ",": "COMMA"}
    for letter in text:
        for value in ("PRESS", "RELEASE"):
            sent = {"unicode": letter} if value == "PRESS" else {}
            window().event_simulate(
                type=names.get(letter, letter.upper()), value=value, x=_mouse[0], y=_mouse[1], **sent
            )
        yield LOOK / 2
    for value in ("PRESS", "RELEASE"):
        window().event_simulate(type="RET", value=value, x=_mouse[0], y=_mouse[1])
    yield SETTLE


def open_panel(text: str, of: Any, below: int) -> Steps:
    """Open the next closed panel below a height: click where its header may be until it has a button of ``text``; gives the place of that."""
    x = region(of, "UI").x + region(of, "UI").width // 3
    for y in range(below - HEADER, below - 5 * HEADER, -HEADER // 2):
        for dx in (0, 1):
            move(x + dx, y)
        yield LOOK
        if under_mouse(of, region(of, "UI")):
            continue
        yield from click(x, y)
        yield from calm()
        try:
            return (yield from find(text, of, about=y - HEADER))
        except AssertionError:
            continue
    raise AssertionError(f"no panel with {text} opens")


def until(what: str, so: Any, seconds: float) -> Steps:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        yield 0.1


def photo(name: str) -> Steps:
    """Have the screen photographed from outside: Blender's own screenshot from a timer is black."""
    request = out / f"{name}.request"
    request.touch()
    yield from until(f"a photo named {name}", lambda: not request.exists(), PHOTO_SECONDS)


class Pulse:
    """Intervals between the calls of a short timer: what a user feels as freezing."""

    def __init__(self, seconds: float = 0.02) -> None:
        self._seconds, self._last, self.intervals = seconds, time.monotonic(), list[float]()
        self._timer = self._beat  # Blender knows a timer by its very object

    def begin(self) -> None:
        """Count from now on."""
        self._last, self.intervals = time.monotonic(), []
        bpy.app.timers.register(self._timer, first_interval=self._seconds)

    def end(self) -> dict[str, float]:
        """Stop, and tell the median and the longest interval in seconds."""
        bpy.app.timers.unregister(self._timer)
        found = sorted(self.intervals)
        return {"median": round(found[len(found) // 2], 3), "longest": round(found[-1], 3)}

    def _beat(self) -> float:
        now = time.monotonic()
        self.intervals.append(now - self._last)
        self._last = now
        return self._seconds


def walk(steps: Steps, done: Any) -> None:
    """Go through steps on a timer; then tell ``done`` of the error, or None."""

    def go() -> float | None:
        try:
            return float(next(steps))
        except StopIteration:
            done(None)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the journey's result
            import traceback

            traceback.print_exc()
            done(error)
        return None

    bpy.app.timers.register(go, first_interval=1.0, persistent=True)


def tell(result: dict[str, Any]) -> None:
    """Leave the result for the driver."""
    temporary = out / "journey.part"
    temporary.write_text(json.dumps(result, indent=2))
    temporary.replace(out / "journey.json")
