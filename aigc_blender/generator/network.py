# SPDX-License-Identifier: GPL-3.0-or-later
"""The generator network: a motion trunk on space-time lattices, then a head that draws each frame.

``frame = G(field, model time, w)``. The trunk turns the field's noise into features at the knots of
its finest level; a cubic B-spline takes them to any instant; the head draws the frame there. All
convolutions are valid: the field is extended by the halo instead of padded, so any window of the
canvas is the same whether drawn alone or within a larger one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import field
from .architecture import CHANNELS, HEAD_STRIDE, Architecture
from .drift import course, places
from .lattice import Span, Window, before_convolution, before_upsampling, length
from .resampling import as_cells, as_planes, knot_span, spline, upsample

SLOPE = 0.2  # of the leaky ReLU
BASE_HEIGHT = 64  # pixels: the element height whose scale input is 0
POSITION_CENTRES = (0.0, 0.25, 0.5, 0.75, 1.0)
POSITION_FEATURES = len(POSITION_CENTRES) + 1


@dataclass(frozen=True)
class Wrap:
    """Periods of N fields, in cells and knots of the coarsest level; 0 where an axis does not wrap.

    Each is (N,) int64.
    """

    knots: Tensor
    rows: Tensor
    columns: Tensor


@dataclass(frozen=True)
class Placement:
    """Where N windows lie with respect to the elements drawn in them.

    ``base``: (N, 2) float32, the pixel (x, y) of the window's coordinates that the anchored axes are
    measured from. ``height``: (N,) float32, element height in pixels. ``anchored``: (N, 2) float32,
    1 on the axes (x, y) on which position matters. ``style``: (N,) int64, whose scenery stands there; with ``shares``,
    (M,) float32, one window lies in a blend of M styles. ``flow``: (N, 2) int64, cells right and up that the lattice
    moves from knot to knot, at every level; None where it rests. A window is then one of what moves along.
    """

    base: Tensor
    height: Tensor
    anchored: Tensor
    style: Tensor
    shares: Tensor | None = None
    flow: Tensor | None = None


@dataclass(frozen=True)
class Scene:
    """What stands still behind N clips: (N, 1, H, W, C), a cell's pixels as its channels, and the (N,) contrast of what moves."""

    still: Tensor
    contrast: Tensor


class Modulated(nn.Module):
    """A valid convolution whose input channels and bias depend on w; ``taps`` 3 also reads the neighbour knots."""

    def __init__(self, inputs: int, outputs: int, width: int, taps: int = 1, gain: float = 1.0) -> None:
        """``gain`` scales the initial weights: small ones start a residual branch near zero."""
        super().__init__()
        self.taps = taps
        self.weight = nn.Parameter(
            torch.randn(outputs, taps * inputs, 3, 3) * gain * math.sqrt(2 / (9 * taps * inputs))
        )
        self.scale = nn.Linear(width, inputs)
        self.bias = nn.Linear(width, outputs)
        for layer in (self.scale, self.bias):
            nn.init.normal_(layer.weight, std=0.2 / math.sqrt(width))
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """(N, T, H, W, C), (N, width) -> (N, T - taps + 1, H - 2, W - 2, C')."""
        n = len(x)
        scale, bias = 1 + self.scale(w), self.bias(w)
        weight = self.weight
        if n == 1:  # one w: scaling the weights is cheaper than scaling the features
            weight = weight * scale[0].repeat(self.taps)[:, None, None]
        else:
            x = x * scale[:, None, None, None]
        if self.taps == 3:
            x = torch.cat([x[:, :-2], x[:, 1:-1], x[:, 2:]], dim=4)
        y = functional.conv2d(as_planes(x), weight.contiguous(memory_format=torch.channels_last))
        return as_cells(y, n) + bias[:, None, None, None]


class Block(nn.Module):
    """Residual block: a modulated convolution (in space and time, or in space) and one in space."""

    def __init__(self, inputs: int, outputs: int, width: int, taps: int) -> None:
        """``taps`` is 3 in the trunk and 1 in the head."""
        super().__init__()
        self.in_time = taps == 3
        self.skip = _linear(inputs, outputs) if inputs != outputs else None
        self.first = Modulated(inputs, outputs, width, taps)
        self.second = Modulated(outputs, outputs, width, gain=0.4)

    def before(self, window: Window) -> Window:
        """The window read to give ``window``."""
        return window.before_convolution(in_time=False).before_convolution(self.in_time)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """(N, T, H, W, C) -> (N, T or T - 2, H - 4, W - 4, C')."""
        y = self.first(functional.leaky_relu(x, SLOPE), w)
        y = self.second(functional.leaky_relu(y, SLOPE), w)
        x = x[:, 1:-1] if self.in_time else x
        x = x[:, :, 2:-2, 2:-2]
        return y + (x if self.skip is None else self.skip(x))


