# SPDX-License-Identifier: GPL-3.0-or-later
"""What a frame says of itself, read from its first and last bytes with the standard library alone."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any, BinaryIO

KEY = "aigc"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_EXR_MAGIC = b"v/1\x01"
_EXR_ROWS = {2: 1, 3: 16}  # compression ZIPS, ZIP -> rows of a chunk
_MAX_TEXT = 2**20


def read_metadata(path: Path) -> dict[str, Any] | None:
    """The metadata of a whole frame that this package wrote: its digest, format, inputs and device.

    None where the file is missing, torn or from elsewhere: such a frame is to be written again.

    Raises:
        OSError: the file is there and cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
            if start == PNG_SIGNATURE:
                text = _png_text(file)
            elif start[:4] == _EXR_MAGIC:
                text = _exr_text(file)
            else:
                return None
    except (FileNotFoundError, struct.error):
        return None
    try:
        data = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _png_text(file: BinaryIO) -> bytes | None:
    text = None
    while text is None:
        length, kind = struct.unpack(">I4s", file.read(8))
        if kind in (b"IDAT", b"IEND"):
            return None
        if kind == b"tEXt" and length <= _MAX_TEXT:
            name, _, value = file.read(length).partition(b"\0")
            text = value if name == KEY.encode() else None
            length = 0
        file.seek(length + 4, os.SEEK_CUR)
    file.seek(-len(_PNG_END), os.SEEK_END)
    return text if file.read() == _PNG_END else None


def _exr_text(file: BinaryIO) -> bytes | None:
    attributes = {}
    while name := _exr_name(file):
        _exr_name(file)  # its type
        (length,) = struct.unpack("<I", file.read(4))
        attributes[name] = file.read(min(length, _MAX_TEXT))
    text = attributes.get(KEY.encode())
    if text is None or attributes.get(b"compression", b"")[:1] not in (b"\2", b"\3"):
        return None
    rows = _EXR_ROWS[attributes[b"compression"][0]]
    _, top, _, bottom = struct.unpack("<4i", attributes.get(b"dataWindow", b""))
    chunks = (bottom - top) // rows + 1
    # Rows are written in order, the table of offsets last: the last chunk must lie within the file.
    file.seek(8 * (chunks - 1), os.SEEK_CUR)
    (last,) = struct.unpack("<Q", file.read(8))
    size = os.fstat(file.fileno()).st_size
    if not 0 < last < size:
        return None
    file.seek(last)
    _, length = struct.unpack("<iI", file.read(8))
    return text if last + 8 + length <= size else None


def _exr_name(file: BinaryIO) -> bytes:
    name = b""
    while (byte := file.read(1)) not in (b"\0", b"") and len(name) < 256:
        name += byte
    return name
