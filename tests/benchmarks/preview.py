# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a preview takes from request to pixels, through a real worker, against a bare call of the sampler.

    python -m tests.benchmarks.preview [STYLE]

Latencies are wall-clock milliseconds (median, 95th percentile, longest) of 256x256 frames, the bare call's are given for
the same moment of the same machine: on a busy one look at the ratio. Processor time is the worker's, a picture (Linux).
"""

from __future__ import annotations

import os
import queue
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from aigc_blender.generator.checkpoint import load_model
from aigc_blender.generator.sampler import Sampler
from aigc_blender.library import model_for_style
from aigc_blender.recipe import Recipe
from aigc_blender.runtime.code import install_code, worker_command
from aigc_blender.runtime.find import look_at
from aigc_blender.worker.buffer import PREVIEW_PIXELS, PreviewBuffer
from aigc_blender.worker.client import Inbox, WorkerClient

SIZE, POLL_SECONDS, FRAME_SECONDS = 256, 0.002, 1 / 24
COLD, PLAYED = 30, 120


class Bench:
    """Asks a worker for previews, as Blender does, and stops the time."""

    def __init__(self, client: WorkerClient, folder: Path) -> None:
        self._client = client
        self._inbox: Inbox = queue.SimpleQueue()
        self._buffer = PreviewBuffer.create(folder / "preview", PREVIEW_PIXELS)

    def ask(self, recipe: Recipe, frame: int) -> float:
        """Milliseconds from the request to the pixels in this process."""
        start = time.perf_counter()
        given = {"limit": PREVIEW_PIXELS, "straight": False, "device": "cpu", "buffer": str(self._buffer.path)}
        request = self._client.send("preview", self._inbox, recipe=recipe.to_dict(), frame=frame, **given)
        while True:
            while self._inbox.empty():
                time.sleep(POLL_SECONDS)
            message = self._inbox.get()
            if message["id"] == request:
                break
        pixels = self._buffer.read(message["slot"], request)
        assert pixels is not None
        return 1000 * (time.perf_counter() - start)

    def played(self, recipe: Recipe, frames: range) -> list[float]:
        """Latencies at 24 frames a second: a frame that is late is followed by the one that is due then."""
        found, begin = [], time.perf_counter()
        while (frame := frames.start + int((time.perf_counter() - begin) / FRAME_SECONDS)) in frames:
            found.append(self.ask(recipe, frame))
            due = begin + (frame - frames.start + 1) * FRAME_SECONDS
            time.sleep(max(0.0, due - time.perf_counter()))
        return found

    def processor_ms(self) -> float:
        """Processor time of the worker so far; 0 where the system does not tell."""
        path = Path(f"/proc/{self._client.pid}/stat")
        if not path.exists():
            return 0.0
        fields = path.read_text().rpartition(")")[2].split()
        return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tell(name: str, latencies: list[float], bare: float, processor: float) -> None:
    """One line."""
    ordered = sorted(latencies)
    middle = statistics.median(ordered)
    print(
        f"{name:34} {middle:6.1f} {ordered[int(0.95 * len(ordered))]:6.1f} {ordered[-1]:6.1f} ms"
        f"   {middle / bare:4.2f} x bare {bare:5.1f} ms   {processor / len(ordered):5.1f} ms processor"
    )


def main() -> None:
    """Measure a style, fire by default, of the first model that has it."""
    style = sys.argv[1] if len(sys.argv) > 1 else "fire"
    file = model_for_style(style)
    sampler = Sampler(load_model(file.path), "cpu", 1)
    recipe = Recipe(style, model=file.digest, width=SIZE, height=SIZE, loop=None)

    def bare() -> float:
        times = []
        for seed in range(7):
            start = time.perf_counter()
            list(sampler.frames(replace(recipe, seed=seed), [5]))
            times.append(1000 * (time.perf_counter() - start))
        return statistics.median(times)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        client = WorkerClient(worker_command(look_at(Path(sys.executable)), install_code()), folder / "log")
        client.start()
        bench = Bench(client, folder)
        bench.ask(recipe, 1)  # loads the model

        def measure(name: str, work: Callable[[], list[float]]) -> None:
            before = bench.processor_ms()
            latencies = work()
            processor = bench.processor_ms() - before
            tell(name, latencies, bare(), processor)

        print(f"{style}, {SIZE}x{SIZE}:             median    95%    max")
        measure("a new seed each time", lambda: [bench.ask(replace(recipe, seed=s), 9) for s in range(100, 100 + COLD)])
        measure("played at 24 frames a second", lambda: bench.played(recipe, range(1, PLAYED)))
        keyed = [replace(recipe, controls={sampler.style(recipe).controls[0].name: i / 60}) for i in range(60)]
        measure("played, a control keyed", lambda: [bench.ask(r, i) for i, r in enumerate(keyed)])
        measure("scrubbed back and forth", lambda: [bench.ask(recipe, 1 + (37 * i) % 100) for i in range(60)])
        large = replace(recipe, width=1024, height=1024, seed=9)
        client.send(
            "generate", recipe=large.to_dict(), frames=list(range(10_000)), folder=str(folder / "out"), device="cpu"
        )
        time.sleep(2)
        print("while 1024x1024 is generated (processor time is of both):")
        measure("a new seed each time", lambda: [bench.ask(replace(recipe, seed=s), 9) for s in range(200, 200 + COLD)])
        measure("played at 24 frames a second", lambda: bench.played(recipe, range(200, 200 + PLAYED)))
        client.stop()


if __name__ == "__main__":
    main()