class Generator(nn.Module):
    """The network; see the module's docstring."""

    def __init__(self, architecture: Architecture) -> None:
        """Randomly initialised."""
        super().__init__()
        a = self.architecture = architecture
        self.style = nn.Parameter(torch.randn(a.styles, a.width) * 0.5)
        self.control = nn.Parameter(torch.randn(a.styles, max(a.controls, 1), a.width) * 0.5)
        self.mapping_layers = nn.ModuleList([_linear(a.width + a.latent + 1, a.width, 2), _linear(a.width, a.width, 2)])
        self.noise_gain = nn.ParameterList([nn.Parameter(torch.tensor(_initial_gain(i))) for i in range(len(a.trunk))])
        self.noise_in = nn.ModuleList([_linear(lv.noise, lv.channels) for lv in a.trunk if lv.noise])
        self.position = nn.ModuleList([nn.Linear(2 * POSITION_FEATURES, lv.channels, bias=False) for lv in a.trunk])
        # Interpolation takes variance from noise; 1.4 gives it back.
        self.up = nn.ModuleList([_linear(c.channels, f.channels, 1.4) for c, f in itertools.pairwise(a.trunk)])
        self.trunk_blocks = nn.ModuleList([Block(lv.channels, lv.channels, a.width, 3) for lv in a.trunk])
        self.head_coarse = Block(a.trunk[-1].channels, a.head[0], a.width, 1)
        self.head_fine = Block(a.head[0], a.head[1], a.width, 1)
        self.head_finer = nn.ModuleList([Block(c, f, a.width, 1) for c, f in itertools.pairwise(a.head[1:])])
        self.to_pixels = Modulated(a.head[-1], CHANNELS * HEAD_STRIDE**2, a.width, gain=0.3)
        if all(a.scenery):
            self.scenery = nn.Parameter(torch.zeros(a.styles, *a.scenery, CHANNELS))
            # Of what moves before it, set once from the footage: layers then work at one scale whatever they draw.
            self.contrast = nn.Parameter(torch.ones(a.styles), requires_grad=False)
            finest, head, pixels = a.trunk[-1], a.head[-2], CHANNELS * HEAD_STRIDE**2
            self.scenery_to_trunk = _linear(CHANNELS * finest.stride**2, finest.channels, bias=False)
            self.scenery_to_head = _linear(pixels, head, bias=False)
            # It is drawn as it is until training finds better.
            self.scenery_to_pixels = nn.Linear(pixels, pixels, bias=False)
            nn.init.eye_(self.scenery_to_pixels.weight)
        with torch.no_grad():  # as if the last upsampling were nearest: no checkerboard at the start
            for weight in (self.to_pixels.weight, self.to_pixels.bias.weight):
                weight.copy_(weight[:: HEAD_STRIDE**2].repeat_interleave(HEAD_STRIDE**2, dim=0))

    def mapping(
        self, z: Tensor, style: Tensor, controls: Tensor, height: Tensor, shares: Tensor | None = None
    ) -> Tensor:
        """The style vector w of N recipes.

        Args:
            z: (N, latent) latent.
            style: (N,) int64 index.
            controls: (N, slots) in 0..1.
            height: (N,) element height in pixels, within the trained range.
            shares: (M,) of a blend's M styles, where N is 1.
        """
        condition = self.style[style] + torch.einsum(
            "nc,ncw->nw", controls * 2 - 1, self.control[style][:, : controls.shape[1]]
        )
        condition = field.blended(condition, shares)
        w = torch.cat([condition, z, torch.log2(height / BASE_HEIGHT)[:, None]], dim=1)
        for layer in self.mapping_layers:
            w = functional.leaky_relu(layer(w), SLOPE)
        return w

    def windows(self, out: Window) -> list[Window]:
        """The window of each trunk level's input (coarsest first) that gives ``out`` at the finest level's output."""
        windows = []
        for block in reversed(self.trunk_blocks):
            window = block.before(out)  # type: ignore[operator]
            windows.append(window)
            out = window.before_upsampling()
        return windows[::-1]

    def trunk(
        self,
        seeds: Tensor,
        w: Tensor,
        out: Window,
        wrap: Wrap,
        placement: Placement,
        weights: Tensor | None = None,
    ) -> Tensor:
        """Features of N fields on the window ``out`` of the finest level: (N, T, H, W, C).

        With ``weights`` (M,), N is 1 and the field is the sum of those of M ``seeds``.
        """
        x: Tensor | None = None
        noise_in = iter(self.noise_in)
        windows = self.windows(out)
        given = out
        for index, (level, window) in enumerate(zip(self.architecture.trunk, windows, strict=True)):
            y = self._positions(index, window, placement)
            if level.noise:
                periods = (period * 2**index for period in (wrap.knots, wrap.rows, wrap.columns))
                indices = [
                    _wrapped(i, p)
                    for i, p in zip(places(window, placement.flow, placement.height.device), periods, strict=True)
                ]
                cells = field.blended(field.noise(seeds, index, level.noise, *indices), weights)
                y = y + self.noise_gain[index] * next(noise_in)(cells)
            if x is not None:
                y = y + upsample(self.up[index - 1](x), given, window)
            if index + 1 == len(windows) and all(self.architecture.scenery):
                still = self._scenery(window.rows, window.columns, level.stride, placement)
                y = y + self.scenery_to_trunk(still)[:, None]
            x = self.trunk_blocks[index](y, w)
            given = windows[index + 1].before_upsampling() if index + 1 < len(windows) else out
        assert x is not None
        return x

    def scene(self, rows: Span, columns: Span, placement: Placement) -> Scene | None:
        """What stands still where the head draws the finest trunk cells of the spans; None without scenery."""
        if not all(self.architecture.scenery):
            return None
        part = self.architecture.trunk[-1].stride // HEAD_STRIDE
        still = self._scenery(_fine_span(rows, part), _fine_span(columns, part), HEAD_STRIDE, placement)[:, None]
        return Scene(still, field.blended(self.contrast[placement.style], placement.shares))

    def head(self, x: Tensor, w: Tensor, scene: Scene | None = None) -> Tensor:
        """Frames from features at their instants, and from what ``scene`` gave for the same cells.

        (N, F, h', w', C) on spans of ``head_span`` -> (N, F, stride h, stride w, 4), premultiplied RGBA in -1..1, not
        clipped.
        """
        n = len(x)
        x = self.head_coarse(x, w)
        finer = [self.head_fine, *self.head_finer]
        for block in finer:
            rows, columns = x.shape[2:4]
            x = as_cells(functional.interpolate(as_planes(x), scale_factor=2, mode="bilinear"), n)
            # Interpolation's outermost cells come from half their taps; at the last step those next to them are not needed.
            edge = 2 if block is finer[-1] else 1
            x = x[:, :, edge : 2 * rows - edge, edge : 2 * columns - edge]
            if scene is not None and block is finer[-1]:
                x = x + self.scenery_to_head(scene.still)
            x = block(x, w)
        x = self.to_pixels(functional.leaky_relu(x, SLOPE), w)
        if scene is not None:
            still = scene.still[:, :, 3:-3, 3:-3]  # the cells that three convolutions leave
            x = x * scene.contrast[:, None, None, None, None] + self.scenery_to_pixels(still)
        planes = functional.pixel_shuffle(as_planes(x), HEAD_STRIDE)
        # [1, 2, 1] / 4 along both axes, as two boxes: the four pixels of a cell come from different filters, and what
        # differs from pixel to pixel for that reason alone, a checkerboard, is exactly what this removes.
        for _ in range(2):
            planes = functional.avg_pool2d(planes, 2, stride=1)
        return as_cells(planes, n)[:, :, 1:-1, 1:-1]

    def forward(
        self,
        seeds: Tensor,
        w: Tensor,
        instants: Sequence[float],
        rows: Span,
        columns: Span,
        wrap: Wrap,
        placement: Placement,
    ) -> Tensor:
        """Clips of N fields at common instants (model time), on spans of finest trunk cells.

        Returns (N, F, H, W, 4) in -1..1, not clipped. Where the lattice moves, it does so alike for all N, and by
        whole pixels to each instant.
        """
        finest = self.architecture.trunk[-1]
        knots = knot_span(instants, finest.knot_stride)
        if placement.flow is None:
            out = Window(knots, head_span(rows), head_span(columns))
            x = spline(self.trunk(seeds, w, out, wrap, placement), knots, instants, finest.knot_stride)
            return self.head(x, w, self.scene(rows, columns, placement))
        right, up = (self.architecture.speed * flow for flow in placement.flow[0].tolist())
        down = course(rows, [round(up * t) for t in instants], finest.stride)
        across = course(columns, [round(-right * t) for t in instants], finest.stride)
        out = Window(knots, head_span(down.span), head_span(across.span))
        x = spline(self.trunk(seeds, w, out, wrap, placement), knots, instants, finest.knot_stride)
        high, wide = (length(head_span((0, axis.cells))) for axis in (down, across))
        corners = enumerate(zip(down.starts, across.starts, strict=True))
        clips = self.head(torch.stack([x[:, i, r : r + high, c : c + wide] for i, (r, c) in corners], dim=1), w)
        high, wide = (length(span) * finest.stride for span in (rows, columns))
        corners = enumerate(zip(down.offsets, across.offsets, strict=True))
        return torch.stack([clips[:, i, r : r + high, c : c + wide] for i, (r, c) in corners], dim=1)

    def _positions(self, index: int, window: Window, placement: Placement) -> Tensor:
        stride = self.architecture.trunk[index].stride
        n = len(placement.height)
        _, rows, columns = places(window, placement.flow, placement.height.device)
        planes = []
        for axis, cells in enumerate((columns, rows)):
            pixels = (cells + 0.5) * stride
            if placement.flow is not None:  # a knot stands in the middle of its stride, when half of the way is gone
                pixels = pixels + (0.5, -0.5)[axis] * stride * placement.flow[:, axis, None, None]
            distance = _distance(pixels, axis, placement).clamp(-1.0, 1.5)
            hats = [(1 - (distance - c).abs() * 4).clamp(min=0) for c in POSITION_CENTRES]
            planes.append(torch.stack([distance, *hats], dim=-1) * placement.anchored[:, axis, None, None, None])
        weight = self.get_parameter(f"position.{index}.weight")
        across = functional.linear(planes[0], weight[:, :POSITION_FEATURES])
        upward = functional.linear(planes[1], weight[:, POSITION_FEATURES:])
        plane = across[:, :, None, :] + upward[:, :, :, None]
        return plane.expand(n, length(window.knots), -1, -1, -1)

    def _scenery(self, rows: Span, columns: Span, stride: int, placement: Placement) -> Tensor:
        """The pixels of what stands still in cells of ``stride`` pixels: (N, H, W, C), a cell's pixels as its channels.

        It reaches from the anchor up by one element height, as far to both sides as it is wide, and there its edge goes on.
        Along a free axis it is the same everywhere: its mean.
        """
        tall, wide = self.architecture.scenery
        device = placement.height.device
        reach = (tall / placement.height).clamp(min=1)[:, None, None]  # of its pixels that go into one
        weights = []
        for axis, (start, stop), count in ((0, columns, wide), (1, rows, tall)):
            pixels = torch.arange(start * stride, stop * stride, device=device) + 0.5
            middle = wide / 2 if axis == 0 else 0
            place = (_distance(pixels[None, None], axis, placement)[:, 0] * tall + middle).clamp(0.5, count - 0.5) - 0.5
            near = 1 - (place[:, :, None] - torch.arange(count, device=device)).abs() / reach
            near = near.clamp(min=0)
            anchored = placement.anchored[:, axis, None, None]
            weights.append(anchored * near / near.sum(2, keepdim=True) + (1 - anchored) / count)
        across, upward = weights
        scenery = field.blended(self.scenery[placement.style], placement.shares)
        picture = torch.einsum("nhr,nrck,nwc->nkhw", upward, scenery.flip(1), across)
        return functional.pixel_unshuffle(picture, stride).permute(0, 2, 3, 1)


