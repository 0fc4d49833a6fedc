# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a run is and how long it will take: one live line in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TextIO

from tqdm import tqdm

WINDOW = 100  # steps over which pace is measured
LINE_SECONDS = 60.0  # between plain lines


class Pace:
    """Seconds a step, of the last steps, with all that is done between them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends: deque[float] = deque([clock()], maxlen=WINDOW + 1)

    def step(self) -> None:
        """One was done."""
        self._ends.append(self._clock())

    def seconds(self) -> float | None:
        """None before the first step."""
        ends = self._ends
        return (ends[-1] - ends[0]) / (len(ends) - 1) if len(ends) > 1 else None

    def left(self, steps: int, seconds: float) -> float | None:
        """Seconds that a run will take which ends after so many steps or seconds, whichever comes first."""
        step = self.seconds()
        estimates = [seconds] if step is None else [seconds, steps * step]
        return None if min(estimates) == float("inf") else max(min(estimates), 0.0)


class Progress:
    """A run's line.

    ``steps``: its end; ``done``: where it begins; ``deadline``: ``time.monotonic()`` at which it ends sooner.
    """

    def __init__(
        self,
        steps: int,
        done: int,
        deadline: float,
        stream: TextIO | None = None,
        *,
        shown: bool = True,
    ) -> None:
        self._steps, self._deadline = steps, deadline
        self._stream = sys.stderr if stream is None else stream
        self._shown = shown
        self._plain = not self._stream.isatty()
        self._pace, self._figures = Pace(), ""
        self._said = float("-inf")
        self._bar = tqdm(
            total=steps,
            initial=done,
            file=self._stream,
            disable=self._plain or not shown,
            bar_format="{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}",
            dynamic_ncols=True,
        )

    def step(self, done: int) -> None:
        """So many steps are done now."""
        self._pace.step()
        if self._plain:
            if self._shown and self._figures and time.monotonic() - self._said >= LINE_SECONDS:
                self._said = time.monotonic()
                print(f"Step {done} of {self._steps}, {self._words(done)}.", file=self._stream, flush=True)
        else:
            self._bar.set_postfix_str(self._words(done), refresh=False)
            self._bar.update(done - self._bar.n)

    def figures(self, values: Mapping[str, float]) -> None:
        """What to show beside."""
        self._figures = ", ".join(f"{name} {value:.3g}" for name, value in values.items())

    def close(self) -> None:
        """Leave the line as it is."""
        self._bar.close()

    def _words(self, done: int) -> str:
        left = self._pace.left(self._steps - done, self._deadline - time.monotonic())
        known = [] if left is None else [f"{tqdm.format_interval(left)} left"]
        return ", ".join([*known, *([self._figures] if self._figures else [])])
