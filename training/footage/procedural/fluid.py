# SPDX-License-Identifier: GPL-3.0-or-later
"""A small 2-D fluid solver: batches of independent periodic boxes, vectorised over the batch.

Fields have shape (B, C, rows, columns) with row 0 at the top; lengths are in picture heights, times in seconds and
velocities (channels x and upward y) in heights a second, so that a scene does not depend on its resolution. The box is
periodic on both axes: what should not wrap in y is damped outside the picture.
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
    """``size`` columns and, seen in the picture, ``size`` rows; an eighth below it and a quarter above are hidden."""

    size: int
    device: torch.device | str

    @property
    def above(self) -> int:
        """Hidden rows above the picture."""
        return self.size // 4

    @property
    def rows(self) -> int:
        """All rows, an even number."""
        return self.above + self.size + self.size // 16 * 2

    def heights(self) -> Tensor:
        """Height of every row's middle above the picture's bottom edge, shape (rows, 1)."""
        row = torch.arange(self.rows, device=self.device, dtype=torch.float32)
        return ((self.above + self.size - 0.5 - row) / self.size)[:, None]

    def picture(self, field: Tensor) -> Tensor:
        """The rows that are seen."""
        return field[..., self.above : self.above + self.size, :]

    def waves(self) -> tuple[Tensor, Tensor]:
        """Angular wave numbers of rfft2 in x and upward y, in radians a height."""
        kx = torch.fft.rfftfreq(self.size, 1 / self.size, device=self.device) * (2 * math.pi)
        ky = torch.fft.fftfreq(self.rows, 1 / self.size, device=self.device) * (-2 * math.pi)
        return kx[None, :], ky[:, None]

    def resolved(self) -> Tensor:
        """A factor of rfft2 that drops the Nyquist waves: a derivative of those has no sign."""
        factor = torch.ones(self.rows, self.size // 2 + 1, device=self.device)
        factor[:, -1] = 0.0
        factor[self.rows // 2] = 0.0
        return factor


class Projection:
    """Makes velocities divergence-free, with no mean, and smooths them, in one round trip through Fourier space.

    ``viscosity`` is in heights squared a second. ``drag`` (1/s) slows eddies that fit fewer than ``count`` times into
    the picture: in a narrow periodic box they would sweep everything into one column.
    """

    def __init__(self, box: Box, dt: float, viscosity: float, drag: float, count: float) -> None:
        self.kx, self.ky = box.waves()
        square = self.kx**2 + self.ky**2
        self.inverse = torch.where(square > 0, 1 / square.clamp_min(1.0), 0.0)
        damping = viscosity * square + drag / (1 + square / (2 * math.pi * count) ** 2)
        self.decay = box.resolved() * torch.exp(-dt * damping)
        self.decay[0, 0] = 0.0

    def __call__(self, velocity: Tensor) -> Tensor:
        """The nearest velocity field without divergence, smoothed."""
        x, y = torch.fft.rfft2(velocity).unbind(1)
        pressure = (self.kx * x + self.ky * y) * self.inverse
        solved = torch.stack((x - self.kx * pressure, y - self.ky * pressure), dim=1)
        return torch.fft.irfft2(solved * self.decay, s=velocity.shape[-2:])

    def divergence(self, velocity: Tensor) -> Tensor:
        """Divergence, 1/s, shape (B, rows, columns)."""
        x, y = torch.fft.rfft2(velocity).unbind(1)
        return torch.fft.irfft2(1j * (self.kx * x + self.ky * y), s=velocity.shape[-2:])


class Confinement:
    """Keeps eddies about ``width`` heights wide from dying out in the coarse grid."""

    def __init__(self, box: Box, width: float) -> None:
        self.kx, self.ky = box.waves()
        self.smooth = box.resolved() * torch.exp(-(width**2) * (self.kx**2 + self.ky**2) / 8)
        self.width = width

    def __call__(self, velocity: Tensor) -> Tensor:
        """Acceleration of the same shape as ``velocity``, heights a second squared, for a strength of one."""
        x, y = torch.fft.rfft2(velocity).unbind(1)
        curl = torch.fft.irfft2(1j * self.smooth * (self.kx * y - self.ky * x), s=velocity.shape[-2:])
        size = curl.abs()
        gx, gy = size.roll(-1, -1) - size.roll(1, -1), size.roll(1, -2) - size.roll(-1, -2)
        scale = self.width * curl / (gx * gx + gy * gy + 1e-8).sqrt()
        return torch.stack((gy * scale, -gx * scale), dim=1)


class Advection:
    """Semi-Lagrangian transport with cubic interpolation; nothing moves more than ``reach`` cells a step."""

    def __init__(self, box: Box, dt: float, reach: int = 12) -> None:
        self.scale, self.reach, self.margin = dt * box.size, reach, reach + 2
        self.row = torch.arange(box.rows, device=box.device, dtype=torch.float32)[:, None] + self.margin
        self.column = torch.arange(box.size, device=box.device, dtype=torch.float32)[None, :] + self.margin

    def __call__(self, fields: Tensor, velocity: Tensor) -> Tensor:
        """``fields`` one step later."""
        moved = (velocity * self.scale).clamp(-self.reach, self.reach)
        rows, columns = (cells + 2 * self.margin - 1 for cells in fields.shape[-2:])
        origin = torch.stack(
            ((self.column - moved[:, 0]) * (2 / columns) - 1, (self.row + moved[:, 1]) * (2 / rows) - 1), dim=-1
        )
        padded = F.pad(fields, (self.margin,) * 4, mode="circular")
        return F.grid_sample(padded, origin, mode="bicubic", align_corners=True)


class Plume:
    """Gases that rise through the box from its bottom, in air that comes to rest outside the picture.

    ``updraft`` (rows, 1) or (B, rows, 1) is an upward velocity added to the solved one; its growth with height stands
    for air drawn in from before and behind the picture. ``whirl`` (B, 1, 1, 1) is the strength of the confinement.
    """

    def __init__(
        self, box: Box, dt: float, updraft: Tensor, whirl: Tensor, viscosity: float, diffusion: float, drag: float
    ) -> None:
        kx, ky = box.waves()
        y = box.heights()
        self.dt, self.updraft, self.whirl = dt, updraft, whirl
        self.project = Projection(box, dt, viscosity, drag, count=2.0)
        self.confine, self.advect = Confinement(box, width=0.04), Advection(box, dt)
        self.diffusion = torch.exp(-dt * diffusion * (kx**2 + ky**2))
        self.top = torch.sigmoid((1.12 - y) / 0.02)
        self.calm = torch.exp(-33 * dt * ((1 - self.top) + torch.sigmoid((-0.08 - y) / 0.01)))

    def step(self, velocity: Tensor, gas: Tensor, force: Tensor) -> tuple[Tensor, Tensor]:
        """Velocity (B, 2, rows, columns) and gases (B, C, ...) one step later, under an acceleration like velocity."""
        velocity = self.project((velocity + self.dt * (force + self.whirl * self.confine(velocity))) * self.calm)
        flow = torch.stack((velocity[:, 0], velocity[:, 1] + self.updraft), dim=1)
        velocity, gas = self.advect(torch.cat((velocity, gas * self.top), dim=1), flow).split((2, gas.shape[1]), dim=1)
        return velocity, torch.fft.irfft2(torch.fft.rfft2(gas) * self.diffusion, s=gas.shape[-2:])


def flicker(
    memory: Tensor, frames: int, steps: int, waves: int, slope: float, columns: int, generator: torch.Generator
) -> Tensor:
    """Smooth noise over time and a periodic x: shape (B, frames * steps, columns), mean 0, standard deviation 1.

    Up to ``waves`` waves across the width, their amplitudes falling as number ** -slope. ``memory`` (B,) is how many
    frames the longest lasts; shorter ones change faster. Drawn on the CPU, the same at every resolution.
    """
    number = torch.arange(1, waves + 1, dtype=torch.float32)
    keep = torch.exp(-number.sqrt() / memory.cpu()[:, None])[..., None]
    white = torch.randn(len(memory), frames + 1, waves, 2, generator=generator)
    states = [white[:, 0]]
    for frame in range(1, frames + 1):
        states.append(keep * states[-1] + (1 - keep * keep).sqrt() * white[:, frame])
    amplitude = number**-slope
    spectrum = torch.stack(states, dim=1) * (amplitude / (2 * amplitude.square().sum().sqrt()))[:, None]
    spectrum = F.pad(spectrum, (0, 0, 1, columns // 2 - waves))
    noise = torch.fft.irfft(torch.view_as_complex(spectrum), n=columns, norm="forward")
    mix = torch.arange(steps)[:, None] / steps
    return torch.lerp(noise[:, :-1, None], noise[:, 1:, None], mix).flatten(1, 2).to(memory.device)


def ramp(value: Tensor, low: float, high: float) -> Tensor:
    """A smooth step from 0 at ``low`` to 1 at ``high``."""
    step = ((value - low) / (high - low)).clamp(0, 1)
    return step * step * (3 - 2 * step)