def _distance(pixels: Tensor, axis: int, placement: Placement) -> Tensor:
    """Pixels (N or 1, T or 1, P) along an axis as distances from N anchors in element heights, right and up positive."""
    signed = (pixels - placement.base[:, axis, None, None]) * (1 if axis == 0 else -1)
    return signed / placement.height[:, None, None]


def head_span(span: Span) -> Span:
    """The finest trunk cells that a head of any number of steps reads along an axis to draw the pixels of ``span``'s cells."""
    coarse = before_upsampling(_fine_span(span, 2))  # before a further step it is the same
    return before_convolution(before_convolution(coarse))


def _fine_span(span: Span, part: int) -> Span:
    """The cells of HEAD_STRIDE pixels, of which ``part`` make one of ``span``'s, from which the head's last layers draw the pixels of those."""
    fine = (part * span[0] - 1, part * span[1] + 1)  # the low-pass reads a pixel beyond
    for _ in range(3):
        fine = before_convolution(fine)
    return fine


def _linear(inputs: int, outputs: int, variance: float = 1.0, *, bias: bool = True) -> nn.Linear:
    """A layer whose outputs have ``variance`` times the inputs' variance: noise must reach the pixels from the first step on."""
    layer = nn.Linear(inputs, outputs, bias=bias)
    nn.init.normal_(layer.weight, std=math.sqrt(variance / inputs))
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def _initial_gain(level: int) -> float:
    """Little at the finest level, where full strength hurts; but zero would stay zero, as noise of either sign does as much."""
    return (1.0, 0.7, 0.3, 0.15)[min(level, 3)]


def _wrapped(index: Tensor, period: Tensor) -> Tensor:
    """(N, ...) modulo the periods (N,); 0 is none."""
    period = period.reshape(-1, *[1] * (index.ndim - 1))
    return torch.where(period > 0, torch.remainder(index, period.clamp(min=1)), index)
