# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages between Blender and the worker: one JSON object a line, each with ``type`` and ``id``.

Requests (``id`` counts up from 1):
    generate  recipe (as JSON), frames (numbers), folder, format, device, stem, model (its file; may be left out)
    models
    cancel    target: the id of a generate request; it has no answer of its own
    quit

Answers carry the id of their request; ``models``, ``error`` and ``done`` are the last one each has:
    hello     python, torch, devices, protocol; unasked, id 0, once the worker can work
    progress  done, total (frames), eta_s
    frame     number, path, skipped
    warning   text
    models    models, faults
    error     code, text
    done      folder, written, skipped, cancelled, stretch
"""

from __future__ import annotations

import json
from typing import Any

PROTOCOL = 1
LAST = frozenset(("models", "error", "done"))

Message = dict[str, Any]


def encode(message: Message) -> bytes:
    """A message as one line of ASCII."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message in a line.

    Raises:
        ValueError: it is none.
    """
    message = json.loads(line)
    if not isinstance(message, dict) or not isinstance(message.get("type"), str) or type(message.get("id")) is not int:
        raise ValueError("a message is an object with a type and an id")
    return message
