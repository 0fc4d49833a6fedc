# SPDX-License-Identifier: GPL-3.0-or-later
"""The generator's shape, as its card states it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

CHANNELS = 4  # premultiplied RGBA
HEAD_STRIDE = 2  # pixels a cell before the pixel shuffle
MOST_STEPS = 4  # of the head
MOST_DRIFT = 0.5

Drift = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class TrunkLevel:
    """One level of the lattice: strides in pixels and model frames, feature and noise channels."""

    stride: int
    knot_stride: int
    channels: int
    noise: int


@dataclass(frozen=True)
class Architecture:
    """The generator's shape; it travels in the model card."""

    styles: int
    controls: int  # slots a style; unused ones are 0
    trunk: tuple[TrunkLevel, ...] = (
        TrunkLevel(32, 16, 96, 32),
        TrunkLevel(16, 8, 96, 16),
        TrunkLevel(8, 4, 64, 8),
        TrunkLevel(4, 2, 48, 8),
    )
    head: tuple[int, ...] = (48, 32)  # channels of its steps, from the finest trunk level to HEAD_STRIDE pixels a cell
    latent: int = 16
    width: int = 128  # of w
    scenery: tuple[int, int] = (0, 0)  # pixels high and wide of what stands still where it was filmed; 0: none
    drift: Drift = ()  # of the lattice, for each style right and up, in element heights a model frame; (): none

    def __post_init__(self) -> None:
        """Refuse shapes that the network does not have.

        Raises:
            ValueError: which rule is broken.
        """
        for coarse, fine in zip(self.trunk, self.trunk[1:], strict=False):
            if coarse.stride != 2 * fine.stride or coarse.knot_stride != 2 * fine.knot_stride:
                raise ValueError("strides must halve from level to level")
        if not 2 <= len(self.head) <= MOST_STEPS:
            raise ValueError(f"the head must have 2 to {MOST_STEPS} steps")
        stride = HEAD_STRIDE << len(self.head) - 1
        if not self.trunk or self.trunk[-1].stride != stride:
            raise ValueError(
                f"the finest trunk level must have stride {stride} before a head of {len(self.head)} steps"
            )
        sizes = [self.styles, self.latent, self.width, *self.head, *(lv.channels for lv in self.trunk)]
        if not (all(0 <= s <= 512 for s in self.scenery) and all(self.scenery) == any(self.scenery)):
            raise ValueError("scenery may be 1 to 512 pixels high and wide, or 0 both")
        if self.drift:
            check_drift(self.drift, self.styles)
        if self.drift and any(self.scenery):
            raise ValueError("scenery stands still: there may be none where there is drift")
        if len(self.trunk) > 6 or not all(1 <= s <= 512 for s in sizes) or not 0 <= self.controls <= 64:
            raise ValueError("there may be 6 levels and 512 channels at the most")

    @property
    def speed(self) -> int:
        """Pixels a model frame in which a lattice moves that moves a cell a knot: the same at every level."""
        return self.trunk[-1].stride // self.trunk[-1].knot_stride

    def flow(self, styles: Sequence[int], height: float) -> tuple[int, int]:
        """Cells right and up that the lattice moves from knot to knot, for an element of ``height`` pixels; of a blend's styles, their mean."""
        if not self.drift:
            return 0, 0
        drifts = zip(*(self.drift[style] for style in styles), strict=True)
        right, up = (round(sum(drift) / len(styles) * height / self.speed) for drift in drifts)
        return right, up

    @property
    def cell(self) -> int:
        """Stride of the coarsest level in pixels: what a tiled axis must be a multiple of."""
        return self.trunk[0].stride

    @property
    def knot(self) -> int:
        """Knot stride of the coarsest level in model frames: what a loop is a multiple of."""
        return self.trunk[0].knot_stride

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready data for the card."""
        return asdict(self)


def architecture_from_dict(raw: dict[str, Any]) -> Architecture:
    """The architecture a card states.

    Raises:
        ValueError, TypeError, KeyError: it states none, or one the network does not have.
    """
    values = dict(raw)
    values["trunk"] = tuple(TrunkLevel(**level) for level in values["trunk"])
    values["head"] = tuple(values["head"])
    values["scenery"] = tuple(values.get("scenery", (0, 0)))
    values["drift"] = tuple(tuple(float(part) for part in drift) for drift in values.get("drift", ()))
    return Architecture(**values)


def check_drift(drift: Drift, styles: int) -> None:
    """Make sure that a drift is one of so many styles.

    Raises:
        ValueError: it is not.
    """
    if len(drift) != styles or not all(len(way) == 2 and all(abs(p) <= MOST_DRIFT for p in way) for way in drift):
        raise ValueError(
            f"drift must be two numbers for each style, of at most {MOST_DRIFT} element heights a model frame"
        )
