# SPDX-License-Identifier: GPL-3.0-or-later
"""Films for tests, in memory and as real files."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import OpenImageIO
from numpy.typing import NDArray

Film = NDArray[np.uint8]


def waves(frames: int, height: int = 48, width: int = 64) -> Film:
    """A smooth wave that moves; (F, H, W, 3)."""
    t, y, x = np.meshgrid(np.arange(frames), np.arange(height), np.arange(width), indexing="ij")
    wave = 110 + 80 * np.sin((x + 2 * t) / 5) * np.cos(y / 7)
    return np.stack([wave, wave * 0.5, 255 - wave], axis=-1).round().astype(np.uint8)


def ripples(frames: int, height: int = 64, width: int = 96, seed: int = 0, cell: int = 4, pace: float = 0.3) -> Film:
    """A stationary texture that forgets itself within a few frames; (F, H, W, 4), grey and opaque."""
    rng = np.random.default_rng(seed)
    waves = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    smooth = np.exp(-((4 * cell * waves) ** 2) / 2)
    field = rng.standard_normal((frames, height, width), np.float32)
    for i in range(1, frames):
        field[i] = (1 - pace) * field[i - 1] + np.sqrt(1 - (1 - pace) ** 2) * field[i]
    film = np.fft.ifft2(np.fft.fft2(field) * smooth).real / np.sqrt((smooth**2).mean())
    return opaque(np.clip(128 + 40 * film, 0, 255))


def opaque(grey: NDArray[Any]) -> Film:
    """Brightness (F, H, W) in 0..255 as frames (F, H, W, 4)."""
    film = np.repeat(grey.round().astype(np.uint8)[..., None], 4, axis=3)
    film[..., 3] = 255
    return film


def write_video(
    path: Path,
    film: Film,
    *,
    codec: str = "ffv1",
    pixels: str = "bgr0",
    fps: int = 25,
    times: Sequence[int] | None = None,
    aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A real file, without loss unless told otherwise; ``times`` in milliseconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options or {})
        stream.height, stream.width, stream.pix_fmt = *film.shape[1:3], pixels
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        for i, picture in enumerate(film):
            frame = av.VideoFrame.from_ndarray(picture, format="rgba" if film.shape[3] == 4 else "rgb24")
            if times:
                frame.pts, frame.time_base = times[i], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_picture(path: Path, pixels: NDArray[Any], kind: str, **attributes: Any) -> Path:
    """A still picture by OpenImageIO."""
    spec = OpenImageIO.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kind)
    for name, value in attributes.items():
        if hasattr(spec, name):
            setattr(spec, name, value)
        else:
            spec.attribute(name, value)
    out = OpenImageIO.ImageOutput.create(str(path))
    assert out.open(str(path), spec), out.geterror()
    assert out.write_image(pixels), out.geterror()
    out.close()
    return path
