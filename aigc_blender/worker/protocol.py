# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages between Blender and the worker: one JSON object a line, each with ``type`` and ``id``.

Requests (``id`` counts up from 1):
    generate  recipe (as JSON), frames (numbers), folder, format, device, stem, model (its file; may be left out)
    models
    preview   recipe (as JSON), frame (number), limit (pixels), straight (or premultiplied), device, buffer (path of a
              file that worker/buffer.py made); the newest one counts, those before it are dropped
    cancel    target: the id of a generate request; it has no answer of its own
    quit

Answers carry the id of their request; ``models``, ``preview``, ``error`` and ``done`` are the last one each has:
    hello     python, torch, devices, protocol; unasked, id 0, once the worker can work
    progress  done, total (frames), eta_s
    frame     number, path, skipped
    warning   text
    models    models, faults
    preview   dropped (nothing was drawn), or slot (of the buffer, stamped with the id), exact (what Generate would draw)
    error     code, text
    done      folder, written, skipped, cancelled, stretch
"""

from __future__ import annotations

import json
import sys
import traceback
from typing import Any

from ..errors import AigcError

PROTOCOL = 1
LAST = frozenset(("models", "preview", "error", "done"))

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


def error_message(error: Exception, request_id: int) -> Message:
    """What a request is answered with that failed; a fault of ours goes to the log in full."""
    if isinstance(error, AigcError):
        code, text = error.code, str(error)
    else:
        traceback.print_exception(error, file=sys.stderr)
        said = " ".join(str(error).split())
        code, text = "internal", f"The worker failed ({type(error).__name__}: {said}); its log says where."
    return {"type": "error", "id": request_id, "code": code, "text": text}
