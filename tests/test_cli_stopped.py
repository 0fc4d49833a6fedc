# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line while it runs: what is left when it is stopped, killed, or can write no more."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aigc_blender.cli import main
from aigc_blender.sequence.metadata import read_metadata
from tests.models import tiny_model
from tests.test_cli import FIRE, ROOT, child, frames


@pytest.fixture(autouse=True)
def models(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_MODEL_PATH", str(tiny_model(tmp_path_factory.mktemp("models")).parent))


LONG = f"{FIRE} --size 640x640 --frames 1-400 --threads 1 --device cpu"


def some_seconds() -> list[str]:
    """The options of a run that long, of the tests' model: a bundled one draws fire as well, but takes minutes."""
    return [*LONG.split(), "--model", os.environ["AIGC_MODEL_PATH"] + "/tiny.safetensors"]


def start_long(out: Path, frames_first: int = 3) -> subprocess.Popen[str]:
    """A run that has just finished its first frames."""
    process = child("generate", *some_seconds(), "--out", out)
    assert process.stdout is not None
    seen = 0
    while seen < frames_first:
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        seen += line.startswith("Saved: ")
    return process


def whole(folder: Path) -> int:
    paths = list(folder.glob("*.png"))
    assert all(read_metadata(path) for path in paths)
    return len(paths)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_by_a_signal(tmp_path: Path, number: int, code: int) -> None:
    process = start_long(tmp_path)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert re.fullmatch(r"aigc: Stopped.+\.\n", err), err
    assert 3 <= whole(tmp_path) < 400
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_killed_at_any_moment_and_resumed(tmp_path: Path) -> None:
    for seen, wait in ((1, 0.0), (1, 0.01), (2, 0.037), (1, 0.1)):
        process = start_long(tmp_path / "out", seen)
        time.sleep(wait)
        process.kill()
        process.communicate()
        assert 0 < whole(tmp_path / "out") < 400
    last = 1 + max(int(path.name.split(".")[1]) for path in (tmp_path / "out").glob("*.png"))  # it may be half written
    for folder in ("out", "new"):
        assert main(["generate", *some_seconds(), "--frames", f"1-{last}", "--out", str(tmp_path / folder)]) == 0
    assert frames(tmp_path / "out") == frames(tmp_path / "new")
    assert not list((tmp_path / "out").glob(".*"))


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    process = start_long(tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(60) == 1
    assert process.stderr.read() == ""
    process.stderr.close()
    assert whole(tmp_path) < 400


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of file size")
def test_a_disk_that_takes_no_more(tmp_path: Path) -> None:
    limited = ["sh", "-c", 'ulimit -f 20; exec "$@"', "sh"]  # 20 blocks of 512 bytes
    process = subprocess.Popen(
        [*limited, sys.executable, "-m", "aigc_blender", "generate", *some_seconds(), "--out", tmp_path],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert re.fullmatch(r"aigc: .*fire\.0001\.png cannot be written.+\.\n", err), err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fire.recipe.json"]
