# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened in a run, as lines of JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..files import replacing


class Log:
    """Events in their order, in memory and in a file; each has its ``step``."""

    def __init__(self, path: Path) -> None:
        """Of the events that the file holds."""
        self.path = path
        lines = path.read_bytes().splitlines() if path.is_file() else []
        self.events: list[dict[str, Any]] = [event for line in lines if (event := _event(line))]

    def append(self, step: int, **what: Any) -> None:
        """Add an event of JSON-ready data."""
        event = {"step": step, **what}
        self.events.append(event)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")

    def rewind(self, step: int) -> None:
        """Forget what came after a step, which will be done again, and lines that were not written whole."""
        if not self.path.exists():
            return
        self.events = [event for event in self.events if event["step"] <= step]
        text = "".join(json.dumps(event) + "\n" for event in self.events)
        with replacing(self.path) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _event(line: bytes) -> dict[str, Any] | None:
    """None where a process or a machine died while it wrote the line."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("step"), int) else None
