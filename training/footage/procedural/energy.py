# SPDX-License-Identifier: GPL-3.0-or-later
"""A field of plasma and lightning: white-hot filaments that crawl, break and re-form in a coloured glow.

Filaments are the zero contours of smooth, evolving, periodic fields, pushed out of shape by finer folds. Another field
feeds them: where it fails they break off, and near a filament the ones that cross it are fed too, as its branches.
Lengths are in units of the frame's side, which is one period of the field.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from aigc_blender.card import Control

from .element import Element
from .plate import DETAIL, synthesize, upper_half, wave_numbers

FPS = 24.0
MODES = 16  # the highest wave number of an axis
BANDWIDTH = 0.3  # of every spectrum, in nepers

# Waves across the frame and radians a second by which they evolve.
VEINS = ((1.3, 2.0), (1.8, 2.5), (2.4, 3.0))  # every one is a layer of filaments
FEEDS = ((1.3, 3.0), (1.7, 3.5), (2.1, 4.0))  # of each layer
FOLDS = ((5.0, 4.0), (10.0, 7.0))
SWELLS = (0.033, 0.009)  # how far each fold pushes a filament aside at full jaggedness
STEEP = 1.2  # triangle waves that a fold makes of a wave: the more, the more kinks

FED = (-1.5, 0.4)  # of a filament, in deviations of its feed, at intensity 0 and 1
SHARES = (0.7, -0.1, -0.4)  # that each layer gets more or less
THRIFT = 0.2  # by which it is fed less where smooth: there filaments are wider
BRANCH = 1.4  # by which a filament close by feeds its branches
REACH = 0.06  # of its closeness
WIDTH = (0.016, 0.0095)  # of a filament's core at jaggedness 0 and 1
HEAT = (9.0, 12.0)  # of the core at intensity 0 and 1
GLOW = ((0.02, 0.35), (0.06, 0.18))  # its width, and the light it takes from the core
DARK = 0.12  # light below which nothing is left

# Light by hue: cyan, blue, violet, pink.
TINTS = ((0.17, 0.82, 1.0), (0.16, 0.38, 1.0), (0.46, 0.20, 1.0), (1.0, 0.20, 0.72))


def render(controls: Tensor, frames: int, size: int, seed: int, device: torch.device | str) -> Tensor:
    """Clips of energy, as ``Element.render`` has it; ``controls`` (B, 3) are intensity, jaggedness and hue."""
    field = Field(controls, seed, device)
    tint = _tint(controls[:, 2].to(device).float())[..., None, None]
    detail = max(size, DETAIL)
    clip = []
    for frame in range(frames):
        light = field.light(frame / FPS, detail)[:, None]
        rgba = 1 - torch.exp(-light * torch.cat((tint, torch.ones_like(tint[:, :1])), dim=1))
        clip.append((avg_pool2d(rgba, detail // size) * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1))
    return torch.stack(clip, dim=1)


class Field:
    """Periodic energy fields, one for each row of ``controls``."""

    def __init__(self, controls: Tensor, seed: int, device: torch.device | str) -> None:
        intensity, jaggedness, _ = controls.to(device).float()[..., None, None].unbind(1)
        self._fed = FED[0] + (FED[1] - FED[0]) * intensity - THRIFT * (1 - jaggedness)
        self._heat = HEAT[0] * (HEAT[1] / HEAT[0]) ** intensity
        self._width = WIDTH[0] * (WIDTH[1] / WIDTH[0]) ** jaggedness
        self._jaggedness = jaggedness

        generator = torch.Generator().manual_seed(seed)
        k_x, k_y = wave_numbers(MODES, device)
        k = torch.hypot(k_x, k_y).clamp(min=0.5)
        self._waves, self._turns = [], []
        for centre, unrest in (*VEINS, *FEEDS, *FOLDS):
            real, imaginary, turn = torch.randn(3, len(controls), *k.shape, generator=generator).to(device)
            band = torch.exp(-0.5 * ((k / centre).log() / BANDWIDTH).square()) * upper_half(k_x, k_y)
            waves = torch.complex(real, imaginary) * band
            self._waves.append(waves / (2 * waves.abs().square().sum((1, 2), keepdim=True)).sqrt())
            self._turns.append(unrest * turn)

    def light(self, seconds: float, detail: int) -> Tensor:
        """Light at one instant, (B, detail, detail), 0 where it is dark and far above 1 in the filaments."""
        fields = [
            synthesize(waves * torch.polar(torch.ones_like(turn), turn * seconds), detail)
            for waves, turn in zip(self._waves, self._turns, strict=True)
        ]
        layers = len(VEINS)
        veins, feeds, (coarse, fine) = fields[:layers], fields[layers:-2], fields[-2:]
        push = self._jaggedness * (SWELLS[0] * _triangle(STEEP * coarse) + SWELLS[1] * _triangle(STEEP * fine))
        push_across, push_down = push, push.roll((detail // 2, detail // 2), (1, 2))  # as good as independent

        core, near = torch.zeros_like(push), torch.zeros_like(push)
        for vein, feed, (waves, _), share in zip(veins, feeds, VEINS, SHARES, strict=True):
            across, down = _gradient(vein)
            vein = vein + push_across * across + push_down * down
            across, down = _gradient(vein)
            flat = 2 * waves  # a slope: where a vein is flatter its filament would spread without end
            away = vein.abs() / (across.square() + down.square() + flat**2).sqrt()
            fed = torch.sigmoid(3 * (feed + self._fed + share + BRANCH * near))
            core = core + fed.square() * torch.exp(-(away / (self._width * (0.5 + 0.5 * fed))).square())
            near = torch.maximum(near, fed * torch.exp(-away / REACH))
        return (self._heat * _bloom(core) - DARK).clamp(min=0)


def _gradient(field: Tensor) -> tuple[Tensor, Tensor]:
    """The slopes across and down of a periodic (B, S, S)."""
    across, down = ((field.roll(-1, axis) - field.roll(1, axis)) * (field.shape[-1] / 2) for axis in (2, 1))
    return across, down


def _triangle(phase: Tensor) -> Tensor:
    """A triangle wave between -1 and 1 with the period of the sine."""
    return torch.asin(torch.sin(phase)) * (2 / math.pi)


def _bloom(core: Tensor) -> Tensor:
    """The light of filaments, (B, S, S), and what their glow adds."""
    size = core.shape[-1]
    k_y = torch.fft.fftfreq(size, 1 / size, device=core.device)[:, None]
    k_x = torch.fft.rfftfreq(size, 1 / size, device=core.device)
    k = 2 * math.pi * torch.hypot(k_x, k_y)
    kernel = 1 + sum((light * torch.exp(-width * k) for width, light in GLOW), torch.zeros_like(k))
    return torch.fft.irfft2(torch.fft.rfft2(core) * kernel, s=(size, size))


def _tint(hue: Tensor) -> Tensor:
    """Light of a hue (B,) in 0..1: (B, 3), the greatest of which is 1."""
    place = hue.clamp(0, 1) * (len(TINTS) - 1)
    index = place.long().clamp(max=len(TINTS) - 2)
    tints = hue.new_tensor(TINTS)
    tint = torch.lerp(tints[index], tints[index + 1], (place - index)[:, None])
    return tint / tint.amax(1, keepdim=True)


ENERGY = Element(
    name="energy",
    anchored=(),
    fps=FPS,
    alpha=True,
    emissive=True,
    controls=(
        Control("intensity", 0.5, low=("faint", "weak", "sparse"), high=("bright", "intense", "dense")),
        Control("jaggedness", 0.5, low=("smooth", "soft", "flowing"), high=("jagged", "sharp", "crackling")),
        Control("hue", 0.35, low=("cyan", "turquoise"), high=("pink", "magenta")),
    ),
    words=("energy", "plasma", "lightning", "electricity", "force field", "arcs"),
    render=render,
    glow=8.0,
)
