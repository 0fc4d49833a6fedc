# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames as a video to be looked at, in a format that players and browsers everywhere show."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .files import replacing

QUALITY = {"crf": "14", "preset": "slow"}  # x264's: without visible loss
WEBP_QUALITY = 90  # of 100


def write_video(path: Path, frames: NDArray[np.uint8], fps: float) -> None:
    """Write frames (F, H, W, 3), display RGB, as ``.mp4`` (H.264, needs PyAV) or ``.webp`` (repeats for ever).

    Whole or not at all; the folder is made. An mp4's sides are even: an odd one is one pixel longer there.

    Raises:
        ValueError: the suffix is another one, there is no frame, or no time passes.
        OSError: it cannot be written.
    """
    if frames.ndim != 4 or frames.shape[-1] != 3 or not frames.size or not fps > 0:
        raise ValueError(f"frames of shape {frames.shape} at {fps} a second are not (F, H, W, 3)")
    writers = {".mp4": _write_mp4, ".webp": _write_webp}
    if path.suffix not in writers:
        raise ValueError(f"{path}: give a name that ends in .mp4 or .webp")
    with replacing(path) as temporary:
        writers[path.suffix](temporary, frames, fps)


def _write_mp4(path: Path, frames: NDArray[np.uint8], fps: float) -> None:
    import av
    from av.video.reformatter import ColorRange, Colorspace

    # Colour has half the resolution of brightness: sides must be even.
    odd = [side % 2 for side in frames.shape[1:3]]
    frames = np.pad(frames, ((0, 0), (0, odd[0]), (0, odd[1]), (0, 0)), mode="edge")
    # The index goes first, so that a browser starts before all is there.
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as file:
        stream = file.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=QUALITY)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        codec = stream.codec_context
        codec.color_primaries = codec.color_trc = codec.colorspace = Colorspace.ITU709
        codec.color_range = ColorRange.MPEG
        for picture in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            file.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)))
        file.mux(stream.encode())


def _write_webp(path: Path, frames: NDArray[np.uint8], fps: float) -> None:
    import imageio.v3 as iio

    options: dict[str, Any] = {"duration": 1000 / fps, "loop": 0, "quality": WEBP_QUALITY, "method": 4}
    path.write_bytes(iio.imwrite("<bytes>", frames, plugin="pillow", extension=".webp", **options))
