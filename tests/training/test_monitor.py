# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen of a run: each step once, pictures that show what they should, and a run that is none the worse for it."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest

from aigc_blender.generator.checkpoint import load_model
from tests.models import tiny_model
from tests.training.test_fit import SMALL, assert_same_run, folder_of_run, run, waves
from tests.training.test_trainer import two_styles
from training.run.log import Log
from training.run.monitor import USUAL, Intervals, look_is_due
from training.run.progress import Pace, Progress
from training.run.views import LOOP_KNOTS, crop_at_anchors, real_clips
from training.sheet import BACKGROUND, contact_sheet

ROOT = Path(__file__).parents[2]
ALWAYS = Intervals(log=1, sheet=1, save_minutes=0, share=float("inf"))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was looked at after every step, and went on once from a step before its last."""
    folder = tmp_path_factory.mktemp("watched")
    tiny_model(folder)
    assert run(folder, 2, intervals=ALWAYS)
    before = folder / "before"
    shutil.copytree(folder_of_run(folder) / "states", before)
    assert run(folder, 3, intervals=ALWAYS)
    # As if it had been killed before the last state was saved.
    shutil.rmtree(folder_of_run(folder) / "states")
    before.rename(folder_of_run(folder) / "states")
    assert run(folder, 4, intervals=ALWAYS)
    return folder


@pytest.mark.slow
def test_looks_change_nothing(watched: Path, tmp_path: Path) -> None:
    tiny_model(tmp_path)
    assert run(tmp_path, 4)
    assert_same_run(watched, tmp_path)


@pytest.mark.slow
def test_tensorboard_shows_every_step_once(watched: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
        EventAccumulator,
    )

    board = EventAccumulator(str(folder_of_run(watched) / "tensorboard"), size_guidance={"images": 0})
    board.Reload()
    names = board.Tags()["scalars"]
    assert {"loss/discriminator", "loss/generator", "rate/generator", "gamma", "clips a second"} <= set(names)
    assert [e.step for e in board.Scalars("loss/margin")] == [1, 2, 3, 4]
    assert [e.step for e in board.Scalars("loss/penalty")] == [1], "every fourth step"
    assert [e.step for e in board.Scalars("diversity/waves")] == [1, 2, 3, 4]
    assert [e.step for e in board.Images("waves")] == [1, 2, 3, 4]
    logged = {e["step"]: e for e in Log(folder_of_run(watched) / "events.jsonl").events if "margin" in e}
    for event in board.Scalars("loss/margin"):
        assert event.value == pytest.approx(logged[event.step]["margin"], rel=1e-6)


@pytest.mark.slow
def test_every_look_leaves_a_sheet_and_a_video_that_loops(watched: Path) -> None:
    sheets, videos = (sorted((folder_of_run(watched) / name).iterdir()) for name in ("sheets", "videos"))
    assert [p.name for p in sheets] == [f"00000{step}-waves.png" for step in range(1, 5)]
    assert [p.name for p in videos] == [f"00000{step}-waves.mp4" for step in range(1, 5)]
    sheet = iio.imread(sheets[-1])
    rows = 2 + 1  # real clips, and one that is generated: the style has no controls
    assert sheet.shape[0] == 2 * rows * (SMALL.size + 2)
    real = waves().scales[32][0, 0, :32, :32, :3]
    assert np.abs(sheet[4:68:2, 4:68:2].astype(int) - real).max() <= 1, "the first picture is real"
    film = np.stack(list(iio.imiter(videos[-1], plugin="pyav"))).astype(float)
    model = load_model(watched / "out.safetensors")
    assert len(film) == LOOP_KNOTS * model.architecture.knot
    steps = np.abs(np.roll(film, -1, axis=0) - film).mean(axis=(1, 2, 3))
    assert 0 < steps[-1] < 2 * steps[:-1].max()


def test_without_tensorboard_one_line_says_so_and_the_run_goes_on(tmp_path: Path) -> None:
    code = """
import sys
from dataclasses import replace
from pathlib import Path
sys.modules["tensorboard"] = None
from training.run.board import Board
said = []
board = Board(Path(sys.argv[1]), said.append)
board.rewind(0)
board.figures(1, {"a": 1.0})
board.close()
print(len(said), said[0])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "board")], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("1 TensorBoard is not installed")
    assert not (tmp_path / "board").exists()


def test_the_log_forgets_what_will_be_done_again_and_torn_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = Log(path)
    log.rewind(0)
    assert not path.exists(), "nothing to forget"
    for step in range(1, 6):
        log.append(step, margin=step / 3)
    with path.open("ab") as file:
        file.write(b'\0\0\0\n{"step": 6, "marg')
    again = Log(path)
    assert again.events == log.events
    again.rewind(3)
    assert [json.loads(line) for line in path.read_text().splitlines()] == log.events[:3]


def test_looks_are_early_first_and_regular_then() -> None:
    assert [s for s in range(1, 2001) if look_is_due(s, USUAL.sheet)] == [100, 200, 500, 1000, 1500, 2000]
    assert not any(look_is_due(s, 0) for s in range(1, 100))


def test_the_end_is_foretold_from_steps_and_from_time() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    assert pace.left(100, 60) == 60
    assert pace.left(100, float("inf")) is None
    for _ in range(300):
        now[0] += 2
        pace.step()
    assert pace.left(10, float("inf")) == 20
    assert pace.left(100, 60) == 60, "the time is over first"
    for _ in range(300):
        now[0] += 1
        pace.step()
    assert pace.left(10, 60) == 10, "of the last steps"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_one_live_line_and_a_file_plain_ones() -> None:
    shown: dict[str, Any] = {"terminal": Terminal(), "file": io.StringIO()}
    for stream in shown.values():
        progress = Progress(50, 40, float("inf"), stream)
        progress.figures({"margin": 0.123456})
        for step in range(41, 51):
            progress.step(step)
        progress.close()
    assert "50/50" in shown["terminal"].getvalue()
    assert "\r" in shown["terminal"].getvalue()
    plain = shown["file"].getvalue().splitlines()
    assert len(plain) == 1, "the next one a minute later"
    assert plain[0].startswith("Step 41 of 50")
    assert plain[0].endswith("margin 0.123.")


def test_real_rows_stand_at_the_anchors() -> None:
    footage = two_styles()  # bands: anchored in y, 64 pixels high, brighter from the base up
    crop = crop_at_anchors(footage, 0, 1, 0, 32)
    assert (crop.row, crop.column) == (32, 0)
    clips = real_clips(footage, 0, 32, 4)
    assert len(clips) == 2, "the lowest and the highest control"
    assert clips[0].shape == (4, 32, 32, 4)
    assert clips[0][0, -1, 0, 0] == pytest.approx(0, abs=0.02)
    assert clips[0][0, 0, 0, 0] == pytest.approx(31 / 63, abs=0.02)


def test_short_rows_of_a_sheet_end_in_grey() -> None:
    frame = np.ones((4, 4, 4), np.float32)
    sheet = contact_sheet([[frame, frame], [frame]])
    assert sheet.shape == (12, 12, 3)
    assert (sheet[8:, 8:] == round(BACKGROUND * 2 * 255)).all()
