# SPDX-License-Identifier: GPL-3.0-or-later
"""Video files frame by frame: upright, progressive, with square pixels, each frame with its time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from ..errors import FootageError
from .pixels import Frame, premultiplied, unreadable

FASTEST = 1000  # frames a second that a file may state
HD_HEIGHT = 720  # from which colour that is not declared is BT.709's

_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@dataclass(frozen=True)
class VideoInfo:
    """What a file states of itself: frames a second and seconds, each None where it does not say."""

    rate: float | None
    duration: float | None


@dataclass(frozen=True)
class Timed:
    """A frame and its time in seconds from the film's start, None where the file does not say."""

    time: float | None
    frame: Frame


def video_info(path: Path) -> VideoInfo:
    """What is stated of the first video stream of a file.

    Raises:
        FootageError: the file cannot be opened or has no pictures.
    """
    with _opened(path) as stream:
        rate = float(stream.average_rate or 0)
        duration = None
        if stream.duration is not None:
            duration = float(stream.duration * stream.time_base)
        elif stream.container.duration is not None:
            duration = stream.container.duration / av.time_base
        return VideoInfo(rate if 0 < rate <= FASTEST else None, duration if duration and duration > 0 else None)


def read_video(path: Path, start: float = 0.0, shorter: int | None = None) -> Iterator[Timed]:
    """Frames as (H, W, 4) uint8, premultiplied, sRGB, from about ``start`` seconds on.

    Opaque unless the file has alpha. Turned as the file's display matrix says, deinterlaced where fields
    are interlaced (one frame for two fields), and with square pixels. With ``shorter``, reduced by the decoder's
    own scaler until the shorter side has at most so many pixels, which is fast and coarse.

    Raises:
        FootageError: where the file can no longer be read.
    """
    with _opened(path) as stream:
        stream.thread_type = "AUTO"
        container = stream.container
        if start > 0:
            with suppress(av.FFmpegError):  # Some files can only be read from their beginning.
                container.seek(int(start / stream.time_base) + (stream.start_time or 0), stream=stream)
        origin = float((stream.start_time or 0) * stream.time_base)
        turn: Callable[[Frame], Frame] | None = None
        for decoded in _filtered(_decoded(stream), stream):
            turn = turn or _turn(decoded)
            time = None if decoded.time is None else decoded.time - origin
            if start > 0 and time is not None and time < start:
                continue
            yield Timed(time, turn(_pixels(decoded, shorter)))


@contextmanager
def _opened(path: Path) -> Iterator[av.VideoStream]:
    """The first video stream of a file; whatever decoding raises becomes a FootageError."""
    try:
        with av.open(path) as container:
            if not container.streams.video:
                raise FootageError(f"{path}: has no pictures in it; give another file.")
            yield container.streams.video[0]
    except (av.FFmpegError, OSError, ValueError) as error:
        raise unreadable(path, getattr(error, "strerror", None) or error) from None


def _decoded(stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """Frames as stored. VP8 and VP9 keep alpha in a second stream that the default decoders pass over."""
    decoder = _ALPHA_DECODERS.get(stream.codec_context.name) if stream.metadata.get("alpha_mode") == "1" else None
    if decoder is None:
        yield from stream.container.decode(stream)
        return
    context = av.CodecContext.create(decoder, "r")
    for packet in stream.container.demux(stream):
        yield from context.decode(packet if packet.size else None)


def _filtered(frames: Iterator[av.VideoFrame], stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """Frames through the filters that the first one calls for, if any."""
    first = next(frames, None)
    if first is None:
        return
    graph = _graph(first, stream)
    if graph is None:
        yield first
        yield from frames
        return
    for frame in _chain(first, frames):
        graph.vpush(frame)
        yield from _pulled(graph)
    graph.vpush(None)
    yield from _pulled(graph)


def _graph(first: av.VideoFrame, stream: av.VideoStream) -> av.filter.Graph | None:
    """Deinterlacing and square pixels, as far as they are needed."""
    aspect = float(stream.sample_aspect_ratio or 1) or 1.0
    filters = []
    if first.interlaced_frame:
        filters.append(("bwdif", "mode=send_frame:deint=interlaced"))
    if not math.isclose(aspect, 1, rel_tol=0.01):
        # The shorter side is enlarged, so that nothing is lost; even sides suit every pixel format.
        wide, tall = first.width * max(aspect, 1), first.height * max(1 / aspect, 1)
        filters += [("scale", f"{round(wide / 2) * 2}:{round(tall / 2) * 2}"), ("setsar", "1")]
    if not filters:
        return None
    graph = av.filter.Graph()
    nodes = [graph.add_buffer(template=stream)]
    nodes += [graph.add(name, arguments) for name, arguments in filters]
    nodes.append(graph.add("buffersink"))
    graph.link_nodes(*nodes).configure()
    return graph


def _pulled(graph: av.filter.Graph) -> Iterator[av.VideoFrame]:
    """All frames that are ready."""
    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return


def _chain(first: av.VideoFrame, rest: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    yield first
    yield from rest


def _pixels(frame: av.VideoFrame, shorter: int | None) -> Frame:
    # 2: not declared.
    options: dict[str, Any] = (
        {"src_colorspace": "ITU709"} if frame.colorspace == 2 and frame.height >= HD_HEIGHT else {}
    )
    factor = (shorter or frame.height) / min(frame.height, frame.width)
    if shorter and factor < 1:
        height, width = round(frame.height * factor), round(frame.width * factor)
        options |= {"height": height, "width": width, "interpolation": "AREA"}
    rgba: Frame = frame.to_ndarray(format="rgba", **options)
    return premultiplied(rgba) if any(c.is_alpha for c in frame.format.components) else rgba


def _turn(frame: av.VideoFrame) -> Callable[[Frame], Frame]:
    """What makes a frame upright by the display matrix that comes with it: quarter turns and mirrors."""
    matrices = [bytes(data) for data in frame.side_data if data.type.name == "DISPLAYMATRIX"]
    if not matrices:
        return lambda pixels: pixels
    a, b, _, c, d = np.sign(np.frombuffer(matrices[0], "<i4")[:5].astype(int))
    swaps = a == 0

    def turned(pixels: Frame) -> Frame:
        # (x, y) goes to (a x + c y, b x + d y), 16.16 fixed point.
        if swaps:
            pixels = pixels.transpose(1, 0, 2)
        across, down = (c, b) if swaps else (a, d)
        result: NDArray[np.uint8] = pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]
        return np.ascontiguousarray(result)

    return turned
