# SPDX-License-Identifier: GPL-3.0-or-later
"""A small 2-D fluid solver: batches of independent periodic boxes, vectorised over the batch.

Fields have shape (B, C, rows, columns) with row 0 at the top; lengths are in picture heights, times in seconds and
velocities (channels x, y; y up) in heights a second, so that a scene does not depend on its resolution. The box is
periodic on both axes. What should not wrap in y is damped in a sponge outside the picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

FPS = 24.0


@dataclass(frozen=True)
class Box:
    """A periodic box ``size`` columns wide, with ``below`` and ``above`` hidden rows around the picture's ``size``."""

    size: int
    below: int
    above: int
    device: torch.device | str

    @property
    def rows(self) -> int:
        return self.size + self.below + self.above

    def heights(self) -> Tensor:
        """Height of every row's middle above the picture's bottom edge, shape (rows, 1)."""
        row = torch.arange(self.rows, device=self.device, dtype=torch.float32)
        return ((self.above + self.size - 0.5 - row) / self.size)[:, None]

    def picture(self, field: Tensor) -> Tensor:
        """The rows that are seen."""
        return field[..., self.above : self.above + self.size, :]

    def wave_numbers(self) -> tuple[Tensor, Tensor]:
        """Angular wave numbers of rfft2 in x and (upward) y, in radians a height, the Nyquist ones zero."""
        kx = torch.fft.rfftfreq(self.size, 1 / self.size, device=self.device) * (2 * math.pi)
        ky = torch.fft.fftfreq(self.rows, 1 / self.size, device=self.device) * (-2 * math.pi)
        kx[-1] = 0.0
        ky[self.rows // 2] = 0.0
        return kx[None, :], ky[:, None]

    def decay(self, exponent: Tensor) -> Tensor:
        """exp(-exponent) as a factor of rfft2, nought at the Nyquist waves, which have no derivative here."""
        factor = torch.exp(-exponent)
        factor[:, -1] = 0.0
        factor[self.rows // 2] = 0.0
        return factor


class Projection:
    """Makes velocities divergence-free and smooths them, in one round trip through Fourier space.

    ``viscosity`` is in heights squared a second. ``drag`` (1/s) slows eddies larger than the picture's height over
    ``largest`` waves: in a narrow periodic box they would otherwise sweep everything into one column.
    """

    def __init__(self, box: Box, dt: float, viscosity: float, drag: float, largest: float) -> None:
        self.kx, self.ky = box.wave_numbers()
        square = self.kx**2 + self.ky**2
        self.inverse = torch.where(square > 0, 1 / square.clamp_min(1e-12), 0.0)
        large = 1 / (1 + square / (2 * math.pi * largest) ** 2)
        self.decay = box.decay(dt * (viscosity * square + drag * large))
        self.shape = (box.rows, box.size)

    def __call__(self, velocity: Tensor, expansion: Tensor | None = None) -> Tensor:
        """The nearest velocity field whose divergence is ``expansion`` (shape (B, rows, columns), 1/s) or zero."""
        spectrum = torch.fft.rfft2(velocity)
        x, y = spectrum[:, 0], spectrum[:, 1]
        source = self.kx * x + self.ky * y
        if expansion is not None:
            source = source + 1j * torch.fft.rfft2(expansion)
        pressure = source * self.inverse
        solved = torch.stack((x - self.kx * pressure, y - self.ky * pressure), dim=1)
        return torch.fft.irfft2(solved * self.decay, s=self.shape)

    def divergence(self, velocity: Tensor) -> Tensor:
        """Divergence, 1/s, shape (B, rows, columns)."""
        spectrum = torch.fft.rfft2(velocity)
        return torch.fft.irfft2(1j * (self.kx * spectrum[:, 0] + self.ky * spectrum[:, 1]), s=self.shape)


class Diffusion:
    """Spreads fields by ``rate`` heights squared a second."""

    def __init__(self, box: Box, dt: float, rate: float) -> None:
        kx, ky = box.wave_numbers()
        self.decay = box.decay(dt * rate * (kx**2 + ky**2))
        self.shape = (box.rows, box.size)

    def __call__(self, fields: Tensor) -> Tensor:
        """``fields`` one step later."""
        return torch.fft.irfft2(torch.fft.rfft2(fields) * self.decay, s=self.shape)


class Advection:
    """Semi-Lagrangian transport with cubic interpolation; a particle moves at most ``reach`` cells a step."""

    def __init__(self, box: Box, dt: float, reach: int = 8) -> None:
        self.dt, self.reach, self.cells = dt, reach, box.size
        self.rows, self.columns = box.rows, box.size
        row = torch.arange(self.rows, device=box.device, dtype=torch.float32)[:, None]
        column = torch.arange(self.columns, device=box.device, dtype=torch.float32)[None, :]
        self.row, self.column = row + reach + 2, column + reach + 2

    def __call__(self, fields: Tensor, velocity: Tensor) -> Tensor:
        """``fields`` one step later."""
        moved = (velocity * (self.dt * self.cells)).clamp(-self.reach, self.reach)
        margin = self.reach + 2
        x = (self.column - moved[:, 0]) * (2 / (self.columns + 2 * margin - 1)) - 1
        y = (self.row + moved[:, 1]) * (2 / (self.rows + 2 * margin - 1)) - 1
        padded = F.pad(fields, (margin,) * 4, mode="circular")
        return F.grid_sample(padded, torch.stack((x, y), dim=-1), mode="bicubic", align_corners=True)


class Confinement:
    """Keeps eddies about ``width`` heights wide from dying out in the coarse grid."""

    def __init__(self, box: Box, width: float) -> None:
        self.kx, self.ky = box.wave_numbers()
        self.smooth = box.decay(width**2 * (self.kx**2 + self.ky**2) / 8)
        self.shape, self.width = (box.rows, box.size), width

    def __call__(self, velocity: Tensor) -> Tensor:
        """Acceleration of the same shape as ``velocity``, heights a second squared, for a strength of one."""
        spectrum = torch.fft.rfft2(velocity)
        turning = 1j * self.smooth * (self.kx * spectrum[:, 1] - self.ky * spectrum[:, 0])
        curl = torch.fft.irfft2(turning, s=self.shape)
        size = curl.abs()
        gx, gy = size.roll(-1, -1) - size.roll(1, -1), size.roll(1, -2) - size.roll(-1, -2)
        scale = self.width * curl / (gx * gx + gy * gy + 1e-8).sqrt()
        return torch.stack((gy * scale, -gx * scale), dim=1)


def flicker(
    batch: int, frames: int, modes: int, slope: float, memory: Tensor, generator: torch.Generator, columns: int
) -> Tensor:
    """Smooth noise over time and a periodic x: shape (B, frames, columns), mean 0, standard deviation 1.

    ``modes`` waves across the width with amplitudes falling as frequency ** -slope; ``memory`` (B,) is the time in
    frames over which a wave of wave number one persists (shorter ones change faster). The noise is drawn on the CPU from ``generator`` and does not
    depend on the resolution.
    """
    number = torch.arange(1, modes + 1, dtype=torch.float32)
    white = torch.randn(batch, frames, modes, 2, generator=generator)
    keep = torch.exp(-number.sqrt() / memory[:, None].cpu())[..., None]
    waves = [white[:, 0]]
    for frame in range(1, frames):
        waves.append(keep * waves[-1] + (1 - keep * keep).sqrt() * white[:, frame])
    amplitude = number**-slope
    spectrum = torch.view_as_complex(torch.stack(waves, dim=1)) * (amplitude / amplitude.square().sum().sqrt())
    padded = F.pad(torch.view_as_real(spectrum), (0, 0, 1, columns // 2 - modes))
    return torch.fft.irfft(torch.view_as_complex(padded), n=columns, norm="forward") / 2
